# SPDX-License-Identifier: Apache-2.0
"""pb.Master, health and reflection as a stock gRPC client sees them."""
import concurrent.futures
import json
import os
import pathlib
import signal

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2
from google.protobuf import json_format, message_factory

import dmmaster_pb2 as m
import dmmaster_pb2_grpc as mg
import dmworker_pb2 as w
import etcdkv_pb2 as kv
import etcdkv_pb2_grpc as kvg
import health_pb2 as h
import health_pb2_grpc as hg
import reflection_pb2 as r1
import reflection_pb2_grpc as r1g
import reflection_v1alpha_pb2 as ra
import reflection_v1alpha_pb2_grpc as rag
from common import LIMIT_S, case, equal, run, tls_files, within

Code = grpc.StatusCode
RELAY = b"/dm-master/relay-worker/"
RELAY_END = b"/dm-master/relay-worker0"


def channel(addr, limit=-1):
    """With the certificate that TLS_FILES names, if it does."""
    options = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),
    ]
    files = tls_files()
    if not files:
        return grpc.insecure_channel(addr, options=options)
    ca, cert, key = (pathlib.Path(f).read_bytes() for f in files)
    return grpc.secure_channel(
        addr, grpc.ssl_channel_credentials(ca, key, cert), options=options)


def fails(fn, code, text=""):
    """fn() ends with this status, whose text has `text`."""
    try:
        fn()
    except grpc.RpcError as e:
        equal(e.code(), code, e.details())
        within(text, e.details())
        return e
    raise AssertionError(f"no error, wanted {code}")


@case
def unary(addr):
    stub = mg.MasterStub(channel(addr))
    resp = stub.ListMember(m.ListMemberRequest())
    assert resp.result, resp.msg
    equal([x.WhichOneof("member") for x in resp.members],
          ["leader", "master", "worker"])
    equal(resp.members[0].leader.addr, addr)
    least = 1 if os.environ.get("EXTERNAL_ETCD") else 2 ** 32
    assert resp.members[1].master.masters[0].memberID >= least
    assert stub.QueryStatus(m.QueryStatusListRequest()).result
    assert stub.ListTaskConfigs(empty_pb2.Empty()).result


@case
def errors_carry_codes(addr):
    stub = mg.MasterStub(channel(addr))
    resp = stub.StartTask(m.StartTaskRequest(task="name: [x"))
    assert not resp.result
    within("[code=20003:class=dm-master:", resp.msg)
    resp = stub.OfflineMember(
        m.OfflineMemberRequest(type="worker", name="nobody"))
    within("[code=46004:", resp.msg)
    within("Workaround: ", resp.msg)
    resp = stub.OfflineMember(m.OfflineMemberRequest(type="what", name="x"))
    within("[code=38049:", resp.msg)
    resp = stub.OperateTask(m.OperateTaskRequest(op="Stop", name="t"))
    assert not resp.result
    within("t", resp.msg)


@case
def deadlines_are_kept(addr, pid):
    """A master that stands still, for no short deadline is sure to pass."""
    stub = mg.MasterStub(channel(addr))
    stub.ListMember(m.ListMemberRequest(), timeout=LIMIT_S)  # connected
    os.kill(int(pid), signal.SIGSTOP)
    try:
        fails(lambda: stub.ListMember(m.ListMemberRequest(), timeout=0.5),
              Code.DEADLINE_EXCEEDED)
        call = stub.ListMember.future(m.ListMemberRequest())
        call.cancel()
        equal(call.code(), Code.CANCELLED)
    finally:
        os.kill(int(pid), signal.SIGCONT)
    # Neither has done harm.
    assert stub.ListMember(m.ListMemberRequest(), timeout=LIMIT_S).result


