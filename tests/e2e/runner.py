"""The test runner: suites are files NAME_test.py with functions test_*.

The idea: a test is a function that raises, or a generator of (name, function) rows for a table.
`setup()` and `teardown()` of a suite run once. After each test everything that lives is looked
at: a gateway that died, a sanitizer report, or a request that the fake provider found malformed
fails the test in which it came up, also when nobody asked.
"""

import faulthandler
import importlib
import inspect
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import harness
from fake_provider import Fake
from raw import SLOW

TEST_SECONDS = 120


class Skip(Exception):
    """This test cannot run here, and why."""


class TooLong(BaseException):
    """The test's own deadline; not an Exception, so that no `except` of a test swallows it."""


def cpu_seconds():
    """Of this process and of all it has waited for: gateways, SDKs."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Runner:
    def __init__(self, wanted=(), verbose=False):
        self.wanted, self.verbose = wanted, verbose
        self.passed = self.skipped = 0
        self.failed = []
        self.suite = ""

    def line(self, verdict, name, why=""):
        print(f"{verdict} {self.suite}/{name}" + (f": {why}" if why else ""), flush=True)

    def run_suite(self, suite):
        self.suite = suite
        began = time.monotonic()
        try:
            module = importlib.import_module(f"{suite}_test")
            getattr(module, "setup", lambda: None)()
        except Skip as why:
            self.skipped += 1
            self.line("SKIP", "setup", why)
            self.clean(None)
            return
        except BaseException as why:
            self.fail("setup", why)
            self.clean(None)
            return
        tests = [(name, each) for name, each in vars(module).items()
                 if name.startswith("test_") and callable(each)]
        for name, test in tests:
            name = name[5:]
            if inspect.isgeneratorfunction(test):
                try:
                    for row, function in test():
                        if self.chosen(f"{name}/{row}"):
                            self.run_test(f"{name}/{row}", function)
                except Skip as why:
                    self.skipped += 1
                    self.line("SKIP", name, why)
                except Exception as why:
                    self.fail(name, why)
            elif self.chosen(name) and harness.SHARD == 0:
                self.run_test(name, test)
        self.clean(module)
        print(f"# {suite}: {time.monotonic() - began:.1f} s, {cpu_seconds():.1f} s of CPU",
              flush=True)

    def chosen(self, name):
        return not self.wanted or any(part in name for part in self.wanted)

    def run_test(self, name, function):
        def too_long(*_):
            raise TooLong(f"test still running after {seconds:.0f} s, at "
                          + "".join(traceback.format_stack(limit=6)))
        seconds = getattr(function, "seconds", TEST_SECONDS) * SLOW
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(int(seconds) + 1)
        try:
            function()
            signal.alarm(0)
            why = self.complaints()
            if why:
                raise AssertionError(why)
        except Skip as why:
            signal.alarm(0)
            self.skipped += 1
            self.line("SKIP", name, why)
        except KeyboardInterrupt:
            raise
        except BaseException as why:
            signal.alarm(0)
            more = self.complaints()
            self.fail(name, why, more)
        else:
            self.passed += 1
            self.line("ok", name)
        self.revive()

    def fail(self, name, why, more=None):
        text = f"{why}" if isinstance(why, AssertionError) and str(why) else \
            f"{type(why).__name__}: {why}"
        place = traceback.extract_tb(why.__traceback__)
        lines = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in place
                 if frame.filename.endswith("_test.py")]
        self.failed.append(f"{self.suite}/{name}")
        self.line("FAIL", name, text.replace("\n", "\n    ")
                  + (f" [{' < '.join(reversed(lines[-2:]))}]" if lines else "")
                  + (f"\n    {more}" if more else ""))
        if self.verbose:
            traceback.print_exception(why, file=sys.stdout)

    def complaints(self):
        found = [each for each in (gateway.complaint() for gateway in harness.Gateway.everyone)
                 if each]
        found += harness.reports
        harness.reports.clear()
        for fake in Fake.everyone:
            if fake.violations:
                found.append("provider got: " + "; ".join(fake.violations[:3]))
                fake.violations.clear()
        return "\n    ".join(found)

    def revive(self):
        """A gateway that a test lost is started again for the next one."""
        for gateway in harness.Gateway.everyone:
            if gateway.process and gateway.process.poll() is not None:
                try:
                    gateway.start()
                except Exception as why:
                    self.line("#", "revive", why)

    def clean(self, module):
        if module:
            try:
                getattr(module, "teardown", lambda: None)()
            except Exception as why:
                self.fail("teardown", why)
        for fake in list(Fake.everyone):
            fake.stop()
        for gateway in list(harness.Gateway.everyone):
            gateway.stop(5)
            why = gateway.complaint()
            if why:
                self.fail("after the last test", AssertionError(why))
            gateway.remove()
        for why in harness.reports:
            self.fail("after the last test", AssertionError(why))
        harness.reports.clear()

    def finish(self):
        for name in self.failed:
            print(f"# failed: {name}")
        if self.skipped:
            print(f"# {self.skipped} skipped")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed else 0


SLOTS = 12                      # harness.free_port has so many ranges
CLOSING = re.compile(r"(?m)^(\d+) passed, (\d+) failed\n\Z")
# The longest come first, so that none is left over at the end.
LONGEST = ["requests", "drill", "sdks", "faults", "limits", "failover", "pass", "sdk", "cli", "endpoints", "content", "upstream"]
SPREAD = {"requests": 3}        # a long table in so many runs


class SideBySide:
    """Suites wait most of the time, so several run at once, each in a process of its own. What a
    suite says is printed in one piece when it has ended."""

    def __init__(self, suites, options, jobs):
        order = sorted(suites, key=lambda name: LONGEST.index(name) if name in LONGEST else 99)
        self.waiting = [(suite, f"{shard}/{shards}") for suite in order
                        for shards in [1 if harness.FEW else SPREAD.get(suite, 1)]
                        for shard in range(shards)]
        self.options, self.free = options, list(range(min(jobs, SLOTS)))
        self.running = []               # (process, slot, suite, output)
        self.passed = self.skipped = 0
        self.failed = []

    def start(self):
        suite, shard = self.waiting.pop(0)
        slot = self.free.pop(0)
        output = tempfile.TemporaryFile("w+", errors="replace")
        process = subprocess.Popen(
            [sys.executable, sys.argv[0], *self.options, suite], stdout=output,
            stderr=subprocess.STDOUT, env={**os.environ, "E2E_JOBS": "1", "E2E_SLOT": str(slot),
                                     "E2E_SHARD": shard})
        self.running.append((process, slot, suite, output))

    def end(self, process, slot, suite, output):
        output.seek(0)
        said = output.read()
        output.close()
        self.free.append(slot)
        closing = CLOSING.search(said)
        ours = said[:closing.start() if closing else None].splitlines()
        failed = [line[10:] for line in ours if line.startswith("# failed: ")]
        skipped = [int(line.split()[1]) for line in ours if re.fullmatch(r"# \d+ skipped", line)]
        if closing:
            self.passed += int(closing[1])
        if not closing or bool(process.returncode) != bool(failed):
            failed.append(f"{suite} (ended with {process.returncode})")
        self.failed += failed
        self.skipped += sum(skipped)
        print("\n".join(line for line in ours if not line.startswith("# failed: ")
                        and not re.fullmatch(r"# \d+ skipped", line)), flush=True)

    def run(self):
        try:
            while self.waiting or self.running:
                while self.waiting and self.free:
                    self.start()
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)     # one of them has ended
                for each in list(self.running):
                    if each[0].poll() is not None:
                        self.running.remove(each)
                        self.end(*each)
        finally:
            for process, *_ in self.running:
                process.terminate()
        for name in self.failed:
            print(f"# failed: {name}")
        if self.skipped:
            print(f"# {self.skipped} skipped")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed else 0


def all_suites():
    """One for each NAME_test.py here; those that take longest first, so that they end with the others."""
    there = sorted(path.name[:-len("_test.py")] for path in pathlib.Path(__file__).parent.glob("*_test.py"))
    first = [each for each in LONGEST if each in there]
    return first + [each for each in there if each not in first]


def main(arguments):
    faulthandler.enable()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    harness.NIGHT, harness.FEW = "--night" in arguments, "--few" in arguments
    verbose = "-v" in arguments
    names = [each for each in arguments if not each.startswith("-")]
    every = all_suites()
    suites = [each for each in every if each in names] or every
    wanted = [each for each in names if each not in every]
    jobs = int(os.environ.get("E2E_JOBS", 2 * (os.cpu_count() or 1)))
    if jobs > 1 and len(suites) > 1 and os.access(harness.SLUICE, os.X_OK):
        options = [each for each in arguments if each not in suites]
        return SideBySide(suites, options, jobs).run()
    runner = Runner(wanted, verbose)
    if not os.access(harness.SLUICE, os.X_OK):
        print(f"# no gateway at {harness.SLUICE} (set SLUICE): only the self-check can run")
        suites = ["self"]
        runner.failed.append(f"no gateway at {harness.SLUICE}")
    for suite in suites:
        runner.run_suite(suite)
    return runner.finish()
