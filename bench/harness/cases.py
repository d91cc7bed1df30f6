"""The cases: what is done to the gateways, and which figures come out.

A case is a function of the bench.  Those that compare CPU or latency run all gateways in
turn, round by round, and another one begins each round: what disturbs the machine for a
minute disturbs all of them, and a ratio is taken within a round.
"""

import collections
import os
import shutil
import statistics
import subprocess
import time

from harness import machine
from harness.gateways import Direct, Governed, Nginx, Sluice, Translator, available
from harness.tools import Load, Upstream


class Measured:
    """CPU of a gateway from its creation to done(), the recorder's remainder included."""

    def __init__(self, bench, gateway):
        self.bench, self.gateway = bench, gateway
        self.at, self.busy = time.monotonic(), machine.core_busy(bench.gateway_core)
        self.before, self.rows_before = gateway.cpu(), gateway.rows()

    def so_far(self):
        return machine.cpu_between(self.before, self.gateway.cpu())

    def done(self, result):
        """Nanoseconds.  Tells the bench of errors, and of strangers on our core."""
        gateway = self.gateway
        self.load_ns = self.so_far()
        if problem := gateway.settle():
            self.bench.problem(f"{gateway.name}: {problem}")
        after = gateway.cpu()
        used = machine.cpu_between(self.before, after)
        self.recorder = machine.cpu_of_threads(self.before, after, "record")
        check(self.bench, gateway, result)
        if (rows := gateway.rows()) is not None:
            missing = result["requests"] - (rows - self.rows_before)
            if missing:
                self.bench.problem(f"{gateway.name}: {missing} of {result['requests']} "
                                   "exchanges are not in the ledger")
        busy = machine.core_busy(self.bench.gateway_core) - self.busy
        if gateway.name != "direct":
            self.bench.measured_seconds += time.monotonic() - self.at
            self.bench.foreign_seconds += max(0.0, busy - used / 1e9)
        return used


def check(bench, gateway, result):
    """A gateway that made errors is a problem; one that died ends the case."""
    if gateway.child and not gateway.child.alive():
        raise RuntimeError(gateway.child.complaint())
    if result["errors"]:
        bench.problem(f"{gateway.name}: {result['errors']} errors: {result['why']}\n"
                      f"    {result.get('complaint', '')}")


def rotated(gateways, turn):
    turn %= len(gateways)
    return gateways[turn:] + gateways[:turn]


def stream_options(bench, upstream, streams, rate=2000):
    most = 30 + int(upstream.seconds() * 2 + streams / rate)
    return ["--streams", streams, "--events", upstream.events, "--rate", rate,
            "--seconds", most]


# -- the tools themselves -------------------------------------------------------------

def self_test(bench):
    """The client finds nothing wrong with the upstream, and finds what is wrong."""
    upstream = Upstream(bench, events=20, rate=50)
    direct = Direct(bench, upstream)
    streams = ["--streams", 50, "--rate", 1000, "--seconds", 10]
    for options, errors in (
            (["--requests", 2000], 0),
            (["--requests", 500, "--rate", 2000, "--seconds", 5], 0),
            ([*streams, "--events", 20], 0),
            ([*streams, "--events", 20, "--include-usage"], 0),
            ([*streams, "--events", 21], 50)):
        result = Load(bench, direct, *options).result()
        if result["errors"] != errors:
            raise RuntimeError(f"self-test {options}: {result}")
    upstream.stop()


# -- unary requests -------------------------------------------------------------------

def unary(bench):
    """CPU per request and the highest rate, 64 connections in a closed loop; latency at
    a moderate fixed rate."""
    upstream = Upstream(bench, events=10, rate=40)
    gateways = [kind(bench, upstream).start() for kind in available(bench)]
    for gateway in gateways:
        check(bench, gateway, Load(bench, gateway, "--requests", 2000).result())
        gateway.settle()
    for turn in range(rounds_of(bench)):
        closed_loops(bench, gateways, turn, "unary", add_unary)
        for gateway in rotated(gateways, turn):
            bench.say(f"fixed rate, round {turn + 1}: {gateway.name}")
            fixed_rate(bench, gateway)
    for gateway in gateways:
        gateway.stop()
    upstream.stop()