@case
def large_configs(addr):
    """A configuration of 4 MB arrives, and is judged as YAML."""
    stub = mg.MasterStub(channel(addr))
    text = "name: big\n" + "# filler\n" * (4 * 1000 * 1000 // 9)
    resp = stub.StartTask(m.StartTaskRequest(task=text), timeout=LIMIT_S)
    assert not resp.result
    within("task-mode", resp.msg)
    resp = stub.OperateSource(
        m.OperateSourceRequest(op="StartSource", config=[text]), timeout=LIMIT_S)
    assert not resp.result
    within("code=", resp.msg)


@case
def concurrent_calls(addr):
    stub = mg.MasterStub(channel(addr))
    stub.ListMember(m.ListMemberRequest())

    def one(i):
        if i % 3 == 0:
            return stub.ListMember(m.ListMemberRequest(leader=True)).result
        if i % 3 == 1:
            return stub.QueryStatus(m.QueryStatusListRequest()).result
        return stub.ShowDDLLocks(m.ShowDDLLocksRequest()).result

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        got = list(pool.map(one, range(1000)))
    equal(got, [True] * 1000)
    futures = [stub.ListMember.future(m.ListMemberRequest(leader=True))
               for _ in range(200)]
    equal([f.result().result for f in futures], [True] * 200)


@case
def unimplemented_names_the_method(addr):
    ch = channel(addr)

    def call(path):
        return lambda: ch.unary_unary(
            path, request_serializer=bytes,
            response_deserializer=bytes)(b"", timeout=LIMIT_S)

    fails(call("/pb.Master/NoSuchThing"), Code.UNIMPLEMENTED,
          "unknown method NoSuchThing for service pb.Master")
    fails(call("/pb.Worker/QueryStatus"), Code.UNIMPLEMENTED, "QueryStatus")
    fails(call("/no.such.Service/X"), Code.UNIMPLEMENTED, "no.such.Service")


@case
def health(addr, *services):
    stub = hg.HealthStub(channel(addr))
    up = h.HealthCheckResponse.SERVING
    for name in ("",) + services:
        got = stub.Check(h.HealthCheckRequest(service=name), timeout=LIMIT_S)
        equal(got.status, up, name)
        watch = stub.Watch(h.HealthCheckRequest(service=name), timeout=LIMIT_S)
        equal(next(watch).status, up, name)
        watch.cancel()
    fails(lambda: stub.Check(h.HealthCheckRequest(service="x"), timeout=LIMIT_S),
          Code.NOT_FOUND)
    watch = stub.Watch(h.HealthCheckRequest(service="x"), timeout=LIMIT_S)
    equal(next(watch).status, h.HealthCheckResponse.SERVICE_UNKNOWN)
    watch.cancel()


class Reflection:
    """One stream of questions, as grpcurl has it."""

    def __init__(self, addr, pb, grpc_pb):
        self.pb = pb
        self.stub = grpc_pb.ServerReflectionStub(channel(addr))

    def ask(self, *questions):
        requests = [self.pb.ServerReflectionRequest(**q) for q in questions]
        out = list(self.stub.ServerReflectionInfo(iter(requests), timeout=LIMIT_S))
        equal(len(out), len(questions))
        equal([x.original_request for x in out], requests)
        return out

    def services(self):
        out = self.ask({"list_services": "*"})[0]
        return [s.name for s in out.list_services_response.service]

    def files(self, symbol):
        out = self.ask({"file_containing_symbol": symbol})[0]
        data = out.file_descriptor_response.file_descriptor_proto
        assert data, out
        return [descriptor_pb2.FileDescriptorProto.FromString(d) for d in data]


def check_reflection(addr, pb, grpc_pb, services):
    r = Reflection(addr, pb, grpc_pb)
    equal(r.services(), sorted(services))
    for name in services:
        files = r.files(name)
        package, short = name.rsplit(".", 1)
        equal(files[0].package, package)
        assert short in [s.name for s in files[0].service]
    out = r.ask({"file_by_filename": "dmworker.proto"},
                {"file_by_filename": "none.proto"},
                {"file_containing_symbol": "pb.TaskOp"},
                {"file_containing_symbol": "pb.Nothing"},
                {"all_extension_numbers_of_type": "pb.StartTaskRequest"},
                {"file_containing_extension":
                 {"containing_type": "pb.StartTaskRequest",
                  "extension_number": 7}})
    equal([x.WhichOneof("message_response") for x in out],
          ["file_descriptor_response", "error_response",
           "file_descriptor_response", "error_response",
           "all_extension_numbers_response", "error_response"])
    for i in (1, 3, 5):
        equal(out[i].error_response.error_code, Code.NOT_FOUND.value[0])
    within("none.proto", out[1].error_response.error_message)
    fails(lambda: r.ask({"host": "x"}), Code.INVALID_ARGUMENT)


@case
def reflection(addr, *services):
    check_reflection(addr, r1, r1g, services)
    check_reflection(addr, ra, rag, services)


@case
def call_by_reflection_alone(addr):
    """No stub: what ListMember takes and gives is asked for."""
    pool = descriptor_pool.DescriptorPool()
    files = Reflection(addr, ra, rag).files("pb.Master.ListMember")
    for f in reversed(files):  # imports stand behind what imports them
        pool.Add(f)
    method = pool.FindServiceByName("pb.Master").methods_by_name["ListMember"]
    make = message_factory.MessageFactory(pool).GetPrototype
    request, response = make(method.input_type), make(method.output_type)
    call = channel(addr).unary_unary(
        "/pb.Master/ListMember", request_serializer=request.SerializeToString,
        response_deserializer=response.FromString)
    got = json_format.MessageToDict(call(request(leader=True), timeout=LIMIT_S))
    equal(got["members"][0]["leader"]["addr"], addr)


@case
def etcd_relay_keys(addr):
    """The one range that the original's `config export` reads."""
    stub = kvg.KVStub(channel(addr))
    got = stub.Range(kv.RangeRequest(key=RELAY, range_end=RELAY_END),
                     timeout=LIMIT_S)
    equal(got.count, len(got.kvs))
    assert got.header.revision > 0
    got = stub.Range(kv.RangeRequest(key=RELAY + b"7731"), timeout=LIMIT_S)
    equal(got.count, 0)
    fails(lambda: stub.Range(kv.RangeRequest(
        key=RELAY, range_end=RELAY_END, revision=1), timeout=LIMIT_S),
        Code.INVALID_ARGUMENT)


@case
def etcd_is_closed_otherwise(addr):
    ch = channel(addr)
    stub = kvg.KVStub(ch)
    for key, end in ((b"/dm-master/v2/upstream/config/", b""),
                     (RELAY, b"\0"), (RELAY, b"/dm-master/relay-worker1"),
                     (b"\0", b"\0"), (b"", b""), (b"/", RELAY_END),
                     (b"/dm-master/relay-worker", RELAY_END)):
        fails(lambda k=key, e=end: stub.Range(
            kv.RangeRequest(key=k, range_end=e), timeout=LIMIT_S),
            Code.PERMISSION_DENIED)
    for path in ("KV/Put", "KV/Txn", "KV/DeleteRange", "KV/Compact",
                 "Watch/Watch", "Lease/LeaseGrant", "Auth/UserAdd",
                 "Maintenance/Snapshot"):
        call = ch.unary_unary("/etcdserverpb." + path,
                              request_serializer=bytes,
                              response_deserializer=bytes)
        fails(lambda c=call: c(b"", timeout=LIMIT_S), Code.PERMISSION_DENIED,
              "etcdserver: permission denied")


@case
def follower_forwards(addr, leader):
    """addr does not lead: its answers are the leader's."""
    stub = mg.MasterStub(channel(addr))
    got = stub.ListMember(m.ListMemberRequest(leader=True), timeout=LIMIT_S)
    equal(got.members[0].leader.addr, leader)
    health(addr, "pb.Master")


@case
def lists_of_schemas(addr, task, source):
    """What dmctl has no command for: DM's OpenAPI asks for it."""
    stub = mg.MasterStub(channel(addr))
    Op = w.SchemaOp

    def ask(op, **fields):
        resp = stub.OperateSchema(m.OperateSchemaRequest(
            op=op, task=task, sources=[source], **fields), timeout=LIMIT_S)
        assert resp.result, resp.msg
        equal([(s.result, s.source) for s in resp.sources],
              [(True, source)])
        return json.loads(resp.sources[0].msg)

    def targets(schema="", table=""):
        return [(t["source_schema"], t["source_table"], t["target_schema"],
                 t["target_table"]) for t in ask(
                     Op.ListMigrateTargets, schema=schema, table=table)]

    def same(*names):
        return [("ops", n, "ops", n) for n in names]

    equal(ask(Op.ListSchema), ["ops"])
    equal(ask(Op.ListTable, database="ops"), ["f", "i", "more", "r", "s"])
    equal(ask(Op.ListTable, database="none"), [])
    equal(targets(), same("f", "i", "more", "r", "s"))
    equal(targets("^op", "^[rs]$"), same("r", "s"))
    equal(targets("x"), [])
    resp = stub.OperateSchema(m.OperateSchemaRequest(
        op=Op.ListMigrateTargets, task=task, sources=[source], schema="("),
        timeout=LIMIT_S)
    equal(resp.sources[0].result, False)
    within("missing", resp.sources[0].msg)


if __name__ == "__main__":
    run()
