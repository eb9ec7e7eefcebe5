# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP of master and worker, and the JSON gateway of pb.Master."""
import http.client
import json
import re
import socket

from common import LIMIT_S, case, equal, run, secured, within

API = "/apis/v1alpha1/"


def ask(addr, method, path, body=None, headers=None):
    """Status, headers and text of the answer."""
    c = http.client.HTTPSConnection(addr, timeout=LIMIT_S, context=secured()) \
        if secured() else http.client.HTTPConnection(addr, timeout=LIMIT_S)
    c.request(method, path, body=body, headers=headers or {})
    r = c.getresponse()
    text = r.read().decode()
    c.close()
    return r.status, r.headers, text


def get(addr, path, status=200):
    got, _, text = ask(addr, "GET", path)
    equal(got, status, f"{path}: {text}")
    return text


def api(addr, method, path, body=None, status=200):
    if isinstance(body, dict):
        body = json.dumps(body)
    got, headers, text = ask(addr, method, API + path, body)
    equal(got, status, f"{method} {path}: {text}")
    equal(headers["Content-Type"], "application/json")
    return json.loads(text)


STATUS = (r"Release Version: \S+\nGit Commit Hash: \S+\nGit Branch: \S+\n"
          r"UTC Build Time: .+\nGo Version: .+\nFailpoint Build: (true|false)\n")


@case
def pages_of_master(addr):
    assert re.fullmatch(STATUS, get(addr, "/status")), get(addr, "/status")
    equal(get(addr, "/health"), '{"health":"true","reason":""}')
    equal(get(addr, "/healthz"), "ok\n")
    equal(get(addr, "/readyz"), "ok\n")
    version = get(addr, "/version")
    assert re.fullmatch(r'\{"etcdserver":"\d+\.\d+\.\d+",'
                        r'"etcdcluster":"\d+\.\d+\.0"\}', version), version
    get(addr, "/nothing", 404)
    equal(ask(addr, "POST", "/metrics")[0], 405)
    equal(ask(addr, "POST", "/status")[0], 200)
    equal(ask(addr, "HEAD", "/healthz")[2], "")
    status, headers, _ = ask(addr, "OPTIONS", API + "tasks")
    equal((status, headers["Access-Control-Allow-Origin"]), (200, "*"))


@case
def pages_of_worker(addr):
    assert re.fullmatch(STATUS, get(addr, "/status"))
    equal(get(addr, "/health"), "ok\n")
    equal(get(addr, "/healthz"), "ok\n")
    equal(get(addr, "/readyz"), "ok\n")
    within("dm_worker_subtasks", get(addr, "/metrics"))
    get(addr, "/version", 404)
    get(addr, API + "members", 404)


@case
def gateway_reads(addr, worker):
    parts = api(addr, "GET", "members")["members"]
    equal([list(p)[0] for p in parts], ["leader", "master", "worker"])
    equal(parts[0]["leader"]["addr"], addr)
    # 64 bits are text, defaults are there, names are those of the .proto.
    assert re.fullmatch(r"\d+", parts[1]["master"]["masters"][0]["memberID"])
    equal(parts[2]["worker"]["workers"][0]["source"], "")
    only = api(addr, "GET", f"members?worker=true&names={worker}&other=1")
    equal([w["name"] for w in only["members"][0]["worker"]["workers"]],
          [worker])
    equal(len(only["members"]), 1)
    none = api(addr, "GET", "members?worker=T&names=a&names=b")
    equal(none["members"][0]["worker"]["workers"], [])
    got = api(addr, "GET", "tasks/none")
    equal((got["result"], got["msg"]),
          (False, "invalid config op 'InvalidType'"))
    for kind in ("1", "TaskType"):
        got = api(addr, "GET", f"tasks/none?type={kind}")
        equal((got["result"], got["msg"]), (False, "task not found"))
    within("none", api(addr, "GET", "status/none")["msg"])
    within("[a b]", api(addr, "GET", "status/t?sources=a&sources=b")["msg"])
    equal(api(addr, "GET", "subtasks/none")["cfgs"], [])
    text = ask(addr, "GET", API + "members?leader=1")[2]
    assert text.startswith('{\n  "result": true,\n  "msg": "",\n'), text


