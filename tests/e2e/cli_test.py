"""The command line: the first ten seconds without a config, keys, tail and show, check, models,
exit codes (0 ok, 1 failure, 2 usage, 3 invalid configuration), and how it stops."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import answers
from fake_provider import Fake
from harness import (CHAT, FEW, REPORT, SLUICE, Gateway, check, cli, in_netns, openai_error, provider, route, same,
                     shown_id, split_comment)
from raw import SLOW, Raw, request, until
from runner import Skip

fake = site = gateway = None


def setup():
    global fake, site, gateway
    fake = Fake()
    site = fake.site("c")
    gateway = Gateway("providers:\n" + provider("fake", site.url) + "routes:\n" +
                      route("m", "fake/up-model"))


# --- the first ten seconds ---------------------------------------------------------------------------

class Bare:
    """`sluice` without a config in an empty home, in the private network of in_netns."""

    def __init__(self, *args, files=(), **env):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-home-"))
        for name in files:
            (self.home / name).write_text(files[name] if isinstance(files, dict) else "version: 1\n")
        self.env = {"HOME": str(self.home), **env}
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = value
        self.out = open(self.home.with_suffix(".out"), "w+b")
        self.began = time.monotonic()
        self.process = subprocess.Popen([SLUICE, *args], env=self.env, stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=subprocess.STDOUT, cwd=self.home)

    def ready(self, port=8080):
        def accepts():
            check(self.process.poll() is None, "it ended:", self.said())
            try:
                Raw(port).close()
                return True
            except OSError:
                return False
        until(accepts, f"port {port}", 10)
        return self

    def said(self):
        return pathlib.Path(self.out.name).read_text(errors="replace")

    def cli(self, *args):
        done = subprocess.run([SLUICE, *args], env=self.env, cwd=self.home, capture_output=True,
                              text=True, timeout=20 * SLOW, stdin=subprocess.DEVNULL)
        check(not REPORT.search(done.stderr), done.stderr)
        return done.returncode, done.stdout, done.stderr

    def ask(self, model, text="hello", port=8080, host="127.0.0.1:8080", headers=(), **more):
        with Raw(port) as raw:
            raw.send(request("POST", CHAT, [("Content-Type", "application/json"), *headers],
                             answers.dumps({"model": model, **more,
                                            "messages": [{"role": "user", "content": text}]}), host=host))
            return raw.reply()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        check(not REPORT.search(self.said()), self.said())
        shutil.rmtree(self.home, ignore_errors=True)
        self.out.close()
        os.unlink(self.out.name)


def bare(work, *args, **env):
    """Runs work(bare) with a bare gateway in a private network."""
    def inside():
        server = Bare(*args, **env)
        try:
            work(server.ready())
        except AssertionError as why:
            raise AssertionError(f"{why}\n    it said: {server.said()[-1500:]}") from None
        finally:
            server.end()
    in_netns(inside)


def test_a_shell_without_the_variables_of_the_gateway():
    """They are in a file of the service alone: no command that asks no provider needs them."""
    there = Gateway("timezone: Pacific/Kiritimati\nproviders:\n" + provider("fake", site.url, '"${FAKE_KEY}"') +
                    "  openai: {}\n  mock: {}\nroutes:\n" + route("m", "fake/up-model") +
                    route("c", "mock/echo") + "trials: { t: { route: m, candidate: c, share: 50% } }\n",
                    env={"FAKE_KEY": "sk-upstream-SECRET", "OPENAI_API_KEY": "sk-other"})
    reply = there.post(there.chat("m"))
    same(reply.status, 200, "an answer")
    there.env = {}
    try:
        for running in (True, False):
            if not running:
                there.stop()
            for args in (["providers"], ["trial", "list"], ["trial", "stop", "t"], ["forget", "--user", "nobody"],
                         ["cost", "reprice", "--since", "1d", "--dry-run"], ["secrets"], ["explain", "m"],
                         ["cost", "--by", "day"], ["report"], ["tail"]):
                code, out, err = there.cli(*args)
                check(code == 0 and "not set" not in err and "errors" not in err, args, running, code, out, err)
            _, out, err = there.cli("show", reply.header("x-request-id"), "--body")
            check("nothing was kept" in err, "show --body:", err)
            code, out, _ = there.cli("providers", "--json")
            same({p["name"]: p["state"] for p in json.loads(out)["configured"]},
                 {"fake": "unset", "openai": "unset", "mock": "ready"}, "states")
        check("FAKE_KEY is not there" in there.cli("providers")[1], "what is missing")
        code, out, err = there.cli("check", str(there.file), config=False)
        check(code == 3 and "E120" in err, "check is for the gateway's own environment", code, err)
    finally:
        there.remove()


def test_a_configuration_that_is_not_read_is_named():
    def with_it(server):
        until(lambda: "sluice -c sluice.yaml" in server.said(), "a word about sluice.yaml", 2)

    def without(server):
        until(lambda: "sluice try" in server.said(), "the greeting", 2)
        check("sluice.yaml" not in server.said(), server.said())
    bare(with_it, files=["sluice.yaml"])
    bare(without)


def test_the_configuration_of_the_environment():
    """Also for the gateway, which wipes what it was started with."""
    bare(lambda server: until(lambda: "(config: sluice.yaml)" in server.said(), "the greeting", 2),
         files=["sluice.yaml"], SLUICE_CONFIG="sluice.yaml")


def test_a_model_whose_provider_is_not_configured():
    def work(server):
        for model in ("gpt-5-mini", "openai/gpt-5-mini"):
            reply = server.ask(model)
            check(reply.status == 404 and b"set OPENAI_API_KEY" in reply.body, reply)
            check(b"nearest" not in reply.body, reply)
        check(b"nearest" in server.ask("mock/ecco").body, "a typo")
    bare(work)


def test_first_answer_without_anything():
    def work(server):
        reply = server.ask("mock/echo")
        check(time.monotonic() - server.began < 3 * SLOW, "first answer after",
              time.monotonic() - server.began)
        check(reply.status == 200 and b"hello" in reply.body, reply)
        same(reply.header("x-sluice-provider"), "mock", "x-sluice-provider")
        for word in ("127.0.0.1:8080", "mock", "sluice try"):
            until(lambda: word in server.said(), f"{word!r} in the greeting", 2)
        code, out, err = server.cli("try", "hello")
        check(code == 0 and "hello" in out, f"sluice try: exit {code}: {out!r} {err!r}")
        check("echo" in out + err and "tok" in out + err, f"sluice try says {out!r} {err!r}")
    bare(work)


def test_mock_models():
    def work(server):
        for model in ("mock/echo", "mock/lorem", "mock/json"):
            for stream in (False, True):
                reply = server.ask(model, stream=stream)
                check(reply.status == 200 and len(reply.body) > 50, model, reply)
                if stream:
                    check(split_comment(reply.body)[0].endswith(answers.DONE), model, reply)
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        reply = server.ask("mock/tools", tools=[tool])
        call = reply.json()["choices"][0]["message"]["tool_calls"][0]
        same(call["function"]["name"], "f", "tool called")
        json.loads(call["function"]["arguments"])
        schema = {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
                  "required": ["n", "s"], "additionalProperties": False}
        reply = server.ask("mock/json", response_format={
            "type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
        value = json.loads(reply.json()["choices"][0]["message"]["content"])
        check(isinstance(value.get("n"), int) and isinstance(value.get("s"), str), "mock/json:", value)
        same(server.ask("mock/429").status, 429, "status of mock/429")
        check(server.ask("mock/500").status in (500, 502), "status of mock/500")
        reply = server.ask("mock/cut", stream=True)
        check(b"[DONE]" not in reply.body and b'"error"' in reply.body, "mock/cut:", reply)
        statuses = [server.ask("mock/flaky").status for _ in range(12)]
        check(200 in statuses, "mock/flaky:", statuses)
        with Raw(8080) as raw:
            raw.send(request("POST", "/v1/embeddings", [("Content-Type", "application/json")],
                             answers.dumps({"model": "mock/embed", "input": ["a", "a", "b"]}),
                             host="localhost:8080"))
            vectors = [each["embedding"] for each in raw.reply().json()["data"]]
        check(vectors[0] == vectors[1] != vectors[2], "mock/embed is not deterministic")
    bare(work)


def test_open_mode_answers_loopback_hosts_only():
    """A web page must not reach it: foreign Host (DNS rebinding) or Origin is refused."""
    def work(server):
        for host in ("127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "127.0.0.1"):
            reply = server.ask("mock/echo", host=host)
            check(reply.status == 200, f"Host: {host}:", reply)
        for host in ("evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.evil.test",
                     "10.0.0.1:8080"):
            openai_error(server.ask("mock/echo", host=host), {400, 401, 403, 421})
        for origin, ok in (("http://localhost:3000", True), ("http://127.0.0.1", True),
                           ("https://evil.test", False), ("null", False)):
            reply = server.ask("mock/echo", headers=[("Origin", origin)])
            check((reply.status == 200) == ok, f"Origin: {origin}:", reply)
    bare(work)


def test_keys_in_the_environment_are_found_and_not_shown():
    def work(server):
        until(lambda: "OPENAI_API_KEY" in server.said(), "OPENAI_API_KEY in the greeting", 2)
        said = server.said()
        check("GITHUB_TOKEN" not in said or "not enabled" in said, "GITHUB_TOKEN taken in silence")
        check("CANARY" not in said, "a key is printed")
        reply = server.ask("mock/echo")
        check(reply.status == 200, reply)
    bare(work, OPENAI_API_KEY="sk-CANARY-0123456789abc", GITHUB_TOKEN="ghp_CANARY")


def test_stand_alone_mock():
    """`sluice mock --listen ADDR` is an OpenAI-format provider for tests and demos."""
    def work():
        server = Bare("mock", "--listen", "127.0.0.1:9555")
        try:
            server.ready(9555)
            for model in ("mock/echo", "echo"):
                reply = server.ask(model, port=9555)
                if reply.status == 200:
                    break
            check(reply.status == 200 and b"hello" in reply.body, reply)
        finally:
            server.end()
    in_netns(work)


def test_try_without_a_gateway():
    """No gateway is running: `try` says so and does not hang (or answers by one in-process)."""
    def work():
        home = tempfile.mkdtemp()
        code, out, err = cli("try", "hello", home=home)
        check(code in (0, 1) and (out + err).strip(), code, out, err)
    in_netns(work)


def test_what_a_model_says_does_not_steer_the_terminal():
    """C1 has a CSI of its own, U+202E turns the direction: as C0 and DEL they become question marks."""
    gateway.key("try")
    said = ["a\u009b2J\u202eb", "c\x1b[2J\x7fd\r\te\n", "f\u00e9\u2192g"]
    shown = "a?2J?bc?[2J?d?\te\nf\u00e9\u2192g\n"

    def streamed(x):
        answers.stream(answers.events(said, asked=x.request.wants_usage()))(x)
    for option, script in (("--no-stream", answers.reply(answers.chat("".join(said)))), ("--stream", streamed)):
        site.queue(script)
        code, out, err = gateway.cli("try", "hello", "-m", "m", "-k", gateway.keys["try"], option)
        same((code, out), (0, shown), f"{option}: {err}")


# --- keys --------------------------------------------------------------------------------------------

def test_keys_create_list_revoke():
    code, out, err = gateway.cli("keys", "create", "--name", "ci bot", "--json")
    same(code, 0, f"exit: {err}")
    made = json.loads(out)
    same(set(made) >= {"id", "name", "key"}, True, f"members of {out!r}")
    same(made["name"], "ci bot", "name")
    check(len(made["key"]) >= 43, "256 bits need 43 characters of base64:", made["key"])
    bearer = [("Authorization", f"Bearer {made['key']}")]
    same(gateway.post(gateway.chat("m"), key=None, headers=bearer).status, 200, "with the new key")
    code, out, err = gateway.cli("keys", "list", "--json")
    check(code == 0 and "ci bot" in out, "keys list:", code, out, err)
    check(made["key"] not in out + err, "the secret is shown again")
    code, out, err = gateway.cli("keys", "list")
    check(code == 0 and "ci bot" in out and made["key"] not in out, "keys list:", code, out, err)
    same(gateway.cli("keys", "revoke", made["id"])[0], 0, "exit of revoke")
    until(lambda: gateway.post(gateway.chat("m"), key=None, headers=bearer).status == 401,
          "the key to be refused", 2)
    for wrong in ("0123456789ab", "no-such-name"):
        code, out, err = gateway.cli("keys", "revoke", wrong)
        check(code == 1 and wrong in err, f"revoke {wrong}:", code, out, err)


def test_keys_are_not_on_disk():
    secret = gateway.key("canary")
    bare_secret = secret.split("-", 3)[3].encode()   # sk-sl-ID-SECRET; the secret may have - and _
    same(len(bare_secret), 43, "length of the secret")
    gateway.post(gateway.chat("m"), key="canary")
    until(lambda: gateway.rows(), "a row")
    for path in pathlib.Path(gateway.data).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            check(secret.encode() not in data and bare_secret not in data, f"the key is in {path.name}")
            check(b"sk-upstream-SECRET" not in data, f"the provider's key is in {path.name}")
    check(secret not in gateway.stderr(), "the key is on stderr")


def test_keys_without_a_running_gateway():
    offline = Gateway(gateway.body, start=False)
    code, out, err = offline.cli("keys", "create", "--name", "early", "--json")
    same(code, 0, f"keys create before the first start: {err}")
    offline.keys["early"] = json.loads(out)["key"]
    offline.start()
    same(offline.post(offline.chat("m"), key="early").status, 200, "with a key made offline")
    offline.remove()


def test_a_start_waits_for_a_command_at_work():
    waiting = Gateway(gateway.body, start=False)
    waiting.key("early")                                # makes the data directory
    lock = waiting.data / "lock"
    with open(lock, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen([SLUICE, "-c", waiting.file], cwd=waiting.dir,
                                   env={"PATH": os.environ["PATH"], "HOME": str(waiting.dir)},
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: lock_is_open(process, lock), "a look at the lock", 5)
            fcntl.flock(held, fcntl.LOCK_UN)
            until(lambda: process.poll() is not None or accepts(waiting), "its port", 10)
            same(process.poll(), None, "exit of the gateway")
        finally:
            process.terminate()
            process.wait(10 * SLOW)
    waiting.remove()


def lock_is_open(process, lock):
    names = pathlib.Path(f"/proc/{process.pid}/fd").glob("*")
    return any(os.path.realpath(name) == os.path.realpath(lock) for name in names)


def test_a_lost_pepper_refuses_to_start():
    """No silent new one: every key would be wrong, and nobody would know why."""
    lost = Gateway(gateway.body)
    lost.key("early")
    same(lost.post(lost.chat("m"), key="early").status, 200, "before")
    lost.stop()
    pepper = lost.data / "pepper"
    kept = pepper.read_bytes()
    pepper.unlink()
    code, out, err = lost.cli("serve")
    check(code == 1 and str(pepper) in err and "1 active key" in err and "backup" in err,
          "serve without a pepper:", code, err)
    check(not pepper.exists(), "a pepper was made")
    pepper.touch(0o600)
    pepper.write_bytes(kept)
    lost.start()
    same(lost.post(lost.chat("m"), key="early").status, 200, "with the pepper restored")
    lost.stop()
    pepper.unlink()
    code, _, err = lost.cli("keys", "limit", lost.key_ids["early"], "--rpm", "5")
    check(code == 1 and str(pepper) in err, "a change without a pepper:", code, err)
    code, _, err = lost.cli("keys", "revoke", lost.key_ids["early"])
    check(code == 0 and "audit log cannot be sealed" in err, "exit of revoke", code, err)
    lost.start()
    same(lost.post(lost.chat("m"), key="late").status, 200, "with a new key")
    lost.remove()


def test_data_directory_is_private():
    check(gateway.data.stat().st_mode & 0o077 == 0, f"data has mode {gateway.data.stat().st_mode:o}")
    for path in gateway.data.rglob("*"):
        mode = path.stat().st_mode & 0o777
        check(mode & (0o027 if path.name == "access.log" else 0o077) == 0,
              f"{path.name} has mode {mode:o}")


# --- tail and show -----------------------------------------------------------------------------------

def test_tail_and_show():
    gateway.post(gateway.chat("m", "find me"))
    attempt = gateway.row(site.requests[-1].id)
    name = shown_id(attempt["exchange"])
    lines = until(lambda: [each for each in gateway.tail() if each.get("id") == name],
                  f"{name} in tail --json")
    line = lines[0]
    same(line["status"], 200, "status")
    check("fake" in json.dumps(line) and "up-model" in json.dumps(line), "target not in", line)
    code, out, err = gateway.cli("show", str(line["id"]), "--json")
    same(code, 0, f"exit of show: {err}")
    shown = json.loads(out)
    attempts = shown if isinstance(shown, list) else shown["attempts"]
    check(len(attempts) == 1 and "up-model" in json.dumps(attempts), "attempts in", shown)
    code, out, err = gateway.cli("show", str(line["id"]))
    check(code == 0 and "fake" in out and "up-model" in out, "show:", code, out, err)
    code, out, err = gateway.cli("tail")
    check(code == 0 and "up-model" in out, "tail:", code, out[-300:], err)
    code, out, err = gateway.cli("show", "987654321987654321")
    check(code not in (0, 3) and out + err, "show of nothing:", code, out, err)
    same(gateway.cli("show")[0], 2, "exit of show without an id")
    code, _, err = gateway.cli("show", "xyz")
    check(code == 2 and '"xyz" is no id' in err, "what is no id:", code, err)


def test_tail_of_one_key_waits_for_the_ledger():
    """It is begun where nothing was recorded yet: the key is looked up when there is a ledger."""
    late = Gateway(gateway.body)
    for name in ("alice", "bob"):
        late.key(name)
        same(late.post(late.chat("m"), key=name).status, 200, name)
    until(lambda: len(late.rows("state = 'done'")) == 2, "both requests in the ledger")
    keys = {each["name"]: each["id"] for each in json.loads(late.cli("keys", "list", "--json")[1])}
    late.stop()
    ledger, away = late.data / "ledger.db", late.data / "away"
    os.rename(ledger, away)
    environment = {"PATH": os.environ["PATH"], "HOME": str(late.dir)}
    with open(late.dir / "tail", "w+b") as out:
        def follow(name):
            return subprocess.Popen([SLUICE, "tail", "-f", "-k", name, "--json", "-c", str(late.file)], stdout=out,
                                    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        tails = [follow("alice"), follow("nobody")]
        try:
            for each in tails:
                until(lambda each=each: " S " in pathlib.Path(f"/proc/{each.pid}/stat").read_text(), "tail to wait")
            os.rename(away, ledger)
            seen = pathlib.Path(out.name)
            until(lambda: seen.stat().st_size > 0, "tail to print something")
            late.start()
            later = late.post(late.chat("m"), key="alice").header("x-request-id")
            until(lambda: later in seen.read_text(), "a later request")
            rows = [json.loads(line) for line in seen.read_text().splitlines()]
            same([each["key"] for each in rows], 2 * [keys["alice"]], "whose requests")
            same((tails[1].wait(20), tails[1].stderr.read()[:30]), (2, b"sluice: tail: there is no key "), "nobody's")
        finally:
            for each in tails:
                each.kill()
                each.wait()
    late.remove()


def test_tail_follows_a_stream_that_ends_late():
    """More requests have ended since it began than tail looks back at: it is shown all the same."""
    first, last = threading.Event(), threading.Event()
    parts = answers.events()
    busy = Gateway(gateway.body)
    site.queue(answers.gated(parts, [None, first, *[None] * (len(parts) - 3), last]))
    with busy.open() as raw, open(busy.dir / "tail", "w+b") as out:
        raw.send(request("POST", CHAT, [busy.bearer(), ("Content-Type", "application/json")],
                         json.dumps(busy.chat("m", stream=True)).encode()))
        slow = until(lambda: busy.rows("state = 'open'"), "the stream to be in the ledger")[0]["id"]
        busy.post(busy.chat("m"))
        done = until(lambda: busy.rows("state = 'done'"), "a request to be in the ledger")[0]["id"]
        copy = (f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21000) "
                f"INSERT INTO attempt SELECT {slow} + i, {', '.join(columns(busy)[1:])} "
                f"FROM attempt, n WHERE id = {done}")
        execute(busy, copy)
        environment = {"PATH": os.environ["PATH"], "HOME": str(busy.dir)}
        tail = subprocess.Popen([SLUICE, "tail", "-f", "--json", "-c", str(busy.file)], stdout=out,
                                stdin=subprocess.DEVNULL, env=environment)
        try:
            seen = pathlib.Path(out.name)
            until(lambda: seen.stat().st_size > 0, "tail to print something")
            check(shown_id(slow) not in seen.read_text(), "the stream is shown before it ended")
            first.set()
            last.set()
            same(raw.reply().status, 200, "status of the stream")
            until(lambda: shown_id(slow) in seen.read_text(), "tail to show the stream")
            same(len([line for line in seen.read_text().splitlines() if shown_id(slow) in line]), 1,
                 "lines of the stream")
        finally:
            tail.terminate()
            tail.wait()
    busy.remove()


def test_tail_looks_back_until_it_has_found_enough():
    """The only requests that failed are behind more than it looks at in one go."""
    busy = Gateway(gateway.body)
    busy.key()
    for _ in range(2):
        same(busy.post(busy.chat("nowhere")).status, 404, "status")
    busy.post(busy.chat("m"))
    done = until(lambda: busy.rows("state = 'done' AND provider = 'fake'"), "a request to be in the ledger")[0]["id"]
    execute(busy, f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 41000) "
                  f"INSERT INTO attempt SELECT {done} + i, {', '.join(columns(busy)[1:])} FROM attempt, n WHERE id = {done}")
    for count, options in ((2, ["-e"]), (1, ["-e", "-n", "1"]), (2, ["-m", "nowhere"]), (0, ["-m", "elsewhere"]),
                           (0, ["-e", "-n", "0"]), (10, ["-m", "m"]), (10, [])):
        code, out, err = busy.cli("tail", "--json", *options)
        lines = [json.loads(line) for line in out.splitlines()]
        same((code, len(lines)), (0, count), f"lines of {options}: {err}")
        same([each["id"] for each in lines], sorted({each["id"] for each in lines}), f"their order: {options}")
        same({each["client_status"] for each in lines}, ({404} if count in (1, 2) else {200} if count else set()), options)
    busy.remove()


def test_tail_forgets_what_is_old_and_loses_nothing():
    """It remembers some 65,000 rows, and then those in sight: what comes at that moment is shown too."""
    if FEW:
        raise Skip("it takes as long as tail needs to look far back, three times")
    busy = Gateway(gateway.body)
    busy.key()
    busy.post(busy.chat("m"))
    done = until(lambda: busy.rows("state = 'done'"), "a request to be in the ledger")[0]["id"]
    rest = ", ".join(columns(busy)[1:])

    def put(first, count):
        execute(busy, f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {first + count}) "
                      f"INSERT INTO attempt SELECT {done} + i, {rest} FROM attempt, n WHERE id = {done}")
    put(1, 20000)
    environment = {"PATH": os.environ["PATH"], "HOME": str(busy.dir)}
    with open(busy.dir / "tail", "w+b") as out:
        tail = subprocess.Popen([SLUICE, "tail", "-f", "-n", "1", "--json", "-c", str(busy.file)], stdout=out,
                                stdin=subprocess.DEVNULL, env=environment)
        shown, last = open(out.name, "rb"), 20001
        text = bytearray()

        def shows(number):
            text.extend(shown.read())
            return f'"{shown_id(done + number)}"'.encode() in text
        try:
            until(lambda: shows(20000), "tail to print something")
            for _ in range(2):
                put(last, 19000)
                until(lambda: shows(last), "tail to look far back", 20)
                last += 19000
            put(last, 19000)
            began, last = last, last + 19000
            while not shows(began):
                put(last, 1)
                last += 1
            for _ in range(100):
                put(last, 1)
                last += 1
            until(lambda: shows(last - 1), "the last one", 10)
            ids = re.findall(rb'"id":"([0-9a-f]{16})"', text)
            same((len(ids), len(set(ids))), (last - 20000, last - 20000), "lines, and rows, behind the first 19,999")
        finally:
            shown.close()
            tail.kill()
            tail.wait()
    busy.remove()


def columns(of):
    return [row[1] for row in execute(of, "PRAGMA table_info(attempt)")]


def execute(of, statement):
    """Writes to the ledger beside the gateway, which stays the only one to checkpoint."""
    link = sqlite3.connect(of.data / "ledger.db", timeout=5 * SLOW)
    try:
        link.execute("PRAGMA wal_autocheckpoint = 0")
        with link:
            return link.execute(statement).fetchall()
    finally:
        link.close()


def test_show_by_request_id():
    """The x-request-id a client quotes leads to its exchange."""
    reply = gateway.post(gateway.chat("m"))
    gateway.row(site.requests[-1].id)
    code, out, err = gateway.cli("show", reply.header("x-request-id"), "--json")
    same(code, 0, f"show {reply.header('x-request-id')}: {err}")
    check("up-model" in out, out)


def test_refused_exchanges_are_recorded_too():
    gateway.post(gateway.chat("no-such-model"))
    until(lambda: [each for each in gateway.tail() if 404 in (each.get("status"), each.get("client_status"))],
          "the refused exchange in tail --json")


# --- check, schema, models ---------------------------------------------------------------------------

def test_check():
    code, out, err = gateway.cli("check")
    same(code, 0, f"exit of check: {out} {err}")
    path = gateway.dir / "typo.yaml"
    path.write_text(gateway.text(gateway.body).replace("providers:", "provders:"))
    code, out, err = cli("check", "-c", path, home=gateway.dir)
    same(code, 3, f"exit for a typo: {out} {err}")
    check(re.search(rf"{re.escape(str(path))}:\d+:\d+", out + err) and "providers" in out + err,
          "no place or no suggestion in", out, err)
    code, out, err = cli("check", "-c", path, "--json", home=gateway.dir)
    same(code, 3, "exit with --json")
    text = out.strip()
    notes = [json.loads(line) for line in text.splitlines()] if text.startswith("{") and \
        "\n" in text and not _is_json(text) else json.loads(text)
    check("line" in json.dumps(notes), "check --json:", out)
    code, out, err = cli("serve", "-c", path, home=gateway.dir)
    same(code, 3, f"exit of serve with a typo: {err}")


def _is_json(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False


def test_config_schema():
    code, out, err = cli("config", "schema", home=gateway.dir)
    same(code, 0, f"exit: {err}")
    schema = json.loads(out)
    check("$schema" in schema and "providers" in schema.get("properties", {}), out[:300])
    check(schema.get("additionalProperties") is False, "the schema lets unknown keys pass")


def test_models():
    code, out, err = cli("models", home=gateway.dir)
    check(code == 0 and len(out.splitlines()) > 50, "models:", code, out[:200], err)
    code, out, err = cli("models", "gpt", "--price", home=gateway.dir)
    check(code == 0 and "gpt" in out and re.search(r"\d\.\d", out), "models gpt --price:", code, out[:300])
    check(all("gpt" in line.lower() for line in out.splitlines()[1:] if line.strip()
              and re.match(r"\S+/\S+", line)), "lines without the pattern", out[:500])
    code, out, err = cli("models", "gpt", "--price", "--json", home=gateway.dir)
    text = out.strip()
    rows = json.loads(text) if _is_json(text) else [json.loads(line) for line in text.splitlines()]
    check(code == 0 and rows and "gpt" in json.dumps(rows), "models --json:", code, out[:300])
    check(not re.search(r"\d\.\d*(0000000|9999999)\d", out), "float noise in prices")
    code, out, err = cli("models", "no-such-model-anywhere", home=gateway.dir)
    check(code in (0, 1), "models of nothing:", code, out, err)


# --- usage -------------------------------------------------------------------------------------------

def test_usage_errors():
    for args in (["frobnicate"], ["serve", "--frobnicate"], ["keys", "frobnicate"],
                 ["keys", "create", "--nmae", "x"], ["check", "-c"], ["models", "--frobnicate"],
                 ["--frobnicate"]):
        code, out, err = cli(*args, home=gateway.dir)
        same(code, 2, f"exit of {args}: {out} {err}")
        check(err.strip() and not out.strip(), f"{args}: usage belongs on stderr:", out, err)
    code, out, err = cli("chekc", home=gateway.dir)
    check(code == 2 and "check" in err, "no suggestion for chekc:", err)
    for args in (["--help"], ["help"], ["keys", "--help"]):
        code, out, err = cli(*args, home=gateway.dir)
        check(code == 0 and "keys" in out, f"{args}:", code, out[:200], err)
    code, out, err = cli("--version", home=gateway.dir)
    check(code == 0 and re.search(r"\d+\.\d+", out), "--version:", code, out, err)


def test_runtime_failure_is_1():
    taken = Gateway(gateway.body, start=False)
    taken.file.write_text(taken.file.read_text().replace(f":{taken.port}\n", f":{gateway.port}\n"))
    code, out, err = cli("serve", "-c", taken.file, home=taken.dir)
    same(code, 1, f"exit when the port is taken: {err}")
    check(str(gateway.port) in err, "the port is not named:", err)
    code, out, err = cli("serve", "-c", taken.dir / "none.yaml", home=taken.dir)
    check(code in (1, 3) and "none.yaml" in err, "missing config:", code, err)


# --- stopping ----------------------------------------------------------------------------------------

def open_stream(server, gate):
    parts = answers.events(("a ", "b "))
    site.queue(answers.gated(parts, [None, None, gate, *[None] * (len(parts) - 3)]))
    raw = Raw(server.port, timeout=30)
    raw.send(request("POST", CHAT, [server.bearer(), ("Content-Type", "application/json")],
                     json.dumps(server.chat("m", stream=True)).encode()))
    reply = raw.head()
    check(raw.until_body(reply, parts[1]), "start of the stream", reply)
    return raw, reply, parts


def test_interrupt_drains():
    """Ctrl-C and SIGTERM: no new requests, running streams finish, exit 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        server = Gateway(gateway.body, top="drain: 30s\nworkers: 2\n")
        server.key()
        gate = threading.Event()
        raw, reply, parts = open_stream(server, gate)
        server.expected_to_live = False
        server.process.send_signal(number)

        def refuses():
            try:
                with Raw(server.port, timeout=2) as probe:
                    probe.send(request("GET", "/health"))
                    return probe.reply().status == 503
            except Exception:
                return True
        until(refuses, "new requests to be refused while draining", 5)
        check(server.alive(), "it did not wait for the stream")
        gate.set()
        while raw.more(reply):
            pass
        same(split_comment(reply.body)[0], b"".join(parts), "the stream that was open")
        same(server.process.wait(10 * SLOW), 0, "exit code after draining")
        server.start()
        server.remove()


