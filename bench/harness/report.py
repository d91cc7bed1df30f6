"""From rounds to figures: medians, ratios within a round, targets, and the text."""

import statistics

NAMES = ("direct", "nginx", "haproxy", "sluice")

# title, figure, digits, target: ("ratio" | "most" | "least", value) or None
ROWS = (
    ("CPU per unary request, us", "unary_cpu", 1, ("ratio", 0.80)),
    ("CPU per streamed event, us", "event_cpu", 1, ("ratio", 0.90)),
    ("- while all streams are open, us", "event_window_cpu", 1, None),
    ("CPU per event, TLS to the upstream, us", "tls_event_cpu", 1, ("ratio", 0.95)),
    ("- while all streams are open, us", "tls_event_window_cpu", 1, None),
    ("governed: CPU per unary request, us", "governed_cpu", 1, ("ratio", 0.85)),
    ("- the recorder's share of it, us", "governed_recorder_cpu", 2, None),
    ("governed: CPU per streamed event, us", "governed_event_cpu", 1, ("ratio", 0.92)),
    ("- while all streams are open, us", "governed_event_window_cpu", 1, None),
    ("added latency p50, us", "added_p50", 0, ("ratio", 1.0)),
    ("added latency p99, us", "added_p99", 0, None),
    ("first event of a stream p50, us", "event_first_p50", 0, None),
    ("highest rate, requests/s", "rate", 0, None),
    ("- latency p99 at that rate, us", "unary_p99", 0, None),
    ("- share of its core in use, %", "core_share", 0, None),
    ("idle memory after one answer, MiB", "idle_memory", 2, ("most", 6)),
    ("- before any request, MiB", "idle_memory_unused", 2, None),
    ("memory per open stream, KiB", "stream_memory", 2, ("most", 6)),
    ("memory per open stream with TLS, KiB", "tls_stream_memory", 2, ("most", 32)),
    ("streams open at once in one process", "crowd_open", 0, ("least", 9000)),
    ("- errors among them", "crowd_errors", 0, ("most", 0)),
    ("- memory per stream, KiB", "crowd_memory", 2, None),
    ("- CPU per event, us", "crowd_cpu", 1, None),
    ("start to first answer, ms", "start", 1, ("most", 50)),
    ("binary without debug information, MiB", "size", 2, ("most", 6)),
    ("system calls per unary request", "unary_calls", 1, ("most", 4)),
    ("- by the recorder and other threads", "unary_calls_beside", 2, None),
    ("system calls per event", "event_calls", 1, ("most", 2)),
    ("- by the recorder and other threads", "event_calls_beside", 2, None),
    ("recorder beside a load, attempts per s of its CPU", "recorder_rate", 0, None),
    ("- its share of a unary request, us", "recorder_cpu", 2, None),
    ("recorder with rollups and metrics, attempts per s of one core", "recorder_alone", 0,
     ("least", 20000)),
    ("slowest of five reports over 10 million attempts, ms", "reports", 0, ("most", 100)),
    ("- what budgets spent in 31 days of them, ms", "reports_budgets", 0, None),
    ("- ledger and rollups written, attempts per s of CPU", "reports_write", 0, None),
)

HEADINGS = ("", "direct", "nginx", "HAProxy", "Sluice", "HAProxy / nginx",
            "Sluice / nginx", "target", "")


def add_differences(results):
    """What a gateway adds to the latency of its own round without one."""
    for part in ("p50", "p99"):
        rounds = results.get(part, {})
        results["added_" + part] = {
            name: [with_it - without for with_it, without in
                   zip(rounds[name], rounds["direct"])]
            for name in rounds if name != "direct" and "direct" in rounds}


def ratio(values, name, to="nginx"):
    """(median, least, most) of the per-round ratios to another, or None."""
    pairs = zip(values.get(name, ()), values.get(to, ()))
    ratios = [mine / other for mine, other in pairs if other > 0]
    return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def verdict(target, value, to_nginx, digits):
    if target is None:
        return ""
    kind, bound = target
    if kind == "ratio":
        if to_nginx is None:
            return "not measured"
        return "PASS" if round(to_nginx[0], 2) <= bound else "MISS"
    if value is None:
        return "not measured"
    value = round(value, digits)
    return "PASS" if (value <= bound if kind == "most" else value >= bound) else "MISS"


