"""The figures of bench/drill as rows with their targets, as a table, and in the document."""

from dataclasses import dataclass

BEGIN, END = "<!-- drill: written by bench/drill --write -->", "<!-- /drill -->"


@dataclass
class Row:
    what: str
    value: str
    target: str = ""
    missed: bool = False


def rows(f):
    """f: what bench_drill prints."""
    def row(what, value, most=None, unit="ms", note=""):
        return Row(what, f"{value:,.2f} {unit}{note}",
                   "" if most is None else f"<= {most:,.2f} {unit}",
                   most is not None and value > most)

    def ms(key):
        return f[key] / 1000

    hedged = (f["calm_p95_us"] + f["calm_p99_us"]) / 1000
    return [
        row("first token without a failure, p50", ms("direct_p50_us")),
        row("- p99", ms("direct_p99_us")),
        row("refused: later by, p50", ms("c_delay_p50_us"), 5),
        row("- p99", ms("c_delay_p99_us"), 5),
        row("reset after the request: later by, p50", ms("r_delay_p50_us"), 5),
        row("- p99", ms("r_delay_p99_us"), 5),
        row("from a reset to the next attempt's first byte, p50", ms("r_to_next_p50_us")),
        row("- p99", ms("r_to_next_p99_us"), 1),
        row("from a 500 to the next attempt's first byte, p50", ms("e_to_next_p50_us")),
        row("- p99", ms("e_to_next_p99_us"), 1),
        row("black hole: each of the first three requests, at most", ms("hole_first_max_us"), 1000),
        row("- later ones: later by, p50", ms("hole_later_p50_us"), 1),
        row("- later ones: later by, at most", ms("hole_later_max_us")),
        row("a provider that was ill and is back is used again after", f["back_after_ms"]),
        row("- requests it got before it had answered one", f["back_probes"], 1, ""),
        row("healthy, first token p95", ms("calm_p95_us")),
        row("- p99", ms("calm_p99_us")),
        row("- hedged at p95, p99", ms("calm_hedged_p99_us")),
        row("- extra attempts", f["calm_hedged_extra_pct"], 11, "%"),
        row("5 % of requests get no answer, hedged at p95: p50", ms("storm_p50_us")),
        row("- p99", ms("storm_p99_us"), hedged),
        row("- slowest", ms("storm_max_us")),
        row("- extra attempts", f["storm_extra_pct"], 11, "%"),
    ]


def table(found):
    lines = ["| what failures cost | measured | target |  |", "|---|---:|---:|---|"]
    for each in found:
        verdict = "" if not each.target else "MISS" if each.missed else "PASS"
        lines.append(f"| {each.what} | {each.value} | {each.target} | {verdict} |")
    return "\n".join(lines)


def section(found, where):
    return f"""{BEGIN}
## What failures cost

Measured on {where}.  Times are to the first token of a stream, as the client sees it; "later by" is
beside a healthy provider in the same run.  One worker; providers, gateway and clients share the
machine.

{table(found)}

Each provider that is refused, resets or answers 500 is asked twice only, so that no breaker hides
what it costs.  The target of the storm is the healthy p95 and p99 together.
{END}
"""


def kept_in(path):
    """The section as the document has it, or empty."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except OSError:
        return ""
    begin, end = text.find(BEGIN), text.find(END)
    return text[begin:end + len(END)] + "\n" if 0 <= begin < end else ""


def put(text, fresh):
    """Into a document that has no such section yet."""
    last = "## To see it yourself"
    return text.replace(last, fresh + "\n" + last, 1)


def write(path, found, where):
    old = kept_in(path)
    with open(path, encoding="ascii") as file:
        text = file.read()
    fresh = section(found, f"{where['date']}: Linux {where['kernel']}, {where['cpu']}, "
                           f"{where['cores']} cores")
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace(old, fresh) if old else put(text, fresh))