def rounds_of(bench):
    """Of what compares CPU: twice as many as were asked for, since one of them is worth
    little on a machine that others use too."""
    return bench.rounds * (1 if bench.quick else 2)


# Of each gateway in a round.
LOOPS, LOOPS_QUICK = 12, 1


class Loops:
    """The closed loops of one gateway in one round, taken together."""

    def __init__(self):
        self.used = self.load = self.requests = self.seconds = self.recorder = 0
        self.p99 = []

    def run(self, bench, gateway):
        measured = Measured(bench, gateway)
        result = Load(bench, gateway, "--connections", 64, "--requests", 15000).result()
        self.used += measured.done(result)
        self.load += measured.load_ns
        self.recorder += measured.recorder or 0
        self.requests += result["requests"]
        self.seconds += result["seconds"]
        self.p99.append(result["p99_us"])

    def us(self, ns):
        return ns / 1000 / max(1, self.requests)


def closed_loops(bench, gateways, turn, name, add):
    """A round: half a second of each gateway in turn, and that LOOPS times.  What slows
    the machine for a second or two then slows all of them, and not the one it met."""
    loops = {gateway: Loops() for gateway in gateways}
    for n in range(LOOPS_QUICK if bench.quick else LOOPS):
        for gateway in rotated(gateways, turn + n):
            bench.say(f"{name}, round {turn + 1}: {gateway.name}")
            loops[gateway].run(bench, gateway)
    for gateway in gateways:
        add(bench, gateway, loops[gateway])


def add_unary(bench, gateway, loops):
    bench.add("rate", gateway, loops.requests / loops.seconds)
    if gateway.name == "direct":
        return
    bench.add("unary_cpu", gateway, loops.us(loops.used))
    bench.add("unary_p99", gateway, statistics.median(loops.p99))
    bench.add("core_share", gateway, 100 * loops.load / 1e9 / loops.seconds)
    if loops.recorder:
        bench.add("recorder_rate", gateway, loops.requests / (loops.recorder / 1e9))
        bench.add("recorder_cpu", gateway, loops.us(loops.recorder))


def add_governed(bench, gateway, loops):
    bench.add("governed_cpu", gateway, loops.us(loops.used))
    if loops.recorder:
        bench.add("governed_recorder_cpu", gateway, loops.us(loops.recorder))


def fixed_rate(bench, gateway):
    result = Load(bench, gateway, "--connections", 64, "--rate", bench.fixed_rate,
                  "--seconds", 1).result()
    gateway.settle()
    check(bench, gateway, result)
    bench.add("p50", gateway, result["p50_us"])
    bench.add("p99", gateway, result["p99_us"])


# -- streams --------------------------------------------------------------------------

def streams(bench):
    compare_streams(bench, tls=False, prefix="event", rounds=rounds_of(bench))


def tls_streams(bench):
    compare_streams(bench, tls=True, prefix="tls_event",
                    rounds=rounds_of(bench))


def compare_streams(bench, tls, prefix, rounds, kinds=None):
    upstream = Upstream(bench, events=80 if bench.quick else 240, rate=40, tls=tls)
    gateways = [kind(bench, upstream).start() for kind in kinds or available(bench)
                if kind is not Direct]
    # With all streams, so that the connections to the upstream stand afterwards.
    for gateway in gateways if tls or not bench.quick else ():
        options = stream_options(bench, upstream, bench.streams)
        bench.say(f"{prefix}, warm-up: {gateway.name}")
        check(bench, gateway, Load(bench, gateway, *options).result())
        gateway.settle()
    for turn in range(rounds):
        for gateway in rotated(gateways, turn):
            bench.say(f"{prefix}, round {turn + 1}: {gateway.name}")
            one_stream_run(bench, gateway, upstream, prefix)
    for gateway in gateways:
        gateway.stop()
    upstream.stop()


