"""The gateway under test: its configuration, its process, its keys, its ledger.

The idea: one `Gateway` is one data directory with a config on ports of its own; it can be
started, stopped, killed and started again on the same data. Nothing is assumed about the inside:
everything is seen through sockets, the command line, stderr and the ledger file. Names that the
product may still rename stand here and nowhere else. Raw bytes are raw.py's business, the
provider is fake_provider.py's, running tests runner.py's.
"""

import ctypes
import itertools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import traceback

from raw import SANITIZER, SLOW, SLUICE, Raw, Reply, request, show, until

HERE = pathlib.Path(__file__).resolve().parent
NIGHT = FEW = False             # set by the runner before it loads a suite
# A long table may be spread over several runs side by side: this is one of so many.
SHARD, SHARDS = (int(n) for n in os.environ.get("E2E_SHARD", "0/1").split("/"))
SLOT = os.environ.get("E2E_SLOT")                       # which of the runs side by side this is
SANITIZED = SANITIZER is not None                       # memory figures mean nothing then

# Config keys below `limits:` (guarantees.md G20, G21). The one place that knows their names.
LIMITS = {"header": "header_timeout", "body": "body_timeout", "body_size": "body"}

CHAT = "/v1/chat/completions"
USAGE_KINDS = ("reported", "estimated", "unknown", "none")


def limits(**values):
    """A `limits:` line: limits(header="1s") -> 'limits: {header_timeout: 1s}'."""
    return "limits: {" + ", ".join(f"{LIMITS[k]}: {v}" for k, v in values.items()) + "}\n"


def provider(name, url, key="sk-upstream-SECRET", more=""):
    """One line below `providers:`."""
    return f'  {name}: {{ format: openai-chat, url: "{url}", key: {key}{more} }}\n'


def route(name, *targets, more=""):
    """One line below `routes:`."""
    return f"  {name}: {{ targets: [{', '.join(targets)}]{more} }}\n"


def ports():
    """All of a range in any order, again and again: what was given out for somebody who has not
    bound it yet is not given to the next one."""
    first = 20000 + 1000 * int(SLOT or 0)
    order = list(range(first, first + 1000 if SLOT else 32000))
    random.shuffle(order)
    return itertools.cycle(order)


PORTS = ports()


