# SPDX-License-Identifier: Apache-2.0
"""What the Python clients share: cases by name, and stubs made by protoc.

A client is run as `client.py CASE ADDR [ARG...]` and ends with 0 if the case
holds. PYTHONPATH has the folder with what protoc made of proto/. TLS_FILES, if
set, names the files with the authority, the certificate and its key.
"""
import functools
import os
import ssl
import sys
import traceback

CASES = {}
# For an answer that comes at all. A machine with other work may need long.
LIMIT_S = 120


def case(fn):
    """Register fn(addr, *args) under its name, with - for _."""
    CASES[fn.__name__.replace("_", "-")] = fn
    return fn


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, wanted {want!r}")


def within(part, whole, what=""):
    if part not in whole:
        raise AssertionError(f"{what}: no {part!r} in {str(whole)[:500]!r}")


def tls_files():
    return os.environ.get("TLS_FILES", "").split()


@functools.cache
def secured():
    """What makes a socket of ours a TLS one; None: all is in clear."""
    files = tls_files()
    if not files:
        return None
    ctx = ssl.create_default_context(cafile=files[0])
    ctx.load_cert_chain(files[1], files[2])
    return ctx


def run():
    try:
        CASES[sys.argv[1]](*sys.argv[2:])
    except Exception:  # told, and then the case has failed
        traceback.print_exc()
        sys.exit(1)
