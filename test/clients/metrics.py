# SPDX-License-Identifier: Apache-2.0
"""A strict reader of the Prometheus text form (version 0.0.4)."""
import math
import re
import sys
import urllib.request

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL},?)*)\}})? (\S+)")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
SUFFIXES = ("_bucket", "_sum", "_count")


class Wrong(Exception):
    pass


def need(ok, line, what):
    if not ok:
        raise Wrong(f"line {line}: {what}")


class Page:
    def __init__(self, text):
        self.help, self.type, self.order = {}, {}, []
        self.samples = {}  # (name, labels) -> value
        if not text.endswith("\n"):
            raise Wrong("the last line has no end")
        for n, line in enumerate(text[:-1].split("\n"), 1):
            self.read(n, line)
        for name in self.type:
            if name not in self.order:
                raise Wrong(f"{name} has a type and no sample")
        for family in self.order:
            if family not in self.help or family not in self.type:
                raise Wrong(f"{family} has no help or no type")
            if self.type[family] == "histogram":
                self.check_histogram(family)

    def read(self, n, line):
        if line.startswith("# "):
            self.read_meta(n, line)
        else:
            self.read_sample(n, line)

    def read_meta(self, n, line):
        m = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.*)", line)
        need(m, n, f"not understood: {line!r}")
        kind, name, rest = m.groups()
        table = self.help if kind == "HELP" else self.type
        need(name not in table, n, f"second {kind} of {name}")
        need(name not in self.order, n, f"{kind} after samples of {name}")
        need(kind == "HELP" or rest in TYPES, n, f"type {rest!r}")
        need(rest != "", n, "empty help")
        table[name] = rest

    def family(self, name):
        for s in SUFFIXES:
            base = name[:-len(s)]
            if name.endswith(s) and self.type.get(base) == "histogram":
                return base
        return name

    def read_sample(self, n, line):
        m = SAMPLE.fullmatch(line)
        need(m, n, f"no sample: {line!r}")
        name, labels, value = m.group(1), m.group(2) or "", m.groups()[-1]
        pairs = re.findall(LABEL, labels)
        need(not labels.endswith(","), n, "comma at the end of labels")
        need(len({k for k, _ in pairs}) == len(pairs), n, "label twice")
        need(not any(k.startswith("__") for k, _ in pairs), n, "label __")
        number = float(value)
        family = self.family(name)
        if family not in self.order:
            self.order.append(family)
        need(self.order[-1] == family, n, f"{family} is not in one piece")
        if self.type.get(family) in ("counter", "histogram"):
            need(number >= 0, n, f"{name} is negative")
        key = (name, tuple(sorted(pairs)))
        need(key not in self.samples, n, f"{name} twice with these labels")
        self.samples[key] = number

    def check_histogram(self, family):
        series = {}
        for (name, labels), value in self.samples.items():
            if name == family + "_bucket":
                rest = tuple(x for x in labels if x[0] != "le")
                le = float(dict(labels)["le"])
                series.setdefault(rest, {})[le] = value
        for rest, buckets in series.items():
            counts = [buckets[b] for b in sorted(buckets)]
            if counts != sorted(counts) or math.inf not in buckets:
                raise Wrong(f"{family}: buckets do not grow up to +Inf")
            if buckets[math.inf] != self.samples[(family + "_count", rest)]:
                raise Wrong(f"{family}: +Inf is not the count")


def self_check():
    """The reader must refuse what promtool refuses."""
    good = "# HELP a b\n# TYPE a gauge\n"
    Page(good + 'a{x="1",y="\\"\\\\\\n"} 1.5e+06\n')
    Page(good + "a NaN\n")
    for bad in (good + "a 1", good + "a x\n", good + "a 1\na 2\n",
                good + 'a{x="1" 1\n', good + 'a{x="\\t"} 1\n', "a 1\n",
                good + "# TYPE b gauge\na 1\nb 1\na{c=\"1\"} 1\n",
                good + "1a 1\n", good, good + good + "a 1\n",
                good + 'a{x="1",x="2"} 1\n', good + "a 1\n\n",
                "# HELP a b\n# TYPE a counter\na -1\n"):
        try:
            Page(bad)
        except (Wrong, ValueError):
            continue
        raise AssertionError(f"taken: {bad!r}")


def main():
    self_check()
    with urllib.request.urlopen(sys.argv[1], timeout=30) as r:
        kind, text = r.headers["Content-Type"], r.read().decode()
    if kind != "text/plain; version=0.0.4; charset=utf-8":
        raise Wrong(f"content type {kind}")
    page = Page(text)
    for want in sys.argv[2:]:
        name, kind = want.split(":")
        if page.type.get(name) != kind:
            raise Wrong(f"{name} is {page.type.get(name)}, wanted {kind}")


if __name__ == "__main__":
    main()
