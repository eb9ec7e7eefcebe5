// SPDX-License-Identifier: Apache-2.0
// pb.Master as a Node client sees it, built from our .proto files at run time:
//   node master.js ADDR PROTO_DIR
// NODE_PATH has @grpc/grpc-js and @grpc/proto-loader. TLS_FILES, if set, names
// the files with the authority, the certificate and its key.
'use strict';
const assert = require('assert');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [addr, dir] = process.argv.slice(2);
const options = {
  keepCase: true, longs: String, enums: String, defaults: true, oneofs: true,
  includeDirs: [dir, '/usr/include'],
};
const load = (file) =>
  grpc.loadPackageDefinition(loader.loadSync(file, options));
const [ca, cert, key] = (process.env.TLS_FILES || '').split(' ')
  .map((file) => file && fs.readFileSync(file));
const creds = ca ? grpc.credentials.createSsl(ca, key, cert)
  : grpc.credentials.createInsecure();
const limits = {
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': -1,
  'grpc.enable_http_proxy': 0,
};
const master = new (load('dmmaster.proto').pb.Master)(addr, creds, limits);
const health =
  new (load('health.proto').grpc.health.v1.Health)(addr, creds, limits);
const reflection = new (load('reflection.proto')
  .grpc.reflection.v1.ServerReflection)(addr, creds, limits);

// One unary call; 120 s unless told, for a machine with other work.
const call = (client, method, request, ms = 120000) =>
  new Promise((done, fail) => {
    client[method](request, { deadline: Date.now() + ms },
      (err, answer) => (err ? fail(err) : done(answer)));
  });

const code = (promise) => promise.then(() => 0, (err) => err.code);

const tests = {
  async unary() {
    const got = await call(master, 'ListMember', {});
    assert.strictEqual(got.result, true);
    assert.deepStrictEqual(got.members.map((x) => x.member),
      ['leader', 'master', 'worker']);
    assert.strictEqual(got.members[0].leader.addr, addr);
    assert.match(got.members[1].master.masters[0].memberID,
      process.env.EXTERNAL_ETCD ? /^\d+$/ : /^\d{10,}$/);
    await call(master, 'ListTaskConfigs', {});
  },
  async errors() {
    const start = await call(master, 'StartTask', { task: 'name: [x' });
    assert.strictEqual(start.result, false);
    assert.match(start.msg, /code=20003:class=dm-master/);
    const gone = await call(master, 'OfflineMember',
      { type: 'worker', name: 'nobody' });
    assert.match(gone.msg, /code=46004/);
    assert.strictEqual(await code(call(health, 'Check', { service: 'x' })),
      grpc.status.NOT_FOUND);
  },
  async deadlines() {
    assert.strictEqual(await code(call(master, 'ListMember', {}, -1)),
      grpc.status.DEADLINE_EXCEEDED);
    await call(master, 'ListMember', {});
  },
  async large() {
    const task = 'name: big\n' + '# filler\n'.repeat(4 * 1000 * 1000 / 9);
    const got = await call(master, 'StartTask', { task });
    assert.match(got.msg, /task-mode/);
    const more = task.repeat(4);
    assert.strictEqual(
      await code(call(master, 'StartTask', { task: more })),
      grpc.status.RESOURCE_EXHAUSTED);
  },
  async concurrent() {
    const all = [...Array(200).keys()].map((i) => i % 2
      ? call(master, 'ListMember', { leader: true })
      : call(master, 'QueryStatus', {}));
    for (const got of await Promise.all(all)) {
      assert.strictEqual(got.result, true);
    }
  },
  async health() {
    const got = await call(health, 'Check', { service: 'pb.Master' });
    assert.strictEqual(got.status, 'SERVING');
    const watch = health.Watch({ service: '' });
    const first = await new Promise((done) => watch.once('data', done));
    assert.strictEqual(first.status, 'SERVING');
    watch.on('error', () => {}); // of the cancelling
    watch.cancel();
  },
  async reflection() {
    const stream = reflection.ServerReflectionInfo();
    const answer = (question) => new Promise((done) => {
      stream.once('data', done);
      stream.write(question);
    });
    const list = await answer({ list_services: '' });
    const names = list.list_services_response.service.map((s) => s.name);
    assert(names.includes('pb.Master'), names);
    assert(names.includes('dm.v1.WorkerSession'), names);
    const file = await answer({ file_containing_symbol: 'pb.Master' });
    assert(file.file_descriptor_response.file_descriptor_proto.length >= 3);
    stream.end();
  },
};

(async () => {
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
    } catch (err) {
      console.error(`${name}: ${err.stack}`);
      process.exitCode = 1;
    }
  }
  for (const client of [master, health, reflection]) client.close();
})();