def one_stream_run(bench, gateway, upstream, prefix):
    """Two figures: everything from the first connection to the last row in the ledger,
    and a window in which all streams are open and nothing but events happens."""
    measured = Measured(bench, gateway)
    load = Load(bench, gateway, *stream_options(bench, upstream, bench.streams))
    window = None
    try:
        machine.wait_for("stream", lambda: load.open_streams() == bench.streams
                         or not load.child.alive(), 10)
        events, used = load.progress()["events"], measured.so_far()
        time.sleep(upstream.seconds() - bench.streams / 2000 - 0.4)
        events, used = load.progress()["events"] - events, measured.so_far() - used
        if load.open_streams() == bench.streams and events:
            window = used / 1000 / events
    except RuntimeError as error:
        bench.problem(f"{gateway.name}: {error}")
    result = load.result()
    used = measured.done(result)
    if result["events"]:
        bench.add(prefix + "_cpu", gateway, used / 1000 / result["events"])
        bench.add(prefix + "_first_p50", gateway, result["p50_us"])
    if window:
        bench.add(prefix + "_window_cpu", gateway, window)


# -- governed -------------------------------------------------------------------------

def governed(bench):
    """The same requests and streams with everything that governs them: limits on three
    levels, two budgets, a price, rollups and metrics."""
    if not bench.sluice:
        return
    upstream = Upstream(bench, events=10, rate=40)
    gateways = [kind(bench, upstream).start() for kind in (Nginx, Governed)]
    for gateway in gateways:
        check(bench, gateway, Load(bench, gateway, "--requests", 2000).result())
        gateway.settle()
    for turn in range(rounds_of(bench)):
        closed_loops(bench, gateways, turn, "governed", add_governed)
    if missing := gateways[1].not_governed():
        bench.problem(f"governed: {missing}")
    for gateway in gateways:
        gateway.stop()
    upstream.stop()
    compare_streams(bench, tls=False, prefix="governed_event",
                    rounds=rounds_of(bench), kinds=(Nginx, Governed))


# -- memory ---------------------------------------------------------------------------

def memory(bench):
    for tls in (False, True):
        upstream = Upstream(bench, events=25 if bench.quick else 50, rate=10, tls=tls)
        kinds = [kind for kind in available(bench) if kind is not Direct
                 and not (bench.quick and tls and kind is not Sluice)]
        # With TLS it depends on how many handshakes are under way at once.
        for kind in kinds * (bench.rounds if tls else 1):
            memory_of_streams(bench, kind(bench, upstream).start(), upstream,
                              "tls_stream_memory" if tls else "stream_memory")
        upstream.stop()


def memory_of_streams(bench, gateway, upstream, figure):
    """A fresh process: what an earlier run left behind would hide what streams take."""
    bench.say(f"{figure}: {gateway.name}")
    gateway.ask()
    gateway.settle()
    before, most = gateway.memory(), 0
    load = Load(bench, gateway, *stream_options(bench, upstream, 1000))
    try:
        machine.wait_for("stream", lambda: load.open_streams() == 1000
                         or not load.child.alive(), 15)
        while load.open_streams() == 1000:
            most = max(most, gateway.memory())
            time.sleep(0.2)
    except RuntimeError as error:
        bench.problem(f"{gateway.name}: {error}")
    check(bench, gateway, load.result())
    gateway.stop()
    if most:
        bench.add(figure, gateway, (most - before) / 1000 / 1024)


