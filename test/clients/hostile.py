# SPDX-License-Identifier: Apache-2.0
"""What strangers may send to a public port, and what must come of it."""
import contextlib
import os
import random
import os
import re
import socket
import struct
import time

import grpc

import dmmaster_pb2 as m
import dmmaster_pb2_grpc as mg
from common import LIMIT_S, case, equal, run, secured, within
from gateway import ask, raw
from master import Code, channel, fails

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
WORKER = "WORKER" in os.environ  # the port is a worker's
SETTINGS, HEADERS, DATA, PING, WINDOW = 4, 1, 0, 6, 8
END_STREAM, END_HEADERS = 1, 4


def connect(addr, timeout=LIMIT_S, clear=False):
    """With TLS, if TLS_FILES is set, and the connection not to be in clear."""
    host, port = addr.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), timeout=timeout)
    return s if clear or not secured() else secured().wrap_socket(
        s, server_hostname=host)


def alive(addr):
    """Both protocols answer, and the state is what it was."""
    equal(ask(addr, "GET", "/healthz")[2], "ok\n")
    if WORKER:
        return
    with channel(addr) as ch:
        got = mg.MasterStub(ch).ListMember(m.ListMemberRequest(), timeout=LIMIT_S)
    equal(len(got.members[1].master.masters), 1)
    equal(got.members[2].worker.workers[0].name, "w1")


# ---- HTTP/2 by hand ----


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) +
            struct.pack(">I", stream) + payload)


def text(name, value):
    """A header field: literal, not indexed, not Huffman coded."""
    name, value = name.encode(), value.encode()
    assert len(name) < 127 and len(value) < 127
    return (b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value)


def open_call(stream, path, end=False):
    block = b"".join(text(*x) for x in (
        (":method", "POST"), (":scheme", "http"), (":path", path),
        (":authority", "x"), ("content-type", "application/grpc"),
        ("te", "trailers")))
    flags = END_HEADERS | (END_STREAM if end else 0)
    return frame(HEADERS, flags, stream, block)


def message(data, compressed=0):
    return bytes((compressed,)) + struct.pack(">I", len(data)) + data


# ---- messages ----


def bytes_call(ch, path):
    return ch.unary_unary(path, request_serializer=bytes,
                          response_deserializer=bytes)


@case
def malformed_messages(addr):
    """Bytes that are no message: INVALID_ARGUMENT, with its name."""
    with channel(addr) as ch:
        start = bytes_call(ch, "/pb.Master/StartTask")
        for data in (b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x7f", b"\x0b",
                     b"\x0a\x05ab", b"\x07", b"\x0a" + b"\x80" * 20,
                     b"\x20\x80\x80", b"\x19\x01\x02"):
            fails(lambda d=data: start(d, timeout=LIMIT_S), Code.INVALID_ARGUMENT,
                  "pb.StartTaskRequest")
        fails(lambda: start(b"\x0a\x02a\xff", timeout=LIMIT_S),
              Code.INVALID_ARGUMENT, "pb.StartTaskRequest.task")
        fails(lambda: start(b"\x0a\x03a\0b", timeout=LIMIT_S),
              Code.INVALID_ARGUMENT, "pb.StartTaskRequest.task")
        # Another type for a known number, and numbers nobody knows.
        mixed = bytes_call(ch, "/pb.Master/ListMember")
        assert mixed(b"\x0a\x02ab", timeout=LIMIT_S)
        assert mixed(b"\xf8\x7f\x01" * 1000, timeout=LIMIT_S)
        rng = random.Random(7)
        for _ in range(500):
            data = rng.randbytes(rng.randrange(1, 60))
            with contextlib.suppress(grpc.RpcError):
                mixed(data, timeout=LIMIT_S)
    alive(addr)


