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


def end(*sockets):
    for s in sockets:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    end(source, sink)


def whole(data):
    """Has the message its whole body?"""
    head, found, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return bool(found) and len(body) >= int(value)
    return bool(found)


def read_whole(source, data):
    """The message that begins with data; b"" when its sender has gone."""
    while not whole(data):
        more = source.recv(65536)
        if not more:
            return b""
        data += more
    return data


def send_later(request):
    while not there("release"):
        time.sleep(0.05)
    with socket.create_connection(("127.0.0.1", etcd)) as s:
        s.sendall(request)
        answer = read_whole(s, b"")
    with open(os.path.join(folder, "answer.part"), "wb") as f:
        f.write(answer)
    os.rename(os.path.join(folder, "answer.part"),
              os.path.join(folder, "answer"))


def serve(client):
    server = socket.create_connection(("127.0.0.1", etcd))
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    try:
        while data := client.recv(65536):
            if data.startswith(b"POST "):
                data = read_whole(client, data)
            if b"/v3/kv/txn" in data[:100] and MARK in data and there("hold"):
                os.remove(os.path.join(folder, "hold"))
                threading.Thread(target=send_later, args=(data,),
                                 daemon=True).start()
                break
            server.sendall(data)
    except OSError:
        pass
    end(client, server)


listener = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