def idle_memory(bench):
    """After the start and one answer.  Sluice with two workers, as the target says."""
    upstream = Upstream(bench, events=10, rate=40)
    for kind in available(bench):
        if kind is Direct:
            continue
        gateway = kind(bench, upstream, workers=2).start()
        time.sleep(0.5)
        bench.add("idle_memory_unused", gateway, gateway.memory() / 1024 / 1024)
        gateway.ask()
        gateway.settle()
        bench.add("idle_memory", gateway, gateway.memory() / 1024 / 1024)
        gateway.stop()
    upstream.stop()


# -- many streams in one process ------------------------------------------------------

def crowd(bench):
    """As many streams as the limit of open files allows, 9,000 at most.  Several client
    processes, all streams open at one moment or it does not count."""
    clients, room = 3, machine.most_open_files() - 100
    each = min(9000, (room - 400) // 2) // clients
    wanted = each * clients
    upstream = Upstream(bench, events=24, rate=1)
    kind = Sluice if bench.sluice else Nginx
    bench.say(f"{wanted} streams: {kind.name}")
    gateway = kind(bench, upstream, room=room).start()
    gateway.ask()
    gateway.settle()
    before, most, most_open = gateway.memory(), 0, 0
    measured = Measured(bench, gateway)
    loads = [Load(bench, gateway, *stream_options(bench, upstream, each, rate=500))
             for _ in range(clients)]
    while any(load.child.alive() for load in loads):
        now_open = sum(load.open_streams() for load in loads)
        most_open = max(most_open, now_open)
        if now_open == wanted:
            most = max(most, gateway.memory())
        time.sleep(0.2)
    results = [load.result() for load in loads]
    total = {key: sum(result[key] for result in results)
             for key in ("requests", "errors", "events")}
    total["why"] = next((result["why"] for result in results if result["why"]), "")
    total["complaint"] = next((r["complaint"] for r in results if r["errors"]), "")
    used = measured.done(total)
    gateway.stop()
    upstream.stop()
    bench.add("crowd_open", gateway, most_open)
    bench.add("crowd_errors", gateway, total["errors"])
    if most and total["events"]:
        bench.add("crowd_memory", gateway, (most - before) / wanted / 1024)
        bench.add("crowd_cpu", gateway, used / 1000 / total["events"])


# -- start and size -------------------------------------------------------------------

def start(bench):
    """From fork and exec, Python's share included, to the last byte of a first answer."""
    upstream = Upstream(bench, events=10, rate=40)
    for kind in available(bench):
        if kind is Direct:
            continue
        for _ in range(3 if bench.quick else 7):
            gateway = kind(bench, upstream)
            began = time.monotonic()
            gateway.spawn()
            while b" 200 OK" not in gateway.ask()[:16]:
                if time.monotonic() - began > 10:
                    raise RuntimeError("no first answer: " + gateway.child.complaint())
                time.sleep(0.0002)
            bench.add("start", gateway, (time.monotonic() - began) * 1000)
            gateway.stop()
    upstream.stop()


def size(bench):
    """Without debug information, which a package does not carry either."""
    for kind in available(bench):
        path = {"nginx": "/usr/sbin/nginx", "haproxy": "/usr/sbin/haproxy",
                "sluice": bench.sluice}.get(kind.name)
        if not path:
            continue
        bare = bench.path("stripped")
        shutil.copyfile(path, bare)
        subprocess.run(["strip", bare], check=False, capture_output=True)
        bench.results.setdefault("size", {})[kind.name] = [os.path.getsize(bare) / 2**20]
        bench.results.setdefault("size_with_debug", {})[kind.name] = [
            os.path.getsize(path) / 2**20]


# -- system calls ---------------------------------------------------------------------

WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")


def system_calls(bench):
    """Counted by strace, thread by thread, over whole runs that are long enough to make the
    set-up of the connections small.  What a gateway's workers do a request waits for; what
    other threads do, the recorder above all, is told on its own."""
    if not shutil.which("strace"):
        bench.problem("no strace: system calls are not counted")
        return
    plain = Upstream(bench, events=10, rate=40)
    slow = Upstream(bench, events=500, rate=100)
    for kind in available(bench):
        if kind is Direct:
            continue
        bench.say(f"system calls: {kind.name}")
        gateway = kind(bench, plain).start()
        gateway.ask()
        count_calls(bench, gateway, "unary", "requests",
                    ["--connections", 64, "--requests", 60000])
        gateway.stop()
        gateway = kind(bench, slow).start()
        gateway.ask()
        count_calls(bench, gateway, "event", "events", stream_options(bench, slow, 20))
        gateway.stop()
    plain.stop()
    slow.stop()


class Tracer:
    """An strace of one thread, which counts its calls."""

    def __init__(self, bench, tid, name):
        self.tid, self.table = tid, bench.path("strace")
        self.beside = "sluice" in name and "worker" not in name
        self.child = bench.start(f"strace-{tid}", ["strace", "-c", "-o", self.table, "-p", str(tid)],
                                 bench.gateway_core)

    def ready(self):
        return not self.child.alive() or "TracerPid:\t0" not in machine.read(f"/proc/{self.tid}/status")

    def calls(self):
        found = {}
        for line in machine.read(self.table).splitlines():
            words = line.split()
            if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                found[words[-1]] = int(words[3])
        return found


def count_calls(bench, gateway, figure, unit, options):
    tracers = [Tracer(bench, tid, f"{gateway.name} {name}")
               for tid, (name, _) in gateway.child.cpu().items()]
    try:
        machine.wait_for("trace", lambda: all(tracer.ready() for tracer in tracers), 5)
        result = Load(bench, gateway, *options).result()
        gateway.settle()
        check(bench, gateway, result)
    finally:
        for tracer in tracers:
            tracer.child.stop()
    for beside in (False, True):
        calls = collections.Counter()
        for tracer in tracers:
            if tracer.beside == beside:
                calls.update(tracer.calls())
        if not result[unit] or not (calls or beside):
            bench.problem(f"strace of {gateway.name} counted nothing: "
                          f"{tracers[0].child.complaint()}")
            return
        if not calls:
            continue
        per_unit = {name: n / result[unit] for name, n in calls.most_common()}
        bench.calls[figure, gateway.name + (", other threads" if beside else "")] = per_unit
        bench.add(figure + ("_calls_beside" if beside else "_calls"), gateway,
                  sum(n for name, n in per_unit.items() if name not in WAITS))


# -- between formats ------------------------------------------------------------------

# What a client speaks, the route it asks for, and what the provider of that speaks.
PASS = ("openai-chat", "fast", "openai-chat")
PAIRS = (PASS, ("openai-chat", "claude", "anthropic"), ("anthropic", "fast", "openai-chat"),
         ("openai-responses", "claude", "anthropic"), ("gemini", "fast", "openai-chat"),
         ("openai-chat", "nova", "bedrock"))


def translate(bench):
    """CPU per request and per event of each pair, in turn with the pass lane's own: all in
    one process, so that a ratio within a round compares nothing but the lanes."""
    if not bench.sluice:
        return
    upstream = Upstream(bench, events=200, rate=100)
    gateway = Translator(bench, upstream).start()
    streams = ["--include-usage", *stream_options(bench, upstream, 200)]
    for turn in range(-1, rounds_of(bench)):
        for pair in rotated(PAIRS, turn):
            client, route, provider = pair
            asked = ["--format", client, "--model", route]
            bench.say(f"translate, round {turn + 1}: {client} -> {provider}")
            for figure, unit, options in (
                    ("translate_unary", "requests", ["--connections", 64, "--seconds", 1]),
                    ("translate_event", "events", streams)):
                measured = Measured(bench, gateway)
                result = Load(bench, gateway, *asked, *options).result()
                used = measured.done(result)
                if turn >= 0 and result[unit]:  # round -1 opens the connections
                    bench.results.setdefault(figure, {}).setdefault(
                        f"{client} -> {provider}", []).append(used / 1000 / result[unit])
    gateway.stop()
    upstream.stop()