@case
def giant_messages(addr, limit):
    """Over the limit: RESOURCE_EXHAUSTED; at once, whatever its bytes are."""
    limit = int(limit)
    with channel(addr) as ch:
        start = bytes_call(ch, "/pb.Master/StartTask")
        for size in (limit + 1, limit + 1000, 4 * limit):
            fails(lambda n=size: start(b"\0" * n, timeout=LIMIT_S),
                  Code.RESOURCE_EXHAUSTED, "larger than max")
        # A length in front of nothing: 4 GiB are not kept ready for it.
        with contextlib.ExitStack() as all_of_them:
            for _ in range(50):
                s = all_of_them.enter_context(connect(addr))
                s.sendall(PREFACE + frame(SETTINGS, 0, 0) +
                          open_call(1, "/pb.Master/StartTask") +
                          frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" * 9))
            alive(addr)
        # Many small compressed bytes do not become one large message.
        with connect(addr) as s:
            s.sendall(PREFACE + frame(SETTINGS, 0, 0) +
                      open_call(1, "/pb.Master/StartTask") +
                      frame(DATA, END_STREAM, 1, message(b"x" * 100, 1)))
            s.settimeout(LIMIT_S)
            got = b""
            while b"grpc-status" not in got:
                part = s.recv(65536)
                assert part, got
                got += part
    alive(addr)


@case
def memory_is_bounded(addr, pid):
    """A message of 640 MB is refused, and most of it not kept before that."""
    with channel(addr) as ch:
        start = bytes_call(ch, "/pb.Master/StartTask")
        fails(lambda: start(bytes(640 << 20), timeout=600),
              Code.RESOURCE_EXHAUSTED)
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        peak = int(re.search(r"VmHWM:\s*(\d+) kB", f.read()).group(1)) >> 10
    print(f"peak: {peak} MiB")
    # A sanitizer keeps what was freed, up to 256 MiB, and has its own tables.
    assert peak < (1000 if os.environ.get("SAN") else 512), peak
    alive(addr)


@case
def waiting_calls_are_bounded(addr, limit):
    """What waits for databases fills its own threads and 64 MiB, no more."""
    with contextlib.ExitStack() as stack:
        ch = stack.enter_context(channel(addr))
        stub = mg.MasterStub(ch)
        # A database that takes connections and says nothing.
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0),
                                                        backlog=500))
        text = (f"source-id: mute\nfrom:\n  host: 127.0.0.1\n"
                f"  port: {mute.getsockname()[1]}\n  user: dm\n")
        small = [stub.OperateSource.future(m.OperateSourceRequest(
            op="StartSource", config=[text]), timeout=120)
            for _ in range(8)]
        text += "# filler\n" * ((int(limit) - 1000000) // 9)
        large = [stub.OperateSource.future(m.OperateSourceRequest(
            op="StartSource", config=[text]), timeout=120)
            for _ in range(40)]
        # Those beyond the bound are refused at once, the others wait; on a
        # slow machine some of these have given the database up by now.
        most = 40 - 3 * ((64 << 20) // len(text))
        until = time.monotonic() + LIMIT_S

        def refused():
            return [f for f in large if f.done() and
                    f.code() == Code.RESOURCE_EXHAUSTED]

        while len(refused()) < most and time.monotonic() < until:
            time.sleep(0.1)
        print(f"{len(refused())} of {len(large)} refused")
        assert len(refused()) >= most, len(refused())
        for f in refused():
            within("too many bytes", f.details())
        # Nobody else waits for them.
        assert stub.ListMember(m.ListMemberRequest(), timeout=LIMIT_S).result
        assert stub.QueryStatus(m.QueryStatusListRequest(),
                                timeout=LIMIT_S).result
        shown = stub.OperateSource(m.OperateSourceRequest(op="ShowSource"),
                                   timeout=LIMIT_S)
        assert shown.result, shown.msg
        for f in small + large:
            f.cancel()
    alive(addr)
    with channel(addr) as ch:
        # What was given up counts no more.
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            try:
                got = mg.MasterStub(ch).StartTask(
                    m.StartTaskRequest(task=text), timeout=LIMIT_S)
                break
            except grpc.RpcError as e:
                equal(e.code(), Code.RESOURCE_EXHAUSTED)
                time.sleep(0.2)
        assert not got.result


# ---- connections ----


@case
def garbage_bytes(addr):
    rng = random.Random(5)
    for data in (HELLO, b"\0" * 1000, b"\xff" * 1000, b"quit\r\n", b"\r\n" * 99,
                 b"SSH-2.0-x\r\n", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/1.1",
                 b"\x4a\x00\x00\x00\x0a5.5.5-10.11\x00"):
        with connect(addr) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while s.recv(65536):
                    pass
    for _ in range(300):
        data = rng.randbytes(rng.randrange(1, 3000))
        if rng.random() < 0.5:
            data = PREFACE + data
        with connect(addr) as s:
            with contextlib.suppress(ConnectionError):
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
    # Frames that are wrong in themselves.
    for bad in (frame(DATA, 0, 1, b"x"), frame(HEADERS, 4, 1, b"\xff" * 50),
                frame(HEADERS, 4, 2, b""), frame(PING, 0, 0, b"short"),
                frame(WINDOW, 0, 0, b"\0\0\0\0"), frame(99, 255, 7, b"z"),
                b"\xff\xff\xff" + b"\0" * 6, open_call(1, "no slash", True),
                open_call(1, "/", True), open_call(1, "//", True),
                open_call(1, "/a/b/c", True)):
        got = b""
        with connect(addr) as s:
            with contextlib.suppress(ConnectionError, socket.timeout):
                s.sendall(PREFACE + frame(SETTINGS, 0, 0) + bad)
                s.shutdown(socket.SHUT_WR)
                while True:
                    part = s.recv(65536)
                    if not part:
                        break
                    got += part
        assert got, bad  # at least the server's settings
    alive(addr)


@case
def silent_connections(addr):
    """Peers that say nothing, or half of something, keep nobody out."""
    with contextlib.ExitStack() as all_of_them:
        for part in (b"", PREFACE[:5], b"P", b"G"):
            for _ in range(300):
                s = all_of_them.enter_context(connect(addr))
                with contextlib.suppress(ConnectionError):
                    s.sendall(part)
        alive(addr)
    alive(addr)


@case
def slow_http_clients(addr):
    """More slow requests than there are places for: others get in."""
    head = b"PUT /apis/v1alpha1/sources HTTP/1.1\r\nHost: x\r\n"
    with contextlib.ExitStack() as all_of_them:
        slow = [all_of_them.enter_context(connect(addr)) for _ in range(600)]
        for i, s in enumerate(slow):
            with contextlib.suppress(ConnectionError):
                s.sendall(head if i % 2 else
                          head + b"Content-Length: 99\r\n\r\n{")
            if i % 50 == 0:
                begun = time.monotonic()
                equal(ask(addr, "GET", "/healthz")[2], "ok\n")
                assert time.monotonic() - begun < 10
        for s in slow[::7]:
            with contextlib.suppress(ConnectionError):
                s.sendall(b"X: y\r\n")
        alive(addr)
    alive(addr)


@case
def half_open_streams(addr):
    """Calls that never send their request, then vanish."""
    with contextlib.ExitStack() as all_of_them:
        for _ in range(20):
            s = all_of_them.enter_context(connect(addr))
            s.sendall(PREFACE + frame(SETTINGS, 0, 0) + b"".join(
                open_call(2 * i + 1, "/pb.Master/StartTask")
                for i in range(50)) + b"".join(
                frame(DATA, 0, 2 * i + 1, b"\0\0\0") for i in range(50)))
        alive(addr)
    with channel(addr) as ch:
        # A stream whose one side is never ended.
        call = ch.stream_unary("/pb.Master/ListMember",
                               request_serializer=bytes,
                               response_deserializer=bytes)
        fails(lambda: call(iter(()), timeout=LIMIT_S), Code.INVALID_ARGUMENT)
    alive(addr)


@case
def slow_readers(addr):
    """Answers that nobody reads: the window is closed for them."""
    settings = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    with contextlib.ExitStack() as all_of_them:
        for _ in range(20):
            s = all_of_them.enter_context(connect(addr))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.sendall(PREFACE + settings + b"".join(
                open_call(2 * i + 1, "/pb.Master/QueryStatus") +
                frame(DATA, END_STREAM, 2 * i + 1, message(b""))
                for i in range(100)))
        for _ in range(50):
            s = all_of_them.enter_context(connect(addr))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        alive(addr)
    alive(addr)


# ---- leaks ----


def usage(addr):
    """Open descriptors and resident MiB, as the program tells them."""
    page = ask(addr, "GET", "/metrics")[2]

    def value(name):
        return float(re.search(rf"^{name} (\S+)$", page, re.M).group(1))

    return (int(value("process_open_fds")),
            value("process_resident_memory_bytes") / (1 << 20))


def settled(addr, fds):
    """usage(), when what was closed has been cleaned up."""
    until = time.monotonic() + LIMIT_S
    got = usage(addr)
    while got[0] > fds and time.monotonic() < until:
        time.sleep(0.1)
        got = usage(addr)
    return got


def connects(addr, count):
    call = (PREFACE + frame(SETTINGS, 0, 0) +
            open_call(1, "/pb.Master/ShowDDLLocks") +
            frame(DATA, END_STREAM, 1, message(b"")))
    for i in range(count):
        kind = i % 5
        if kind == 0:
            connect(addr, clear=True).close()
        elif kind == 1:
            raw(addr, b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
                b"Connection: close\r\n\r\n")
        else:
            with connect(addr, clear=kind == 2) as s:
                s.sendall((HELLO, PREFACE, call)[kind - 2])
                if kind == 4:
                    s.recv(1000)


@case
def connects_leave_nothing(addr, count):
    """The same twice: what grows the second time grows every time."""
    connects(addr, int(count))
    before = settled(addr, 60)
    connects(addr, int(count))
    after = settled(addr, before[0])
    print(f"{count} connections: {before[0]} descriptors, "
          f"{before[1]:.1f} MiB before; {after[0]}, {after[1]:.1f} MiB after")
    assert after[0] <= before[0] + 5, (before, after)
    # A sanitizer keeps what was freed, and finds by itself what was not.
    assert os.environ.get("SAN") or after[1] <= before[1] + 4, (before, after)
    alive(addr)


if __name__ == "__main__":
    run()