@case
def gateway_writes(addr, source):
    with open(source, encoding="utf-8") as f:
        config = f.read()
    got = api(addr, "PUT", "sources", {"op": "StartSource",
                                       "config": [config]})
    equal((got["result"], [s["source"] for s in got["sources"]]),
          (True, ["src1"]))
    got = api(addr, "PUT", "sources", {"op": 1, "config": [config]})
    equal(got["result"], False)
    within("46007", got["msg"])
    got = api(addr, "PUT", "sources", {"op": "ShowSource", "sourceID": []})
    equal(got["sources"][0]["source"], "src1")
    got = api(addr, "POST", "tasks", {"task": "name: t\n", "unknown": [1]})
    equal(got["result"], False)
    within("code=20020", got["msg"])
    # The path wins over the body.
    got = api(addr, "PUT", "tasks/pathname", {"op": 2, "name": "bodyname"})
    within("pathname", got["msg"])
    got = api(addr, "PUT", "schema", {"op": "GetSchema"})
    equal(got["result"], False)
    got = api(addr, "PUT", "errors", "")
    equal(got["result"], False)
    got = api(addr, "PUT", "sources", {"op": "StopSource",
                                       "sourceID": ["src1"]})
    equal(got["result"], True, got["msg"])
    got = api(addr, "DELETE", "members/worker/nobody")
    within("46004", got["msg"])
    within("not exists", got["msg"])
    got = api(addr, "PUT", "leader/CancelEvictLeaderOp")
    equal(got, {"result": True, "msg": ""})
    equal(api(addr, "PUT", "leader/2", "{}")["result"], True)


def is_error(got, code):
    equal(got["code"], code)
    equal(got["error"], got["message"])
    equal(got["details"], [])
    return got["message"]


@case
def gateway_errors(addr):
    for body in ("{bad", "[]", '{"op": {}}', '{"op": "NoSuch"}',
                 '{"config": "text"}', '{"config": [1]}',
                 '{"workerName": "\\ud800"}'):
        is_error(api(addr, "PUT", "sources", body, status=400), 3)
    got = api(addr, "PUT", "leader/NoSuchOp", status=400)
    within("NoSuchOp", is_error(got, 3))
    for query in ("leader=maybe", "leader=1&leader=1", "names=%ff%fe"):
        is_error(api(addr, "GET", "members?" + query, status=400), 3)
    for path in ("", "nothing", "members/", "tasks/a/b", "leader"):
        got = api(addr, "GET", path, status=501)
        equal(is_error(got, 12), "Not Implemented")
    for method, path in (("PATCH", "members"), ("DELETE", "tasks/x"),
                         ("GET", "tasks"), ("POST", "members")):
        got = api(addr, method, path, status=501)
        equal(is_error(got, 12), "Method Not Allowed")


@case
def follower_forwards(addr, leader):
    got = api(addr, "GET", "members?leader=true")
    equal(got["members"][0]["leader"]["addr"], leader)
    got = api(addr, "DELETE", "members/worker/nobody")
    within("46004", got["msg"])


@case
def no_leader(addr):
    """A master that knows no leader says so, with DM's code."""
    got = api(addr, "GET", "members?leader=true", status=500)
    within("38043", is_error(got, 2))
    equal(ask(addr, "GET", "/readyz")[0], 503)
    equal(ask(addr, "GET", "/healthz")[0], 200)


def raw(addr, data, until=b""):
    """Send bytes, return what comes until the end."""
    host, port = addr.rsplit(":", 1)
    out = b""
    s = socket.create_connection((host, int(port)), timeout=LIMIT_S)
    if secured():
        s = secured().wrap_socket(s, server_hostname=host)
    with s:
        try:
            s.sendall(data)
            while until == b"" or until not in out:
                part = s.recv(65536)
                if not part:
                    break
                out += part
        except (ConnectionResetError, BrokenPipeError):
            pass
    return out


@case
def limits(addr):
    def status(data):
        return raw(addr, data, b"\r\n").split(b"\r\n")[0]

    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    within(b" 431 ", status(head + b"X: " + b"x" * 100000 + b"\r\n\r\n"))
    within(b" 431 ", status(head + b"".join(
        b"X%d: y\r\n" % i for i in range(20000)) + b"\r\n"))
    within(b" 414 ", status(b"GET /" + b"u" * 100000 + b" HTTP/1.1\r\n\r\n"))
    within(b" 200 ", status(head + b"X: " + b"x" * 8000 + b"\r\n\r\n"))
    big = 64 << 20
    put = b"PUT " + (API + "sources").encode() + b" HTTP/1.1\r\nHost: x\r\n"
    within(b" 413 ", status(put + b"Content-Length: %d\r\n\r\n" % big))
    for bad in (b"Content-Length: -1", b"Content-Length: 9x",
                b"Content-Length: 99999999999999999999999"):
        got = status(put + bad + b"\r\n\r\n{}")
        assert b" 200 " not in got, got
    for bad in (b"GET\r\n\r\n", b"GET / HTTP/0.1\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\n no: colon\r\n\r\n"):
        got = status(bad)
        assert b" 200 " not in got, got
    equal(get(addr, "/healthz"), "ok\n")


if __name__ == "__main__":
    run()