def free_port():
    """A port outside the range from which the kernel takes client ports. Suites that run side by
    side have a range each: between this look and the gateway's bind nobody else may take it."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Died(Exception):
    """The gateway is not running although it should."""


REPORT = re.compile(r"(?m)^.*(AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:|"
                    r"[Aa]ssertion|assert failed).*$")
reports = []                    # of processes nobody asks any more: commands, removed gateways


def look_for_report(text):
    """Remembers a sanitizer's or an assert's report in what some process said."""
    if found := REPORT.search(text):
        reports.append(f"stderr: {text[found.start():found.start() + 3000]}")


class Gateway:
    """One gateway. `body` is the config below the lines about addresses and data."""

    everyone = []

    def __init__(self, body, auth="keys", top="drain: 2s\nworkers: 2\n", start=True, env=None,
                 nofile=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.data = self.dir / "data"
        self.file = self.dir / "sluice.yaml"
        self.errors = self.dir / "stderr"
        self.port, self.admin_port = free_port(), free_port()
        self.top, self.auth, self.env, self.nofile = top, auth, env or {}, nofile
        self.process, self.keys, self.key_ids, self.reported = None, {}, {}, 0
        self.expected_to_live = False
        self.write(body)
        Gateway.everyone.append(self)
        if start:
            self.start()

    # --- configuration ---

    def text(self, body):
        return (f"version: 1\nlisten: 127.0.0.1:{self.port}\nadmin: 127.0.0.1:{self.admin_port}\n"
                f"data: {self.data}\nauth: {self.auth}\n{self.top}{body}")

    def write(self, body):
        """Replaces the config file in one step."""
        self.body = body
        fresh = self.dir / "fresh"
        fresh.write_text(self.text(body))
        os.replace(fresh, self.file)

    # --- process ---

    def start(self):
        """Runs `sluice serve` and waits until it accepts connections."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.dir), **self.env}
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                environment[name] = value
        before = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))) \
            if self.nofile else None
        with open(self.errors, "ab") as errors, open(self.dir / "stdout", "ab") as out:
            self.process = subprocess.Popen([SLUICE, "serve", "-c", str(self.file)], stdout=out,
                                            stdin=subprocess.DEVNULL, stderr=errors,
                                            env=environment, preexec_fn=before)
        self.expected_to_live = True
        until(self._answers, f"{SLUICE} to accept on port {self.port}", 10)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            self.expected_to_live = False
            raise Died(f"{SLUICE} ended with {self.process.returncode} at start; "
                       f"stderr: {self.stderr()[:1500]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9."""
        self.expected_to_live = False
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=10):
        """SIGTERM, then SIGKILL after `seconds`; gives the exit code."""
        self.expected_to_live = False
        if not self.alive():
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def remove(self):
        code = self.stop()
        if code not in (0, None, -signal.SIGKILL, -signal.SIGTERM):
            reports.append(f"gateway ended with {code}")
        if why := self.complaint():
            reports.append(why)
        if self in Gateway.everyone:
            Gateway.everyone.remove(self)
        if os.environ.get("E2E_KEEP"):
            print(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def stderr(self):
        return self.errors.read_text(errors="replace") if self.errors.exists() else ""

    def complaint(self):
        """Why the run must fail although no test said so: death, a sanitizer, an assert."""
        fresh = self.stderr()[self.reported:]
        self.reported += len(fresh)
        found = REPORT.search(fresh)
        if found:
            at = found.start()
            return f"stderr: {fresh[at:at + 3000]}"
        if self.expected_to_live and not self.alive():
            return f"gateway died with {self.process.returncode}; stderr: {fresh[-2000:]}"
        return None

    def memory(self):
        """Anonymous + shared memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return sum(int(re.search(rf"{name}:\s+(\d+)", status)[1]) * 1024
                   for name in ("RssAnon", "RssShmem"))

    def cpu(self):
        """Seconds of CPU used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # --- command line ---

    def cli(self, *args, stdin=None, seconds=20, config=True):
        """Runs `sluice ARGS [-c FILE]`; gives (code, stdout, stderr)."""
        return cli(*args, *(["-c", str(self.file)] if config else []), stdin=stdin, home=self.dir,
                   seconds=seconds, env=self.env)

    def key(self, name="test"):
        """The secret of the key of that name, created on first use."""
        if name not in self.keys:
            code, out, err = self.cli("keys", "create", "--name", name, "--json")
            if code != 0:
                raise Died(f"sluice keys create --name {name} --json: exit {code}: {err or out}")
            made = json.loads(out)
            if not {"id", "name", "key"} <= set(made):
                raise Died(f"keys create --json printed {out!r}")
            self.keys[name], self.key_ids[name] = made["key"], made["id"]
        return self.keys[name]

    def bearer(self, name="test"):
        return ("Authorization", f"Bearer {self.key(name)}")

    def tail(self):
        """The exchanges as `sluice tail --json` prints them, one JSON object a line."""
        code, out, err = self.cli("tail", "--json")
        if code != 0:
            raise Died(f"sluice tail --json: exit {code}: {err}")
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    # --- requests ---

    def open(self, **more):
        return Raw(self.port, **more)

    def post(self, body, path=CHAT, headers=(), key="test", method="POST",
             kind="application/json", **more):
        """One request on a fresh connection. `body`: bytes, or a value to be written as JSON."""
        if body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body).encode()
        fields = [] if key is None or self.auth == "open" else [self.bearer(key)]
        if body is not None and kind:
            fields.append(("Content-Type", kind))
        with self.open(**more) as raw:
            raw.send(request(method, path, [*fields, *headers], body))
            return raw.reply(method)

    def get(self, path, key="test", headers=(), method="GET") -> Reply:
        return self.post(None, path, headers, key, method)

    def chat(self, model, text="hi", **more):
        """A chat body."""
        return {"model": model, "messages": [{"role": "user", "content": text}], **more}

    # --- ledger ---

    def rows(self, where="1", *values):
        """Rows of the attempts table as dicts; empty while the ledger does not exist yet."""
        return [dict(row) for row in self.select(f"SELECT * FROM attempts WHERE {where} ORDER BY id", values)]

    def total(self, column, where="1", *values):
        """The sum of a column of them, added up by SQLite."""
        found = self.select(f"SELECT coalesce(sum({column}), 0) FROM attempts WHERE {where}", values)
        return found[0][0] if found else 0

    def select(self, sql, values):
        path = self.data / "ledger.db"
        if not path.exists():
            return []
        link = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            link.row_factory = sqlite3.Row
            return link.execute(sql, values).fetchall()
        except sqlite3.OperationalError as why:
            if "no such table" in str(why):
                return []
            raise
        finally:
            link.close()

    def row(self, header, seconds=5):
        """The settled row of the attempt that carried this x-client-request-id upstream."""
        number = attempt_id(header)

        def settled():
            found = self.rows("id = ?", number)
            return found and found[0]["state"] != "open" and found[0]
        return until(settled, f"attempt {header} ({number}) to be settled in the ledger", seconds)


