#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small S3 storage for tests: one bucket in memory, path style.

s3_server.py PORT BUCKET ACCESS_KEY SECRET_KEY [TOKEN]

Every request must be signed by AWS Signature Version 4, which is worked out
here from the manual ("Authenticating Requests"), independently of curl. What
the tests want to go wrong is asked for by requests that need no signature:

  /__control__/fail?n=3&status=503&code=SlowDown   the next n requests fail
  /__control__/cut?n=2       the next n bodies of files break in the middle
  /__control__/keys          the names of all files, one a line
  /__control__/uploads       the number of uploads that have not ended
  /__control__/replace?key=K another content under a name
  /__control__/remove?key=K
"""
import datetime
import hashlib
import hmac
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

PAGE = 50  # names in one answer: several are needed
SKEW = 900


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def etag_of(body):
    return hashlib.md5(body).hexdigest()


class Store:
    def __init__(self, bucket, access, secret, token):
        self.bucket, self.access, self.secret = bucket, access, secret
        self.token = token
        self.lock = threading.Lock()
        self.files = {}  # key -> (body, etag)
        self.uploads = {}  # id -> (key, {number: body})
        self.ids = 0
        self.fail, self.cut = (0, 503, "SlowDown"), 0


class Refused(Exception):
    def __init__(self, status, code, text):
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *args):
        pass

    # ---- signatures ----

    def canonical_query(self):
        pairs = []
        for part in self.query.split("&") if self.query else []:
            name, _, value = part.partition("=")
            pairs.append((name, value))
        return "&".join("%s=%s" % p for p in sorted(pairs))

    def check_signature(self, body):
        store = self.store
        auth = self.headers.get("Authorization", "")
        if not auth.startswith("AWS4-HMAC-SHA256 "):
            raise Refused(403, "AccessDenied", "anonymous")
        parts = dict(
            p.strip().split("=", 1) for p in auth.split(" ", 1)[1].split(","))
        key, day, region, service, end = parts["Credential"].split("/")
        if key != store.access:
            raise Refused(403, "InvalidAccessKeyId",
                          "The access key does not exist in our records.")
        if store.token and \
                self.headers.get("x-amz-security-token") != store.token:
            raise Refused(400, "InvalidToken", "The token is not valid.")
        when = self.headers["X-Amz-Date"]
        sent = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ")
        now = datetime.datetime.utcnow()
        if abs((now - sent).total_seconds()) > SKEW:
            raise Refused(403, "RequestTimeTooSkewed", "clocks differ")
        signed = parts["SignedHeaders"].split(";")
        for needed in ("host", "x-amz-date", "x-amz-content-sha256"):
            if needed not in signed:
                raise Refused(403, "AccessDenied", needed + " not signed")
        for name in self.headers:
            if name.lower().startswith("x-amz-") and \
                    name.lower() not in signed:
                raise Refused(403, "AccessDenied", name + " not signed")
        payload = self.headers["x-amz-content-sha256"]
        if payload != "UNSIGNED-PAYLOAD" and \
                payload != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch", "other bytes")
        request = "\n".join([
            self.command, self.raw_path, self.canonical_query(),
            "".join("%s:%s\n" % (h, " ".join(self.headers[h].split()))
                    for h in signed),
            ";".join(signed), payload])
        scope = "/".join((day, region, service, end))
        text = "\n".join([
            "AWS4-HMAC-SHA256", when, scope,
            hashlib.sha256(request.encode()).hexdigest()])
        k = digest(("AWS4" + store.secret).encode(), day)
        for part in (region, service, end):
            k = digest(k, part)
        want = hmac.new(k, text.encode(), hashlib.sha256).hexdigest()
        if service != "s3" or want != parts["Signature"]:
            raise Refused(403, "SignatureDoesNotMatch",
                          "The signature does not match.")

    # ---- answers ----

    def answer(self, status, body=b"", headers=()):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, e):
        self.answer(e.status, '<?xml version="1.0" encoding="UTF-8"?>\n'
                    "<Error><Code>%s</Code><Message>%s</Message></Error>"
                    % (escape(e.code), escape(e.text)))

    # ---- requests ----

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.raw_path, _, self.query = self.path.partition("?")
        self.args = dict(urllib.parse.parse_qsl(
            self.query, keep_blank_values=True))
        path = urllib.parse.unquote(self.raw_path)
        try:
            if path.startswith("/__control__/"):
                self.control(path.rsplit("/", 1)[1])
                return
            self.check_signature(body)
            with self.store.lock:
                n, status, code = self.store.fail
                if n > 0:
                    self.store.fail = (n - 1, status, code)
                    raise Refused(status, code, "asked for by the test")
            bucket, _, key = path.lstrip("/").partition("/")
            if bucket != self.store.bucket:
                raise Refused(404, "NoSuchBucket", "no such bucket")
            with self.store.lock:
                reply = self.serve(key, body)
            self.answer(*reply) if reply else self.send_file(key)
        except Refused as e:
            self.refuse(e)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def control(self, what):
        store, args = self.store, self.args
        out = ""
        with store.lock:
            if what == "fail":
                store.fail = (int(args["n"]), int(args["status"]),
                              args["code"])
            elif what == "cut":
                store.cut = int(args["n"])
            elif what == "keys":
                out = "".join(k + "\n" for k in sorted(store.files))
            elif what == "uploads":
                out = "%d\n" % len(store.uploads)
            elif what == "replace":
                body = store.files[args["key"]][0] + b"\n-- another\n"
                store.files[args["key"]] = (body, etag_of(body))
            elif what == "remove":
                del store.files[args["key"]]
        self.answer(200, out)

    def serve(self, key, body):
        """The answer, or None: the file itself, outside the lock."""
        store, args = self.store, self.args
        if self.command == "GET" and not key:
            return self.list_files()
        if self.command in ("GET", "HEAD"):
            return None
        if self.command == "DELETE" and "uploadId" in args:
            store.uploads.pop(args["uploadId"], None)
            return 204,
        if self.command == "DELETE":
            store.files.pop(key, None)
            return 204,
        if self.command == "POST" and "uploads" in args:
            store.ids += 1
            # An id that must be escaped where it stands in a query.
            upload = "up+%d/=" % store.ids
            store.uploads[upload] = (key, {})
            return 200, ("<InitiateMultipartUploadResult><UploadId>%s"
                         "</UploadId></InitiateMultipartUploadResult>"
                         % upload)
        if "uploadId" in args:
            return self.go_on(args["uploadId"], key, body)
        if self.command == "PUT":
            store.files[key] = (body, etag_of(body))
            return 200, b"", [("ETag", '"%s"' % etag_of(body))]
        raise Refused(405, "MethodNotAllowed", self.command)

    def go_on(self, upload, key, body):
        store = self.store
        if upload not in store.uploads or store.uploads[upload][0] != key:
            raise Refused(404, "NoSuchUpload", upload)
        parts = store.uploads[upload][1]
        if self.command == "PUT":
            parts[int(self.args["partNumber"])] = body
            return 200, b"", [("ETag", '"%s"' % etag_of(body))]
        named = body.decode().count("<Part>")
        small = [n for n in sorted(parts)[:-1] if len(parts[n]) < 5 << 20]
        if named != len(parts) or small:
            raise Refused(400, "InvalidPart" if named != len(parts)
                          else "EntityTooSmall", "parts are wrong")
        whole = b"".join(parts[n] for n in sorted(parts))
        tag = "%s-%d" % (etag_of(whole), len(parts))
        store.files[key] = (whole, tag)
        del store.uploads[upload]
        return 200, ("<CompleteMultipartUploadResult><ETag>&quot;%s&quot;"
                     "</ETag></CompleteMultipartUploadResult>" % tag)

    def list_files(self):
        args = self.args
        prefix, after = args.get("prefix", ""), args.get(
            "continuation-token", "")
        names, folders = [], set()
        for key in sorted(self.store.files):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix):]
            if "/" in rest and args.get("delimiter") == "/":
                folders.add(prefix + rest.split("/")[0] + "/")
            elif not after or key > after:
                names.append(key)
        page, more = names[:PAGE], len(names) > PAGE
        out = ['<?xml version="1.0" encoding="UTF-8"?>',
               '<ListBucketResult xmlns='
               '"http://s3.amazonaws.com/doc/2006-03-01/">',
               "<IsTruncated>%s</IsTruncated>" % str(more).lower()]
        if more:
            out.append("<NextContinuationToken>%s</NextContinuationToken>"
                       % escape(page[-1]))
        for key in page:
            body, tag = self.store.files[key]
            out.append("<Contents><Key>%s</Key><ETag>&quot;%s&quot;</ETag>"
                       "<Size>%d</Size></Contents>" % (
                           urllib.parse.quote(key), tag, len(body)))
        for name in sorted(folders):
            out.append("<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>"
                       % urllib.parse.quote(name))
        out.append("</ListBucketResult>")
        return 200, "".join(out)

    def send_file(self, key):
        with self.store.lock:
            found = self.store.files.get(key)
            cut = found is not None and self.store.cut > 0
            if cut:
                self.store.cut -= 1
        if found is None:
            raise Refused(404, "NoSuchKey", "The key does not exist.")
        body, tag = found
        wanted = self.headers.get("If-Match")
        if wanted is not None and wanted.strip('"') != tag:
            raise Refused(412, "PreconditionFailed", "another content")
        start = 0
        if "Range" in self.headers:
            start = int(self.headers["Range"].split("=")[1].split("-")[0])
            if start >= len(body):
                raise Refused(416, "InvalidRange", "behind the end")
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"%s"' % tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = start + (len(body) - start) // 2 if cut else len(body)
        self.wfile.write(body[start:end])
        if cut:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    port, bucket, access, secret = sys.argv[1:5]
    token = sys.argv[5] if len(sys.argv) > 5 else None
    Handler.store = Store(bucket, access, secret, token)
    Server(("127.0.0.1", int(port)), Handler).serve_forever()


main()