def target_text(target):
    if target is None:
        return ""
    kind, bound = target
    return {"ratio": f"ratio <= {bound:.2f}", "most": f"<= {bound}",
            "least": f">= {bound}"}[kind]


def rows(results):
    """The table as text cells, one list per row that has at least one figure."""
    table = []
    for title, figure, digits, target in ROWS:
        values = results.get(figure, {})
        if not any(values.values()):
            continue
        medians = {name: statistics.median(values[name]) for name in NAMES
                   if values.get(name)}
        ratios = {name: ratio(values, name) for name in ("haproxy", "sluice")}
        if figure == "added_p99":
            ratios = {}  # differences of tails: often negative, never a ratio
        cells = [f"{medians[name]:,.{digits}f}" if name in medians else "-"
                 for name in NAMES]
        cells += [f"{ratios[name][0]:.2f} ({ratios[name][1]:.2f}-{ratios[name][2]:.2f})"
                  if ratios.get(name) else "-" for name in ("haproxy", "sluice")]
        table.append([title, *cells, target_text(target),
                      verdict(target, medians.get("sluice"), ratios.get("sluice"),
                              digits)])
    return table


# Of the translate lane, beside the pass lane's own figures in the same round.
PAIR_HEADINGS = ("client -> provider", "CPU per request, us", "/ pass lane",
                 "CPU per event, us", "/ pass lane", "target", "")
PAIR_FIGURES = (("translate_unary", 2.0), ("translate_event", 1.6))
PASS_LANE = "openai-chat -> openai-chat"


def pair_rows(results):
    table = []
    for name in results.get(PAIR_FIGURES[0][0], {}):
        cells, missed = [], []
        for figure, most in PAIR_FIGURES:
            values = results.get(figure, {})
            found = ratio(values, name, PASS_LANE)
            cells += [f"{statistics.median(values[name]):.1f}" if values.get(name) else "-",
                      f"{found[0]:.2f} ({found[1]:.2f}-{found[2]:.2f})" if found else "-"]
            missed.append(found is None or round(found[0], 2) > most)
        targets = " and ".join(f"<= {most:.1f}" for _, most in PAIR_FIGURES)
        table.append([name, *cells, *(["", ""] if name == PASS_LANE else
                                      [targets, "MISS" if any(missed) else "PASS"])])
    return table


# Of tests/bench_translate: the large request of a coding agent, read and written anew.
AGENT_HEADINGS = ("client -> provider", "KB", "CPU per request, us", "target", "")
AGENT_FIGURE, AGENT_MOST = "agent_request", 500


def agent_rows(results):
    table = []
    for name, values in results.get(AGENT_FIGURE, {}).items():
        used = statistics.median(values)
        table.append([name, f"{results['agent_size'][name]}", f"{used:.0f}", f"<= {AGENT_MOST}",
                      "PASS" if round(used) <= AGENT_MOST else "MISS"])
    return table