def attempt_id(header):
    """The row id for what travelled upstream: 16 hex digits of the 64-bit id, or a decimal."""
    number = int(header, 16) if len(header) == 16 else int(header)
    return number - 2 ** 64 if number >= 2 ** 63 else number


def cli(*args, stdin=None, home=None, seconds=20, env=None, cwd=None):
    """Runs the binary with a clean environment; gives (code, stdout, stderr)."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home or "/dev/null/none"), **(env or {})}
    for name, value in os.environ.items():
        if name.endswith("SAN_OPTIONS"):
            environment[name] = value
    done = subprocess.run([SLUICE, *map(str, args)], input=stdin, capture_output=True,
                          text=True, errors="replace", env=environment,
                          timeout=seconds * SLOW, cwd=cwd,
                          **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    look_for_report(done.stderr)
    return done.returncode, done.stdout, done.stderr


def shown_id(number):
    """A row id as people see it: in tail, show, and x-request-id."""
    return f"{number % 2 ** 64:016x}"


# --- small helpers for tests -----------------------------------------------------------------------

def check(condition, *what):
    """An assert that says what was seen."""
    if not condition:
        raise AssertionError(" ".join(str(each) for each in what))


def same(got, wanted, what):
    """Equality; for bytes it points to the first difference."""
    if got == wanted:
        return
    if isinstance(got, (bytes, bytearray)) and isinstance(wanted, (bytes, bytearray)):
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
                  min(len(got), len(wanted)))
        lo = max(0, at - 40)
        raise AssertionError(f"{what}: differs at byte {at} (lengths {len(got)}, {len(wanted)}): "
                             f"got {show(got[lo:at + 80])}, wanted {show(wanted[lo:at + 80])}")
    raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def openai_error(reply, status, code=None):
    """Checks that this is an error in the OpenAI dialect and gives the error object."""
    allowed = status if isinstance(status, (set, tuple, list)) else (status,)
    check(reply.status in allowed, f"status {reply.status}, wanted {sorted(allowed)}:", reply)
    error = reply.json().get("error")
    check(isinstance(error, dict) and {"message", "type", "param", "code"} <= set(error)
          and isinstance(error["message"], str) and error["message"],
          "not an OpenAI error body:", reply)
    if code:
        same(error["code"], code, f"error.code of {show(reply.body)}")
    return error


COMMENT = re.compile(rb": sluice provider=(\S+) model=(\S+) attempts=(\d+) cost_usd=(\S+)"
                     rb"(?: [^\s=]+=\S*)*\n\n\Z")


KEPT_ALIVE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n)): (?:keep-?alive|sluice is [^\n]*)\n\n")


def split_comment(body):
    """Takes our last comment block off a stream: (what was before, (provider, model, attempts)).
    Signs of life that we sent during a long silence are not the provider's bytes either."""
    body = KEPT_ALIVE.sub(b"", body)
    found = COMMENT.search(body)
    check(found, "no final `: sluice provider=… model=… attempts=… cost_usd=…` block; stream ends",
          show(body[-200:]))
    return bytes(body[:found.start()]), (found[1].decode(), found[2].decode(), int(found[3]))


def in_netns(work):
    """Runs work() in a child process with a private, empty network, where 8080 is free. The
    child's outcome is re-raised here."""
    libc = ctypes.CDLL(None, use_errno=True)
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            new_net, new_user = 0x40000000, 0x10000000
            if libc.unshare(new_net) != 0 and libc.unshare(new_user | new_net) != 0:
                os.write(write_end, b"skip: no private network namespace here")
                os._exit(0)
            with socket.socket() as sock:
                import fcntl
                up = struct.pack("16sh14x", b"lo", 1 | 64)
                fcntl.ioctl(sock, 0x8914, up)           # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
            work()
            os.write(write_end, b"ok")
        except BaseException as why:                    # all of it must reach the parent
            text = f"{type(why).__name__}: {why}\n{traceback.format_exc()[-1500:]}"
            os.write(write_end, text.encode()[:60000])
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(write_end)
    said = b""
    while data := os.read(read_end, 65536):
        said += data
    os.close(read_end)
    os.waitpid(child, 0)
    if said.startswith(b"skip: "):
        from runner import Skip
        raise Skip(said[6:].decode())
    check(said == b"ok", said.decode() or "the child died silently")


__all__ = [name for name in dir() if not name.startswith("_")]
