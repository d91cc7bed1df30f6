"""The cases that a program of tests/ measures by itself, without a gateway: it prints
lines for people, in which the figures are found.
"""

import os
import re
import shutil
import subprocess

REPORTED = 10_000_000  # attempts


def said_by(bench, name, *arguments, seconds=120):
    """What the program printed, on the gateway's core; None: it is not built."""
    program = os.path.join(bench.build, "tests", name)
    if not os.path.exists(program):
        bench.problem(f"there is no {program} (ninja -C {bench.build} tests/{name})")
        return None
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=seconds,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {bench.gateway_core})).stdout


def figure(bench, name, pattern, said, scale=1.0):
    """Every figure that the pattern finds is one of Sluice's rounds."""
    found = [float(text) * scale for text in re.findall(pattern, said, re.MULTILINE)]
    if not found:
        bench.problem(f"{name}: no such line: {pattern}")
    bench.results.setdefault(name, {}).setdefault("sluice", []).extend(found)


def recorder(bench):
    """tests/bench_recorder: a journal that is written faster than it is read, so that the
    recorder never waits."""
    for turn in range(1 if bench.quick else 3):
        bench.say(f"recorder, round {turn + 1}")
        folder = bench.path("recorder")
        os.mkdir(folder)
        said = said_by(bench, "bench_recorder", folder, 200_000)
        shutil.rmtree(folder)
        if said:
            figure(bench, "recorder_alone", r"^recorder: .* \((\d+) per second of CPU\)",
                   said)


def reports(bench):
    """tests/bench_reports: a ledger of a year, then five reports over all of it; the
    slowest counts."""
    folder = bench.path("reports")
    os.mkdir(folder)
    bench.say(f"reports over {REPORTED:,} attempts")
    said = said_by(bench, "bench_reports", folder, REPORTED, seconds=900)
    shutil.rmtree(folder)
    if not said:
        return
    took = [float(ms) for ms in re.findall(r"^a year, .* ([\d.]+) ms, ", said, re.MULTILINE)]
    if len(took) < 5:
        bench.problem(f"reports: {len(took)} of five reports in {said[:500]}")
        return
    bench.results["reports"] = {"sluice": [max(took)]}
    figure(bench, "reports_budgets", r"^spent in 31 days.* ([\d.]+) ms$", said)
    figure(bench, "reports_write", r"^written: .*, (\d+) a second of CPU", said)


def agent(bench):
    """The 200 KB request of a coding agent from one format to another: CPU of the functions
    alone, which tests/bench_translate takes itself, the best of five turns each round."""
    for turn in range(bench.rounds):
        bench.say(f"agent, round {turn + 1}")
        said = said_by(bench, "bench_translate")
        if not said:
            return
        for client, provider, size, used in re.findall(
                r"^\d+ (\S+) +-> (\S+) +agent +(\d+) KB +([\d.]+) us", said, re.MULTILINE):
            name = f"{client} -> {provider}"
            bench.results.setdefault("agent_size", {})[name] = int(size)
            bench.results.setdefault("agent_request", {}).setdefault(name, []).append(float(used))
