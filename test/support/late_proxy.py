# SPDX-License-Identifier: Apache-2.0
"""A proxy before etcd that can keep a transaction back and send it later.

  late_proxy.py PORT ETCD-PORT DIR

While DIR/hold exists, the next transaction that puts a source's configuration
is kept: its sender's connection is closed. When DIR/release comes, it is sent,
and what etcd said of it is in DIR/answer. Everything else passes.
"""
import base64
import os
import socket
import sys
import threading
import time

port, etcd, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
# The beginning of the key, as base64 has it whatever follows.
MARK = base64.b64encode(b"/dm-master/v2/upstream/config/")[:36]


def there(name):
    return os.path.exists(os.path.join(folder, name))


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def whole(data):
    """Has the request its whole body?"""
    head, found, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return bool(found) and len(body) >= int(value)
    return bool(found)


def send_later(request):
    while not there("release"):
        time.sleep(0.05)
    with socket.create_connection(("127.0.0.1", etcd)) as s:
        s.sendall(request)
        answer = b""
        while not whole(answer):
            answer += s.recv(65536)
    with open(os.path.join(folder, "answer.part"), "wb") as f:
        f.write(answer)
    os.rename(os.path.join(folder, "answer.part"),
              os.path.join(folder, "answer"))


def serve(client):
    server = socket.create_connection(("127.0.0.1", etcd))
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    try:
        while data := client.recv(65536):
            while b"POST " in data[:5] and not whole(data):
                data += client.recv(65536)
            if b"/v3/kv/txn" in data[:100] and MARK in data and there("hold"):
                os.remove(os.path.join(folder, "hold"))
                threading.Thread(target=send_later, args=(data,),
                                 daemon=True).start()
                break
            server.sendall(data)
    except OSError:
        pass
    for s in (client, server):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
