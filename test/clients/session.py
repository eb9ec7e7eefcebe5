# SPDX-License-Identifier: Apache-2.0
"""dm.v1.WorkerSession as a stranger uses it: what is out of order is refused
with a status that says why, and leaves nothing behind. w1 is a worker that
has a session of its own."""
import os
import queue

import grpc

import dmsession_pb2 as s
import dmsession_pb2_grpc as sg
from common import LIMIT_S, case, equal, run, within
from hostile import alive, settled
from master import Code, channel

ADDRESS = "127.0.0.1:9"


def hello(name="x1", **changes):
    fields = {"protocol": 1, "name": name, "address": ADDRESS,
              "keepaliveTtl": 5, "sealKey": os.urandom(32)}
    fields.update(changes)
    return s.WorkerMessage(hello=s.Hello(**fields))


def beat(seq=1):
    return s.WorkerMessage(heartbeat=s.Heartbeat(seq=seq))


def report(*sources):
    return s.WorkerMessage(report=s.Report(sources=sources))


class Session:
    """One stream; what is put into it is sent."""

    def __init__(self, ch, *messages):
        self.out = queue.SimpleQueue()
        self.call = sg.WorkerSessionStub(ch).Session(
            iter(self.out.get, None), timeout=LIMIT_S)
        self.send(*messages)

    def send(self, *messages):
        for m in messages:
            self.out.put(m)

    def until(self, kind):
        """The next message of that kind."""
        for m in self.call:
            if m.WhichOneof("m") == kind:
                return getattr(m, kind)
        raise AssertionError(f"no {kind}")

    def end(self):
        """Read to the end: its status and text."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError:
            pass
        self.out.put(None)
        return self.call.code(), self.call.details()

    def hang_up(self):
        self.out.put(None)
        self.call.cancel()


def ends(ch, code, text, *messages):
    got = Session(ch, *messages).end()
    equal(got[0], code, got[1])
    within(text, got[1])


@case
def messages_before_hello(addr):
    with channel(addr) as ch:
        for first in (beat(), report(), report(s.SourceReport(source="a")),
                      s.WorkerMessage(reply=s.Reply(request=1))):
            ends(ch, Code.INVALID_ARGUMENT, "Hello", first, hello())
    alive(addr)


@case
def bad_hellos(addr):
    with channel(addr) as ch:
        for text, changes in (
                ("name must have", {"name": ""}),
                ("name must have", {"name": "n" * 256}),
                ("address is missing", {"address": ""}),
                ("protocol version", {"protocol": 0}),
                ("protocol version", {"protocol": 2}),
                ("sealKey", {"sealKey": b""}),
                ("sealKey", {"sealKey": bytes(31)}),
                ("sealKey", {"sealKey": bytes(33)}),
                ("sealKey", {"sealKey": os.urandom(100000)})):
            ends(ch, Code.FAILED_PRECONDITION, text, hello(**changes))
        # A point that every secret leads to.
        ends(ch, Code.INVALID_ARGUMENT, "sealKey is not a public key",
             hello("x-zero", sealKey=bytes(32)))
    alive(addr)


@case
def second_hello(addr):
    with channel(addr) as ch:
        one = Session(ch, hello("x-twice"))
        one.until("welcome")
        one.send(hello("x-twice"))
        code, text = one.end()
        equal(code, Code.FAILED_PRECONDITION, text)
        within("a second Hello", text)
        ends(ch, Code.FAILED_PRECONDITION, "a second Hello",
             hello("x-twice"), hello("w1"))
    alive(addr)


@case
def giant_reports(addr, limit):
    """A large one is taken, one over the limit ends the session."""
    with channel(addr) as ch:
        one = Session(ch, hello("x-giant"))
        one.until("welcome")
        small = s.SourceReport(source="none", epoch=1)
        one.send(report(*[small] * (int(limit) // 32)), beat(7))
        equal(one.until("ack").seq, 7)
        one.send(report(s.SourceReport(source="n" * (int(limit) + 1))))
        code, text = one.end()
        equal(code, Code.RESOURCE_EXHAUSTED, text)
    alive(addr)


def flood(addr, count):
    """So many at once: of a name that is taken, of one name, without one."""
    with channel(addr) as ch:
        taken = [Session(ch, hello("w1")) for _ in range(count // 3)]
        same = [Session(ch, hello("x-flood")) for _ in range(count // 3)]
        silent = [Session(ch) for _ in range(count // 3)]
        for one in taken:
            code, text = one.end()
            equal(code, Code.FAILED_PRECONDITION, text)
            within("46003", text)
        alive(addr)
        for one in same + silent:
            one.hang_up()


@case
def hello_flood(addr, count):
    flood(addr, int(count))
    before = settled(addr, 60)
    flood(addr, int(count))
    after = settled(addr, before[0])
    print(f"{count} sessions: {before[0]} descriptors, {before[1]:.1f} MiB "
          f"before; {after[0]}, {after[1]:.1f} MiB after")
    assert after[0] <= before[0] + 5, (before, after)
    assert after[1] <= before[1] + 4, (before, after)
    alive(addr)


if __name__ == "__main__":
    run()