def as_text(table, headings=HEADINGS):
    widths = [max(map(len, column)) for column in zip(headings, *table)]
    lines = []
    for row in [headings, *table]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_markdown(table, headings=HEADINGS):
    lines = ["| " + " | ".join(headings) + " |",
             "|---|" + "---:|" * (len(headings) - 3) + "---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join(lines)


def calls_lines(calls, least=0.005):
    """`gateway: name n, name n` for what happens at least once in 200 units."""
    for (figure, name), counted in calls.items():
        shown = ", ".join(f"{call} {n:.2f}" for call, n in counted.items() if n >= least)
        yield figure, name, shown


def misses(table):
    return [row[0] for row in table if row[-1] == "MISS"]


DOCUMENT = """\
# Performance

Written by `bench/run --write`; do not edit it by hand. Measured on {date}: Linux
{kernel}, {cpu}, {cores} cores, {rounds} rounds.

{table}

Direct is the load client talking to the mock provider. Figures are medians over the
rounds; a ratio is the median of the ratios within each round, with the least and the
greatest in brackets, because the machine is not equally quiet in all of them.
{foreign}{problems}

## What is measured

- The gateway runs on core {gateway_core}, load client and mock provider share core
  {client_core}; all of it on loopback and, where permitted, at nice -10. {versions}.
- nginx and HAProxy are plain proxies: one worker or thread, upstream connections kept
  alive, no buffering of answers, no logs. Sluice has one worker and does its whole work:
  it checks a key, meters, prices, journals, and writes ledger and access log. It is the
  build of `make release`: compiled by counts of how often each branch was taken under
  this bench's own kinds of traffic; nginx and HAProxy are as Debian builds them.
- CPU is the time of all threads and processes of the gateway, from
  `/proc/PID/task/TID/schedstat`, divided by the requests or events the client received.
  For Sluice the end is taken when its recorder has caught up.
- Unary: {connections} connections ask again at once, a body of 1.5 KB, an answer of
  0.6 KB. Added latency: {fixed_rate:,} requests per second on a fixed schedule, less what
  direct takes in the same round. In a round the gateways take turns of half a second,
  twelve each. What compares CPU has twice as many rounds as the rest.
- Streams: {streams} at once, 40 events per second each, 0.2 KB an event. The first CPU
  figure has everything in it, from the first connection to the last row of the ledger;
  the second is a window in which all streams are open and none begins or ends.
- Governed: organisation, team and key have a limit of requests and tokens a minute and of
  requests at a time each, the team a budget a month, the key a budget a day, the model a
  price; answers tell the limits. nginx runs beside it in rounds of its own.
- The recorder alone is `tests/bench_recorder`: rows of 40 keys in 8 teams, each with its
  sums by hour, day and month and its counters of `/metrics`. Reports are those of
  `tests/bench_reports` over a year: in all, by model, by team and key, by user, by client
  and tags; the time is that of the clock, the best of three.
- With TLS the gateway checks the provider's certificate; connections are kept alive.
- Memory is RssAnon + RssShmem of all processes. Idle: Sluice with two workers. Per
  stream: the growth of a fresh process under 1,000 open streams, divided by 1,000.
- The client checks every stream: each event in its place, the finish reason, `[DONE]`.

## Between formats

{pairs}

The translate lane beside the pass lane (the first row), which authenticates, meters and
records just as it does: one Sluice process, the pairs in turn, 64 connections in a closed
loop and 200 streams of 200 events. The client checks what arrives in its format, each
event in its place.

The request of a coding agent, 40 turns and 30 tools, read and written anew without a
network around it (`tests/bench_translate`), at most half a millisecond of CPU:

{agents}

## System calls

Counted with `strace -c -p`, a thread each, over whole runs (60,000 requests on 64
connections; 20 streams of 500 events), so the set-up of connections is in it. A request
waits for the calls of the worker; Sluice's recorder, which writes the ledger and the access
log in batches, has a line of its own. `epoll_wait` is left out of the sums in the table.
Under strace a gateway is slower than in life and finds more to do each time it wakes, so
the real share of `epoll_wait` is higher.

{calls}

## To see it yourself

```
apt-get install nginx-light haproxy strace openssl
make bench                # builds, then bench/run --write: some twenty minutes
bench/run --quick         # under a minute: fewer and shorter rounds, no HAProxy
bench/run --only streams  # one case; --list names them
```
"""


def document(bench, table, pairs, agents):
    lines = {"unary": [], "event": []}
    for figure, name, shown in calls_lines(bench.calls):
        lines[figure].append(f"| {name} | {shown} |")
    calls = "\n\n".join(
        f"| per {unit} | calls |\n|---|---|\n" + "\n".join(lines[figure])
        for figure, unit in (("unary", "unary request"), ("event", "streamed event"))
        if lines[figure]) or "Not counted in this run."
    problems = "".join(f"\n\n**{text.splitlines()[0]}**" for text in bench.problems)
    return DOCUMENT.format(
        table=as_markdown(table), pairs=as_markdown(pairs, PAIR_HEADINGS) if pairs
        else "Not measured in this run.", agents=as_markdown(agents, AGENT_HEADINGS) if agents
        else "Not measured in this run.", rounds=bench.rounds, foreign=bench.foreign_text(),
        problems=problems, gateway_core=bench.gateway_core, client_core=bench.client_core,
        versions=bench.versions(), connections=64, fixed_rate=bench.fixed_rate,
        streams=bench.streams, calls=calls, **bench.machine)