def test_interrupt_twice_quits():
    server = Gateway(gateway.body, top="drain: 60s\nworkers: 2\n")
    server.key()
    gate = threading.Event()
    raw, reply, parts = open_stream(server, gate)
    server.expected_to_live = False
    server.process.send_signal(signal.SIGINT)
    until(lambda: server.stderr() and not accepts(server), "draining to begin", 5)
    server.process.send_signal(signal.SIGINT)
    server.process.wait(5 * SLOW)
    while raw.more(reply):
        pass
    check(b"[DONE]" not in reply.body, "a cut stream looks complete:", reply)
    gate.set()
    number = site.requests[-1].id
    server.start()
    row = server.row(number)
    check(row["state"] in ("done", "unknown") and row["usage_kind"] != "reported", "row", row)
    server.remove()


def accepts(server):
    try:
        with Raw(server.port, timeout=1) as probe:
            probe.send(request("GET", "/health"))
            return probe.reply().status == 200
    except Exception:
        return False


def test_drain_deadline_ends_streams_honestly():
    server = Gateway(gateway.body, top="drain: 1s\nworkers: 2\n")
    server.key()
    raw, reply, parts = open_stream(server, threading.Event())
    server.expected_to_live = False
    server.process.terminate()
    while raw.more(reply):
        pass
    check(b"[DONE]" not in reply.body, "a cut stream looks complete:", reply)
    check(b'"error"' in reply.body, "no error event at the end of the drain:", reply)
    server.process.wait(5 * SLOW)
    server.remove()


