#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random tables and rows of all types of a server, as SQL.

types_gen.py KIND SEED FOLDER writes into FOLDER
  rows.sql      tables, and the rows for a copy
  change.sql    more rows, updates and deletes, for replication
  cover.sql     a query for the target: type, where, NULL, least, greatest

KIND: mariadb, mariadb11 or mysql. Each type is in two tables at least, with a
key of another form each time. Rows whose `k` is null, min or max have that
value in every column; `u` in front: they got it by an update.
"""
import math
import random
import struct
import sys

KIND, SEED, FOLDER = sys.argv[1], int(sys.argv[2]), sys.argv[3]
MYSQL = KIND == "mysql"
R = random.Random(SEED)
ROWS = 150  # of a table and phase, besides the edges

# ---- values ----


def text(s):
    return "CONVERT(x'%s' USING utf8mb4)" % s.encode("utf8").hex() if s else "''"


def raw(b):
    return "x'%s'" % b.hex()


def rand_bytes(n):
    return bytes(R.choice((0, 0x27, 0x5C, 0x0A, 0xFF, R.randrange(256)))
                 for _ in range(n))


ALPHABETS = {
    "ascii": "abcXYZ019 '\"\\%_\t\n\0",
    "latin1": "abcÄöß€ÿ '\"\\",
    "utf8mb3": "abcßλж日本€ '\"\\\0",
    "utf8mb4": "abcßλж日本€😀𝄞 '\"\\\0",
    "utf16": "abcßλж日本€😀 '",
    "utf32": "abcßλж日本€😀 '",
    "gbk": "abc中文乱码 '",
    "sjis": "abc日本語 '",
}


def string(charset, n, exact=False):
    n = n if exact else R.randint(0, min(n, 40))
    return text("".join(R.choice(ALPHABETS[charset]) for _ in range(n)))


def fraction(n):
    return ".%0*d" % (n, R.randrange(10 ** n)) if n else ""


def date():
    if R.random() < 0.1:
        return "%04d-%02d-00" % (R.randint(1, 9999), R.randint(0, 12))
    return "%04d-%02d-%02d" % (R.randint(1, 9999), R.randint(1, 12),
                               R.randint(1, 28))


def clock():
    return "%02d:%02d:%02d" % (R.randrange(24), R.randrange(60), R.randrange(60))


def q(s):
    return "'%s'" % s


def double(digits):
    while True:
        d = struct.unpack("<d", R.getrandbits(64).to_bytes(8, "little"))[0]
        if digits == 17 and math.isfinite(d):
            return repr(d)
        f = struct.unpack("<f", R.getrandbits(32).to_bytes(4, "little"))[0]
        if digits == 9 and math.isfinite(f):
            return repr(f)


def decimal(whole, frac, signed=True):
    w = R.randint(0, whole)
    s = "".join(R.choice("0123456789") for _ in range(w)) or "0"
    if frac:
        s += "." + "".join(R.choice("0123456789") for _ in range(frac))
    return ("-" if signed and R.random() < 0.5 else "") + s


def json_value(depth=0):
    what = R.randrange(9 if depth < 3 else 6)
    if what == 0:
        return "null"
    if what == 1:
        return R.choice(("true", "false"))
    if what == 2:
        return str(R.choice((0, -1, 1 << 15, -(1 << 31), (1 << 63) - 1,
                             (1 << 64) - 1, R.randint(-10 ** 12, 10 ** 12))))
    if what == 3:
        return R.choice(("0.5", "1e100", "-2.5e-7", "3.0", "1e20",
                         repr(R.uniform(-1000, 1000))))
    if what < 6:
        return '"%s"' % "".join(R.choice(
            ("a", "ß", "😀", "\\\\", '\\"', "\\n", "\\u0001", "/", "'"))
            for _ in range(R.randint(0, 12)))
    if what == 6:
        return "[%s]" % ",".join(json_value(depth + 1)
                                 for _ in range(R.randint(0, 4)))
    return "{%s}" % ",".join('"%s%d": %s' % (R.choice("abü"), i,
                                             json_value(depth + 1))
                             for i in range(R.randint(0, 4)))


def point():
    return "%r %r" % (R.uniform(-90, 90), R.choice((0.0, -0.5, 1e-300, 80.25)))


def geometry(form):
    def points(n):
        return ",".join(point() for _ in range(n))
    ring = "((0 0,10 0,10 10,0 10,0 0))"
    wkt = {
        "POINT": lambda: "POINT(%s)" % point(),
        "LINESTRING": lambda: "LINESTRING(%s)" % points(R.randint(2, 6)),
        "POLYGON": lambda: "POLYGON" + ring,
        "MULTIPOINT": lambda: "MULTIPOINT(%s)" % points(R.randint(1, 5)),
        "MULTILINESTRING": lambda: "MULTILINESTRING((%s),(%s))" % (
            points(2), points(3)),
        "MULTIPOLYGON": lambda: "MULTIPOLYGON(%s)" % ring,
        "GEOMETRYCOLLECTION": lambda: "GEOMETRYCOLLECTION(POINT(%s),"
                                      "LINESTRING(%s))" % (point(), points(2)),
    }
    if form == "GEOMETRY":
        form = R.choice(sorted(wkt))
    srid = ",4326" if form == "POINT" and R.random() < 0.2 else ""
    return "ST_GeomFromText('%s'%s)" % (wkt[form](), srid)


# ---- types: name, definition, random value, least, greatest ----

TYPES = []


def add(name, definition, rand, least, greatest, big=False):
    TYPES.append((name, definition, rand, least, greatest, big))


def integers():
    for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24),
                       ("INT", 32), ("BIGINT", 64)):
        lo, hi, full = -(1 << bits - 1), (1 << bits - 1) - 1, (1 << bits) - 1
        add(name, name, lambda lo=lo, hi=hi: str(R.randint(lo, hi)),
            str(lo), str(hi))
        add(name + " UNSIGNED", name + " UNSIGNED",
            lambda full=full: str(R.randint(0, full)), "0", str(full))
    add("INT ZEROFILL", "INT(6) UNSIGNED ZEROFILL",
        lambda: str(R.randrange(1 << 32)), "0", "4294967295")
    for n in (1, 17, 64):
        add("BIT(%d)" % n, "BIT(%d)" % n, lambda n=n: str(R.getrandbits(n)),
            "0", str((1 << n) - 1))
    add("YEAR", "YEAR", lambda: str(R.randint(1901, 2155)), "0", "2155")
    add("BOOL", "BOOL", lambda: str(R.randrange(2)), "0", "1")


def fractions():
    for p, s, sign in ((65, 30, ""), (10, 0, ""), (5, 5, ""), (38, 0, " UNSIGNED"),
                       (20, 9, "")):
        top = "9" * (p - s) or "0"
        top += "." + "9" * s if s else ""
        add("DECIMAL(%d,%d)%s" % (p, s, sign), "DECIMAL(%d,%d)%s" % (p, s, sign),
            lambda p=p, s=s, sign=sign: decimal(p - s, s, not sign),
            "0" if sign else "-" + top, top)
    add("FLOAT", "FLOAT", lambda: double(9), "-3.4028234e38", "3.4028234e38")
    add("FLOAT(7,3)", "FLOAT(7,3)",
        lambda: "%.3f" % R.uniform(-9999, 9999), "-9999.999", "9999.999")
    add("DOUBLE", "DOUBLE", lambda: double(17), "-1.7976931348623157e308",
        "1.7976931348623157e308")


def times():
    add("DATE", "DATE", lambda: q(date()), "'0000-00-00'", "'9999-12-31'")
    for n in (0, 3, 6):
        nines = "." + "9" * n if n else ""
        # MySQL's greatest TIME has no fraction.
        edge = "838:59:58" + nines if MYSQL and n else "838:59:59" + nines
        add("TIME(%d)" % n, "TIME(%d)" % n,
            lambda n=n: q("%s%d:%02d:%02d%s" % (
                R.choice(("", "-")), R.randint(0, 837), R.randrange(60),
                R.randrange(60), fraction(n))), q("-" + edge), q(edge))
    for n in (0, 1, 6):
        nines = "." + "9" * n if n else ""
        add("DATETIME(%d)" % n, "DATETIME(%d)" % n,
            lambda n=n: q(date() + " " + clock() + fraction(n)),
            "'0000-00-00 00:00:00'", q("9999-12-31 23:59:59" + nines))
    last = "2106-02-07 06:28:15" if KIND == "mariadb11" else "2038-01-19 03:14:07"
    for n in (0, 2, 6):
        nines = "." + "9" * n if n else ""
        add("TIMESTAMP(%d)" % n, "TIMESTAMP(%d)" % n,
            lambda n=n: q("%04d-%02d-%02d %s%s" % (
                R.randint(1971, 2037), R.randint(1, 12), R.randint(1, 28),
                clock(), fraction(n))),
            "'0000-00-00 00:00:00'", q(last + nines))


COLLATIONS = ("utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_ci",
              "utf8mb4_unicode_520_ci", "utf8mb4_swedish_ci")
MORE = ("utf8mb4_0900_ai_ci", "utf8mb4_0900_bin", "utf8mb4_0900_as_cs") \
    if MYSQL else ("utf8mb4_nopad_bin", "utf8mb4_uca1400_as_cs")


def texts():
    for cs, n in (("utf8mb4", 300), ("utf8mb3", 50), ("latin1", 50),
                  ("ascii", 50), ("gbk", 50), ("sjis", 50), ("utf16", 50)):
        top = ALPHABETS[cs][3]
        add("VARCHAR " + cs, "VARCHAR(%d) CHARACTER SET %s" % (n, cs),
            lambda cs=cs, n=n: string(cs, n), "''", text(top * n))
    for c in COLLATIONS + MORE:
        add("VARCHAR " + c, "VARCHAR(60) COLLATE " + c,
            lambda: string("utf8mb4", 60), "''", text("😀" * 60))
    add("VARCHAR default", "VARCHAR(20)", lambda: string("ascii", 20), "''",
        text("z" * 20))
    for cs in ("utf8mb4", "utf32", "latin1"):
        add("CHAR " + cs, "CHAR(20) CHARACTER SET " + cs,
            lambda cs=cs: string(cs, 20), "''", text(ALPHABETS[cs][3] * 20))
    add("BINARY(8)", "BINARY(8)", lambda: raw(rand_bytes(R.randint(0, 8))),
        raw(b"\0" * 8), raw(b"\xff" * 8))
    add("VARBINARY(300)", "VARBINARY(300)",
        lambda: raw(rand_bytes(R.randint(0, 60))), "''", raw(b"\xff" * 300))
    for word, n in (("TINY", 255), ("", 65535), ("MEDIUM", 100000),
                    ("LONG", 300000)):
        add(word + "BLOB", word + "BLOB",
            lambda n=n: raw(rand_bytes(R.randint(0, 80))), "''",
            "REPEAT(x'ff',%d)" % n, n > 255)
        add(word + "TEXT", word + "TEXT CHARACTER SET utf8mb4",
            lambda: string("utf8mb4", 60), "''", "REPEAT('z',%d)" % n, n > 255)
    # The empty value is what an enumeration holds for a wrong one.
    add("ENUM", "ENUM('a','b','it''s','ö','')",
        lambda: str(R.randint(0, 5)) if MYSQL else
        R.choice(("'wrong'", "'a'", "'b'", "'it''s'", text("ö"), "''")),
        "'wrong'", "5")
    many = ["m%d" % i for i in range(64)]
    add("SET", "SET(%s)" % ",".join(map(q, many)),
        lambda: str(R.getrandbits(64)), "''", str((1 << 64) - 1))
    add("JSON", "JSON", lambda: q(json_value().replace("\\", "\\\\")
                                  .replace("'", "\\'")), "'null'",
        q('{"k": [%s]}' % ",".join(["1.5"] * 3000)), True)


def others():
    for form in ("GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT",
                 "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"):
        least = {"POINT": "POINT(0 0)"}.get(form)
        least = "ST_GeomFromText('%s')" % least if least else geometry(form)
        add(form, form, lambda form=form: geometry(form), least,
            geometry(form))
    add("GENERATED", "INT", None, None, None)
    if MYSQL:
        add("VECTOR(3)", "VECTOR(3)",
            lambda: "TO_VECTOR('[%r,%r,%r]')" % (
                R.uniform(-1, 1), R.uniform(-1e9, 1e9), R.choice((0.0, -0.5))),
            "TO_VECTOR('[-3e38]')", "TO_VECTOR('[3e38,3e38,3e38]')")
        return
    add("UUID", "UUID", lambda: q("%08x-%04x-%04x-%04x-%012x" % (
        R.getrandbits(32), R.getrandbits(16), R.getrandbits(16),
        R.getrandbits(16), R.getrandbits(48))),
        q("00000000-0000-0000-0000-000000000000"),
        q("ffffffff-ffff-ffff-ffff-ffffffffffff"))
    add("INET4", "INET4", lambda: q(".".join(
        str(R.randrange(256)) for _ in range(4))), "'0.0.0.0'",
        "'255.255.255.255'")
    add("INET6", "INET6", lambda: q(":".join(
        "%x" % R.getrandbits(16) for _ in range(8))), "'::'",
        q(":".join(["ffff"] * 8)))
    add("VARCHAR COMPRESSED", "VARCHAR(2000) COMPRESSED",
        lambda: string("ascii", 60), "''", "REPEAT('z',2000)")
    add("BLOB COMPRESSED", "BLOB COMPRESSED",
        lambda: raw(rand_bytes(R.randint(0, 80))), "''", "REPEAT(x'ff',60000)",
        True)
    if KIND == "mariadb11":
        add("VECTOR(3)", "VECTOR(3)",
            lambda: "VEC_FromText('[%r,%r,0.5]')" % (
                R.uniform(-1, 1), R.uniform(-1e9, 1e9)),
            "VEC_FromText('[0,0,0]')", "VEC_FromText('[1e18,1e18,1e18]')")


integers()
fractions()
times()
texts()
others()

# ---- tables ----

KEYS = ("PRIMARY KEY (id)", "UNIQUE KEY (id)", "PRIMARY KEY (kb)",
        "PRIMARY KEY (kt, id)", "", "PRIMARY KEY (id), UNIQUE KEY (kb)")


class Table:
    def __init__(self, number, types):
        self.name = "r%d" % number
        self.key = KEYS[number % len(KEYS)]
        self.types = types
        self.next = 1

    def create(self):
        cols = ["id INT NOT NULL", "k VARCHAR(8) NOT NULL",
                "kb VARBINARY(16) NOT NULL",
                "kt VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"]
        for i, t in enumerate(self.types):
            extra = " NULL DEFAULT NULL"
            if t[2] is None:
                extra = " GENERATED ALWAYS AS (CASE k WHEN 'null' THEN NULL " \
                        "WHEN 'unull' THEN NULL WHEN 'inull' THEN NULL ELSE id * 2 END) " + \
                        R.choice(("VIRTUAL", "STORED"))
            elif R.random() < 0.15:
                extra += " INVISIBLE"
            if "COMPRESSED" in t[0]:
                extra = extra.replace(" NULL DEFAULT NULL", "")
            cols.append("c%d %s%s" % (i, t[1], extra))
        charset = R.choice(("utf8mb4", "latin1", "utf8mb4", "utf8mb3"))
        return "CREATE TABLE %s (%s) DEFAULT CHARSET=%s;" % (
            self.name, ", ".join(cols + ([self.key] if self.key else [])),
            charset)

    def value(self, t, k):
        if k.endswith("null") or (k == "r" and R.random() < 0.15):
            return "NULL"
        if k.endswith("min") or (k == "r" and R.random() < 0.05):
            return t[3]
        if k.endswith("max") or (k == "r" and not t[5] and R.random() < 0.05):
            return t[4]
        return t[2]()

    def columns(self):
        return [(i, t) for i, t in enumerate(self.types) if t[2] is not None]

    def insert(self, k):
        n = self.next
        self.next += 1
        values = [str(n), q(k), "CONCAT(%s,'-%d')" % (raw(rand_bytes(4)), n),
                  "CONCAT(%s,'-%d')" % (string("utf8mb4", 6), n)]
        values += [self.value(t, "r" if k in ("r", "u", "del") else k)
                   for _, t in self.columns()]
        return "INSERT INTO %s (id,k,kb,kt%s) VALUES (%s);" % (
            self.name, "".join(",c%d" % i for i, _ in self.columns()),
            ",".join(values))

    def update(self, n, k):
        cols = self.columns()
        if k == "r":
            cols = R.sample(cols, max(1, len(cols) // 2))
        what = ["k=" + q(k)] + ["c%d=%s" % (i, self.value(t, k))
                                for i, t in cols]
        if k == "r" and R.random() < 0.2:
            what.append("kb=CONCAT(%s,'-%d')" % (raw(rand_bytes(5)), n))
        return "UPDATE %s SET %s WHERE id=%d;" % (self.name, ", ".join(what), n)


HEAD = "SET NAMES utf8mb4;\n" \
    "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n" \
    "SET SESSION time_zone='+00:00';\n%sUSE rnd;\n"


def edges(prefix=""):
    return [prefix + k for k in ("null", "min", "max")]


def make_tables():
    tables = []
    for _ in range(2):
        types = TYPES[:]
        R.shuffle(types)
        while types:
            n = R.randint(6, 12)
            tables.append(Table(len(tables), types[:n]))
            types = types[n:]
    return tables


def write(name, lines):
    with open("%s/%s" % (FOLDER, name), "w", encoding="utf8") as f:
        f.write("\n".join(lines) + "\n")


tables = make_tables()
rows = [HEAD % "CREATE DATABASE rnd;\n"] + [t.create() for t in tables]
change = [HEAD % ""]
total = 0
for t in tables:
    # Ids 1..3: edges by copy; 4..6: to be updated to edges.
    todo = edges() + ["u"] * 3 + [R.choice(("r", "r", "del"))
                                  for _ in range(ROWS)]
    rows += [t.insert(k) for k in todo]
    later = edges("i") + ["r"] * ROWS
    change += ["BEGIN;"]
    change += [t.insert(k) for k in later]
    change += [t.update(4 + i, k) for i, k in enumerate(edges("u"))]
    for n, k in enumerate(todo, 1):
        if k == "r" and R.random() < 0.5:
            change.append(t.update(n, "r"))
    change += ["DELETE FROM %s WHERE k='del';" % t.name, "COMMIT;"]
    total += len(todo) + len(later)
write("rows.sql", rows)
write("change.sql", change)

query = []
for t in tables:
    for i, c in enumerate(t.types):
        for how, prefix in (("copy", ""), ("insert", "i"), ("update", "u")):
            query.append(
                "SELECT '%s' t, '%s' h, COALESCE(SUM(k='%snull' AND c%d IS NULL),0) n, "
                "COALESCE(SUM(k='%smin' AND c%d IS NOT NULL),0) lo, "
                "COALESCE(SUM(k='%smax' AND c%d IS NOT NULL),0) hi FROM %s" % (
                    c[0], how, prefix, i, prefix, i, prefix, i, t.name))
write("cover.sql", ["USE rnd;", "SELECT t, h, SUM(n), SUM(lo), SUM(hi) FROM ("
                    + "\nUNION ALL ".join(query) + ") x GROUP BY t, h ORDER BY t, h;"])
print("%d rows in %d tables of %d types" % (total, len(tables), len(TYPES)))
