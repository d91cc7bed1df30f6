"""A strict reader of metrics pages: OpenMetrics 1.0 and Prometheus' text format 0.0.4, written
from their specifications.

The idea: what a lenient scraper forgives is an error here. `read(text, openmetrics)` gives
{(sample name, frozenset of labels): value as text}; it raises AssertionError at the first line
that breaks a rule.
"""

import re
from decimal import Decimal

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
NUMBER = re.compile(r"-?(\d+(\.\d+)?)|\+Inf|-Inf|NaN")
# Which samples a family of that kind has.
SUFFIXES = {"counter": ("_total", "_created"), "gauge": ("",), "info": ("_info",),
            "histogram": ("_bucket", "_sum", "_count", "_created")}
UNITS = {"seconds", "bytes", "usd"}


class Cursor:
    def __init__(self, line):
        self.line, self.at = line, 0

    def fail(self, why):
        raise AssertionError(f"{why} at {self.at} of {self.line!r}")

    def match(self, pattern):
        found = pattern.match(self.line, self.at)
        if not found:
            self.fail(f"no {pattern.pattern}")
        self.at = found.end()
        return found[0]

    def skip(self, text):
        if not self.line.startswith(text, self.at):
            self.fail(f"no {text!r}")
        self.at += len(text)

    def sees(self, text):
        return self.line.startswith(text, self.at)

    def value(self):
        """A label's value in quotes; the only escapes are \\\\, \\" and \\n."""
        self.skip('"')
        out = []
        while not self.sees('"'):
            if self.at >= len(self.line):
                self.fail("a value without an end")
            char = self.line[self.at]
            if char == "\\":
                escape = self.line[self.at:self.at + 2]
                if escape not in ('\\\\', '\\"', "\\n"):
                    self.fail("an unknown escape")
                char = {"n": "\n"}.get(escape[1], escape[1])
                self.at += 1
            out.append(char)
            self.at += 1
        self.skip('"')
        return "".join(out)

    def labels(self):
        pairs = {}
        self.skip("{")
        while not self.sees("}"):
            if pairs:
                self.skip(",")
            name = self.match(LABEL)
            if name in pairs:
                self.fail(f"label {name} twice")
            self.skip("=")
            pairs[name] = self.value()
        self.skip("}")
        return pairs


def number(cursor):
    return cursor.match(NUMBER)


def read_exemplar(cursor, family, suffix):
    if family["kind"] not in ("counter", "histogram") or suffix not in ("_total", "_bucket"):
        cursor.fail("an exemplar where none may be")
    cursor.skip(" # ")
    labels = cursor.labels()
    if sum(len(name) + len(value) for name, value in labels.items()) > 128:
        cursor.fail("an exemplar's labels are too long")
    cursor.skip(" ")
    value = Decimal(number(cursor))
    cursor.skip(" ")
    Decimal(number(cursor))
    return labels, value


def check_histogram(samples, name):
    """Each series of it: rising bounds, rising counts, +Inf, and count the same as it."""
    series = {}
    for (sample, labels), value in samples.items():
        if sample == f"{name}_bucket":
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((dict(labels)["le"], int(value)))
    assert series, f"{name} has no series"
    for rest, buckets in series.items():
        bounds = [Decimal("Infinity") if le == "+Inf" else Decimal(le) for le, _ in buckets]
        counts = [count for _, count in buckets]
        assert bounds == sorted(set(bounds)), f"{name}: bounds {bounds}"
        assert counts == sorted(counts), f"{name}: counts {counts}"
        assert bounds[-1] == Decimal("Infinity"), f"{name} has no +Inf"
        assert all("." in le or le == "+Inf" for le, _ in buckets), f"{name}: le is no float"
        assert int(samples[f"{name}_count", rest]) == counts[-1], f"{name}_count"
        assert Decimal(samples[f"{name}_sum", rest]) >= 0, f"{name}_sum"


def read(text, openmetrics):
    samples, families, family, exemplars = {}, {}, None, []
    assert text.endswith("\n"), "the last line has no end"
    lines = text[:-1].split("\n")
    if openmetrics:
        assert lines[-1] == "# EOF", f"ends with {lines[-1]!r}"
        lines.pop()
    for line in lines:
        cursor = Cursor(line)
        if line.startswith("# "):
            word, name, *rest = line[2:].split(" ", 2)
            rest = rest[0] if rest else ""
            assert NAME.fullmatch(name), line
            if family is None or family["name"] != name:
                assert name not in families, f"{name} begins twice"
                family = families[name] = {"name": name, "kind": None, "samples": 0, "seen": set()}
            assert word in ({"HELP", "TYPE", "UNIT"} if openmetrics else {"HELP", "TYPE"}), line
            assert word not in family["seen"] and not family["samples"], line
            family["seen"].add(word)
            if word == "TYPE":
                kinds = set(SUFFIXES) if openmetrics else set(SUFFIXES) - {"info"}
                assert rest in kinds, line
                family["kind"] = rest
            if word == "UNIT":
                assert rest in UNITS and name.endswith(f"_{rest}"), line
            continue
        assert line and not line.startswith("#"), f"not a sample: {line!r}"
        assert family and {"HELP", "TYPE"} <= family["seen"], f"no head before {line!r}"
        name = cursor.match(NAME)
        allowed = SUFFIXES[family["kind"]]
        if not openmetrics and family["kind"] == "counter":
            assert family["name"].endswith("_total"), line
            allowed = ("",)
        assert name.startswith(family["name"]), f"{line!r} below {family['name']}"
        suffix = name[len(family["name"]):]
        assert suffix in allowed, f"{line!r}: suffix {suffix!r} of a {family['kind']}"
        labels = cursor.labels() if cursor.sees("{") else {}
        assert ("le" in labels) == (suffix == "_bucket"), line
        cursor.skip(" ")
        value = number(cursor)
        if openmetrics and cursor.sees(" #"):
            exemplars.append((name, labels, *read_exemplar(cursor, family, suffix)))
        assert cursor.at == len(line), f"more behind the value: {line!r}"
        key = name, frozenset(labels.items())
        assert key not in samples, f"{line!r} stands twice"
        if family["kind"] == "counter":
            assert Decimal(value) >= 0, line
        samples[key] = value
        family["samples"] += 1
    for name, each in families.items():
        assert each["samples"], f"{name} has a head and no samples"
        if each["kind"] == "histogram":
            check_histogram(samples, name)
    return Page(samples, families, exemplars)


class Page:
    def __init__(self, samples, families, exemplars):
        self.samples, self.families, self.exemplars = samples, families, exemplars

    def get(self, name, **labels):
        """A sample's value, None when it is not there."""
        value = self.samples.get((name, frozenset(labels.items())))
        return None if value is None else Decimal(value)

    def sum(self, name, **labels):
        """Of all series that have these labels."""
        wanted = set(labels.items())
        return sum((Decimal(value) for (sample, each), value in self.samples.items()
                    if sample == name and wanted <= each), Decimal(0))

    def values(self, label):
        return {dict(labels)[label] for _, labels in self.samples if label in dict(labels)}