def test_try_from_any_directory():
    """A gateway's configuration may be named from where it was started: others stand elsewhere."""
    def work():
        server = Bare("serve", "-c", "sluice.yaml", files={"sluice.yaml":
            "version: 1\nauth: open\nproviders: { mock: {} }\nroutes: { mine: { targets: [mock/lorem] } }\n"})
        try:
            server.ready()
            until(lambda: "ready in" in server.said(), "the greeting", 2)
            for here in (server.home, "/"):
                done = subprocess.run([SLUICE, "try", "hello"], env=server.env, cwd=here, capture_output=True,
                                      text=True, timeout=20 * SLOW, stdin=subprocess.DEVNULL)
                check(done.returncode == 0 and "Lorem" in done.stdout, here, done)
        finally:
            server.end()
    in_netns(work)


def test_explain_without_a_gateway():
    there = Gateway("providers:\n" + provider("one", site.url, '"${ONE_KEY}"') + provider("two", site.url) +
                    "routes:\n" + route("m", "one/x", "two/x") +
                    'prices:\n  "two/*": { input: $0.0375/1M, output: $0.15/1M }\n', start=False)
    code, out, err = there.cli("explain", "m")
    check(code == 0 and "no key here (ONE_KEY" in out and "leaves it out" in out, code, out, err)
    check("$0.0375 in, $0.15 out per million tokens" in out, "a price below a cent:", out)
    same(out.count("no key here"), 1, out)
    there.remove()


def test_what_failed_is_told_in_percent():
    """The first few attempts have no average yet: two of two are all of them."""
    there = Gateway("providers:\n" + provider("one", site.url) + "routes:\n" + route("m", "one/x"))
    for count in (1, 2):
        site.queue(answers.reply(status=500))
        site.queue(answers.reply(status=500))
    for _ in range(2):
        there.post(there.chat("m"))
    for command in (("explain", "m"), ("providers",)):
        out = there.cli(*command)[1]
        check(re.search(r"\b100 % of the last attempts failed", out), command, out)
    there.remove()
