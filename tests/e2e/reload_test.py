"""SIGHUP: a new config takes over without a trace in running streams; a bad one changes nothing.

100 reloads (G1) alternate two configs under 50 open streams and two closed-loop clients; that a
reload has happened is seen in /v1/models, where each config has a route of its own. 30 broken
configs (G3) must be refused by `sluice check` with file:line:column and exit code 3.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import threading

import admin_world
import answers
from certs import Certs
from fake_provider import Fake
from harness import CHAT, FEW, Gateway, check, cli, in_netns, provider, route, same, split_comment
from raw import SLOW, BadReply, Raw, request, until

STREAMS, RELOADS = (20, 30) if FEW else (50, 100)


class Ticks:
    """A counter that scripts wait for: a gate per number."""

    def __init__(self):
        self.gates = {}
        self.lock = threading.Lock()

    def __getitem__(self, number):
        with self.lock:
            return self.gates.setdefault(number, threading.Event())


def body_of(fake, mark, clock):
    return ("providers:\n" + provider("one", fake.site("one").url)
            + provider("two", fake.site("two").url) + "routes:\n"
            + route("m", *(("one/x", "two/x") if mark == "a" else ("two/x", "one/x")),
                    more=f", first_token: {clock}")
            + route(f"gen-{mark}", "one/x"))


def reload(gateway, text, wanted):
    """Writes, signals, and waits until the new config answers."""
    gateway.write(text)
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: gateway.get(f"/v1/models/{wanted}").status == 200, f"route {wanted} after SIGHUP", 10)


class Loop(threading.Thread):
    """A closed-loop client: one request after the other, keep-alive or not."""

    def __init__(self, gateway, keep):
        super().__init__(daemon=True)
        self.gateway, self.keep = gateway, keep
        self.count, self.errors = 0, []
        self.stop = threading.Event()

    def run(self):
        raw = None
        while not self.stop.is_set():
            try:
                raw = raw or Raw(self.gateway.port)
                text = f"loop-{self.keep}-{self.count}"
                body = json.dumps(self.gateway.chat("m", text)).encode()
                raw.send(request("POST", CHAT, [self.gateway.bearer(),
                                                ("Content-Type", "application/json")], body))
                got = raw.reply()
                if got.status != 200 or text.encode() not in got.body:
                    self.errors.append(str(got))
                if got.closes() or not self.keep:
                    raw.close()
                    raw = None
                self.count += 1
            except (OSError, BadReply) as why:
                self.errors.append(f"after {self.count}: {why}")
                raw = None


def test_100_reloads_under_load():
    fake, ticks = Fake(), Ticks()
    rounds = RELOADS // 10
    parts = [answers.chunk(answers.FIRST), answers.chunk({"content": "start "}),
             *[answers.chunk({"content": f"tick {i} 🙂 "}) for i in range(rounds)],
             answers.chunk({}, "stop"), answers.DONE]
    gates = [None, None, *[ticks[i] for i in range(rounds)], None, None]
    for name in ("one", "two"):
        fake.site(name).models["x"] = lambda x: (
            answers.gated(parts, gates) if x.request.wants_stream() else answers.auto)(x)
    gateway = Gateway(body_of(fake, "a", "30s"))
    gateway.key()
    streams = []
    for _ in range(STREAMS):
        raw = Raw(gateway.port, timeout=60)
        raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")],
                         json.dumps(gateway.chat("m", stream=True)).encode()))
        reply = raw.head()
        check(raw.until_body(reply, parts[1]), "start of a stream", reply)
        streams.append((raw, reply))
    loops = [Loop(gateway, keep) for keep in (True, False)]
    for loop in loops:
        loop.start()
    for number in range(RELOADS):
        mark = "ba"[number % 2]
        reload(gateway, body_of(fake, mark, f"{20 + number % 7}s"), f"gen-{mark}")
        if number % 10 == 9:
            ticks[number // 10].set()
    for loop in loops:
        loop.stop.set()
        loop.join(20 * SLOW)
        check(not loop.errors, f"{len(loop.errors)} errors in {loop.count} requests:", loop.errors[:3])
        check(loop.count > 20, "requests of a closed loop", loop.count)
    for number, (raw, reply) in enumerate(streams):
        while raw.more(reply):
            pass
        same(reply.end, "chunked", f"end of stream {number}")
        same(split_comment(reply.body)[0], b"".join(parts), f"stream {number}")
    check(fake.site("one").requests and fake.site("two").requests, "both configs were in use")
    gateway.remove()
    fake.stop()


def test_what_needs_a_restart_is_named_by_each_reload():
    """As long as the file says other than what runs; traces go on to where they went at the start."""
    fake = Fake()
    plain = body_of(fake, "a", "30s")
    gateway = Gateway(plain)
    other = plain + "telemetry: { otlp: { endpoint: \"http://127.0.0.1:9/\" } }\n"
    for number, (text, named) in enumerate(((other, True), (other, True), (plain, False), (other, True))):
        before = len(gateway.stderr())
        gateway.write(text)
        os.kill(gateway.process.pid, signal.SIGHUP)
        until(lambda: "configuration reloaded" in gateway.stderr()[before:], f"reload {number}", 10)
        same("to take effect: telemetry" in gateway.stderr()[before:], named, f"reload {number}")


def alive(gateway, context=None):
    """Does the admin API answer: in the clear, or by TLS?"""
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    conn = kind("127.0.0.1", gateway.admin_port, timeout=20, **({"context": context} if context else {}))
    try:
        conn.request("GET", "/admin/v1/alive")
        return conn.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        conn.close()


def test_the_admin_api_beyond_loopback_goes_with_tls():
    """With the reload that the log tells of, as the API itself does: neither in the clear any longer,
    nor with a certificate that nobody has written."""
    certs, fake = Certs(), Fake()
    certs.leaf("good")
    body = body_of(fake, "a", "30s")

    def work():
        gateway = Gateway(body, start=False)
        for end in ("pem", "key"):
            shutil.copy(certs.dir / f"good.{end}", gateway.dir)
        where = Gateway.text
        gateway.text = lambda text: where(gateway, text).replace("admin: 127.0.0.1:", f"admin: {at}:")
        at, clear = "0.0.0.0", body + "insecure_admin: true\n"
        by_tls = body + f"tls: {{ cert: {gateway.dir}/good.pem, key: {gateway.dir}/good.key }}\n"
        gateway.write(clear)
        gateway.start()
        rows = [(clear, "0.0.0.0", False), (by_tls, "0.0.0.0", True), (clear, "0.0.0.0", False),
                (by_tls, "0.0.0.0", True), (body, "127.0.0.1", True)]       # that address needs a restart
        try:
            for number, (text, at, wanted) in enumerate(rows):
                before = len(gateway.stderr())
                gateway.write(text)
                os.kill(gateway.process.pid, signal.SIGHUP)
                until(lambda: "configuration reloaded" in gateway.stderr()[before:], f"reload {number}", 10)
                same((alive(gateway), alive(gateway, certs.client())), (not wanted, wanted),
                     f"in the clear, by TLS, after reload {number}")
                same("needs a restart to take effect: admin" in gateway.stderr()[before:], at != "0.0.0.0", number)
        finally:
            gateway.remove()
    try:
        in_netns(work)
    finally:
        certs.remove()
        fake.stop()


def test_bad_config_changes_nothing():
    fake = Fake()
    gateway = Gateway(body_of(fake, "a", "30s"))
    good = body_of(fake, "a", "30s")
    for text, line_of in ((good.replace("first_token", "first_tokn"), "first_tokn"),
                          (good + "  broken: { targets: [nowhere/x] }\n", "nowhere"),
                          (good + "x: [1\n", None), (good.replace("openai-chat", "openai-chatt"), "chatt")):
        before = len(gateway.stderr())
        gateway.write(text)
        os.kill(gateway.process.pid, signal.SIGHUP)
        until(lambda: re.search(rf"{re.escape(str(gateway.file))}:\d+:\d+", gateway.stderr()[before:]),
              f"file:line:column on stderr for the bad config ({line_of})")
        if line_of:
            number = next(i for i, line in enumerate(gateway.file.read_text().split("\n"), 1)
                          if line_of in line)
            check(f"{gateway.file}:{number}:" in gateway.stderr()[before:], f"line {number} for {line_of}:",
                  gateway.stderr()[before:])
        check(gateway.post(gateway.chat("m")).status == 200, "requests after a bad config")
        same(gateway.get("/v1/models/gen-a").status, 200, "the old config")
    reload(gateway, body_of(fake, "b", "30s"), "gen-b")
    same(gateway.get("/v1/models/gen-a").status, 404, "the route that is gone")
    gateway.file.unlink()
    before = len(gateway.stderr())
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: str(gateway.file) in gateway.stderr()[before:], "the missing file on stderr")
    check(gateway.post(gateway.chat("m")).status == 200, "requests without a file")


def test_who_asked_is_told_what_is_wrong():
    """Whoever reloads over the API does not see the gateway's stderr."""
    gateway = Gateway(body_of(Fake(), "a", "30s"))
    admin_world.serving(gateway)
    gateway.key()
    for text, wanted, hint in ((gateway.text(gateway.body) + "tiemout: sk-CANARY-1234567890abcdefghij\n", "unknown key", False),
                               (gateway.text(gateway.body) + "tls: { cert: /nowhere/c, key: /nowhere/k }\n", "/nowhere/c", True)):
        gateway.file.write_text(text)
        status, answer = admin_world.over_socket(gateway, "POST", "/config/reload")
        said = json.dumps(answer)
        check(status == 409 and wanted in said and f"line {len(text.splitlines())}" in said, status, said)
        check("CANARY" not in said, said)
        if not hint:
            check("restart" not in said, "no file is missing:", said)
    gateway.remove()


def test_the_service_is_reloaded_only_when_the_gateway_says_so():
    """`systemctl reload` runs with the environment of now, the gateway with that of its start: the unit's commands fail
    with the gateway's answer, and say what a restart would change."""
    fake = Fake()
    good = body_of(fake, "a", "30s")
    gateway = Gateway(good)
    gateway.key()
    now = {"SLUICE_E2E_NEW": "sk-new-1234567890"}
    lines = [line.removeprefix("ExecReload=/usr/bin/sluice ").split() for line in
             (pathlib.Path(__file__).parents[2] / "packaging/sluice.service").read_text().splitlines()
             if line.startswith("ExecReload=")]
    same([line[0] for line in lines], ["check", "reload"], "the unit's commands")

    def reload_service():
        for line in lines:
            code, _, err = cli(line[0], "-c", gateway.file, home=gateway.dir, env=now)
            if code != 0:
                break
        return line[0], code, err

    gateway.write(good.replace("routes:", '  new: { format: openai-chat, url: "http://127.0.0.1:9/v1", key: "${SLUICE_E2E_NEW}" }\nroutes:'))
    what, code, err = reload_service()
    same((what, code), ("reload", 1), err)
    check("not reloaded: " in err and "SLUICE_E2E_NEW is not set" in err and "a variable that was not set at start needs a restart" in err, err)
    check("sandbox" not in err, "no file is missing:", err)
    gateway.write(body_of(fake, "b", "30s"))
    same(reload_service(), ("reload", 0, "reloaded\n"), "a right one")
    same(gateway.get("/v1/models/gen-b").status, 200, "it is in force when the command ends")
    gateway.top = gateway.top.replace("workers: 2", "workers: 3")
    gateway.write(good)
    same(gateway.cli("reload"), (0, "", "reloaded; needs a restart to take effect: workers\n"), "what needs a restart")
    same(json.loads(gateway.cli("reload", "--json")[1]), {"said": "needs a restart to take effect: workers"}, "as JSON")
    gateway.file.unlink()
    before = len(gateway.stderr())
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: "reload refused" in gateway.stderr()[before:], "the refusal")
    check("restart" not in gateway.stderr()[before:], "a missing file is no matter of the sandbox:", gateway.stderr()[before:])
    gateway.write(good)
    gateway.remove()
    code, _, err = cli("reload", "--data", gateway.dir / "none", home=gateway.dir)
    same((code, err), (1, "sluice: not reloaded: no gateway runs here\n"), "where none runs")
    check(not (gateway.dir / "none").exists(), "nothing is made there")


def test_restart_only_keys_are_named():
    fake = Fake()
    gateway = Gateway(body_of(fake, "a", "30s"))
    before = len(gateway.stderr())
    gateway.top = gateway.top.replace("workers: 2", "workers: 3")
    reload(gateway, body_of(fake, "b", "30s"), "gen-b")
    until(lambda: "workers" in gateway.stderr()[before:], "`workers` to be named on stderr")


def test_what_needs_a_restart_stays_as_it_is():
    """It is named with each reload, and the configuration in force is the one that holds; in another `data` nothing
    is looked for, neither keys nor what was spent."""
    fake = Fake()
    body = body_of(fake, "a", "30s")
    gateway = Gateway(body)
    admin_world.serving(gateway)
    gateway.key()
    before = admin_world.over_socket(gateway, "GET", "/config")[1]
    other = gateway.dir / "other"
    text = gateway.text(body_of(fake, "b", "30s")) + "access_log: off\nsandbox: off\nledger: best-effort\ntimezone: Europe/Berlin\nledger_keep: 90d\n"
    text += 'prices:\n  "*/x": { input: $1/1M, output: $1/1M }\n'
    for old, new in (("workers: 2", "workers: 3"), (f"admin: 127.0.0.1:{gateway.admin_port}", "admin: off"), (str(gateway.data), str(other))):
        check(old in text, old)
        text = text.replace(old, new)
    gateway.file.write_text(text)
    for time in ("first", "second"):
        status, answer = admin_world.over_socket(gateway, "POST", "/config/reload")
        same((status, answer["said"]), (200, "needs a restart to take effect: admin workers sandbox ledger access_log timezone data"), time)
    same(gateway.get("/v1/models/gen-b").status, 200, "the rest holds")
    now = admin_world.over_socket(gateway, "GET", "/config")[1]
    for name in ("admin", "workers", "access_log", "data"):
        same(now.get(name), before.get(name), name)
    status, made = admin_world.over_socket(gateway, "POST", "/keys", {"name": "b", "limits": {"budget": {"day": "5"}}})
    same((status, gateway.post(gateway.chat("m"), key=None, headers=[("Authorization", "Bearer " + made["key"])]).status), (201, 200), "a new key with a budget")
    check(not other.exists(), "nothing is made there")
    gateway.write(body)
    same(admin_world.over_socket(gateway, "POST", "/config/reload")[1]["said"], "", "back again")
    gateway.remove()


GOOD = """version: 1
listen: 127.0.0.1:18080
admin: 127.0.0.1:18081
data: /tmp/sluice-check-never-made
auth: keys
providers:
  one: { format: openai-chat, url: "http://127.0.0.1:9000/v1", key: none }
  two: { format: openai-chat, url: "http://127.0.0.1:9001/v1", key: "${SLUICE_E2E_KEY:-x}" }
routes:
  fast:
    targets: [one/a, two/b]
    first_token: 30s
"""
# (what, replace, by, line of the error, words that must stand in it)
BROKEN = [
    ("unknown top-level key", "auth: keys", "auht: keys", 5, "auth"),
    ("unknown provider key", "key: none", "kye: none", 7, "key"),
    ("unknown route key", "first_token", "first_tokn", 12, "first_token"),
    ("duplicate top-level key", "auth: keys", "auth: keys\nauth: keys", 6, "auth"),
    ("duplicate provider", "  two:", "  one:", 8, "one"),
    ("duplicate route", "routes:\n", "routes:\n  fast: { targets: [one/a] }\n", 11, "fast"),
    ("wrong duration", "30s", "30 parsecs", 12, "30 parsecs"),
    ("negative duration", "30s", "-3s", 12, "-3s"),
    ("duration without a unit", "30s", "30x", 12, "30x"),
    ("list instead of text", "auth: keys", "auth: [keys]", 5, "auth"),
    ("text instead of list", "[one/a, two/b]", "7", 11, ""),
    ("mapping instead of text", "127.0.0.1:18080", "{a: b}", 2, "listen"),
    ("wrong auth word", "auth: keys", "auth: kyes", 5, "keys"),
    ("wrong format", "format: openai-chat, url: \"http://127.0.0.1:9000", "format: openai-caht, "
     "url: \"http://127.0.0.1:9000", 7, "openai-chat"),
    ("target of an unknown provider", "one/a", "oen/a", 11, "oen"),
    ("target without a model", "one/a", "one", 11, "one"),
    ("no targets", "[one/a, two/b]", "[]", None, "target"),
    ("unset variable", "${SLUICE_E2E_KEY:-x}", "${SLUICE_E2E_UNSET}", 8, "SLUICE_E2E_UNSET"),
    ("variable with a demand", "${SLUICE_E2E_KEY:-x}", "${SLUICE_E2E_UNSET:?say why}", 8, "say why"),
    ("variable not closed", "${SLUICE_E2E_KEY:-x}", "${SLUICE_E2E_KEY", 8, ""),
    ("wrong version", "version: 1", "version: 99", 1, "version"),
    ("version not a number", "version: 1", "version: one", 1, "version"),
    ("port out of range", "127.0.0.1:18080", "127.0.0.1:99999", 2, "99999"),
    ("listen without a port", "127.0.0.1:18080", "127.0.0.1", 2, "listen"),
    ("URL without a scheme", "http://127.0.0.1:9000/v1", "127.0.0.1:9000/v1", 7, "url"),
    ("URL of another scheme", "http://127.0.0.1:9000/v1", "ftp://127.0.0.1:9000/v1", 7, "ftp"),
    ("no URL", "url: \"http://127.0.0.1:9000/v1\", ", "", 7, "url"),
    ("YAML not closed", "[one/a, two/b]", "[one/a, two/b", None, ""),
    ("tab as indent", "    first_token", "\tfirst_token", 12, ""),
    ("open beyond loopback", "auth: keys", "auth: open", None, "open"),
    ("route with a slash twice", "  fast:", "  one/a:", None, ""),
    ("negative workers", "auth: keys", "auth: keys\nworkers: -2", 6, "workers"),
    ("limit without a unit it knows", "auth: keys", "auth: keys\nmemory: 12parsecs", 6, "memory"),
    ("an alias to nothing", "auth: keys", "auth: *nothing", 5, ""),
]


def checked(gateway, text):
    path = gateway.dir / "broken.yaml"
    path.write_text(text)
    code, out, err = cli("check", "-c", path, home=gateway.dir)
    return path, code, out + err


def test_check_accepts_the_good_one():
    gateway = Gateway("", start=False)
    path, code, said = checked(gateway, GOOD)
    same(code, 0, f"exit code for the good config: {said}")
    check(not os.path.exists("/tmp/sluice-check-never-made"), "check made the data directory")


def test_30_broken_configs():
    gateway = Gateway("", start=False)
    for what, old, new, line, word in BROKEN:
        def run(what=what, old=old, new=new, line=line, word=word):
            text = GOOD.replace(old, new, 1)
            check(text != GOOD, "the table is wrong:", what)
            if what == "open beyond loopback":
                text = text.replace("listen: 127.0.0.1", "listen: 0.0.0.0")
            if what == "route with a slash twice":
                raise_unless_error_or_fine(gateway, text)
                return
            path, code, said = checked(gateway, text)
            same(code, 3, f"exit code; said {said!r}")
            found = re.search(rf"{re.escape(str(path))}:(\d+):(\d+)", said)
            check(found, f"no {path}:LINE:COLUMN in {said!r}")
            if line:
                same(int(found[1]), line, f"line in {said!r}")
            check(word in said, f"no {word!r} in {said!r}")
        yield what, run


def raise_unless_error_or_fine(gateway, text):
    """A route named like a target may be allowed or refused, but must not crash."""
    _, code, said = checked(gateway, text)
    check(code in (0, 3), code, said)


def test_all_errors_in_one_run():
    gateway = Gateway("", start=False)
    text = GOOD.replace("auth: keys", "auht: keys").replace("30s", "30 parsecs").replace("one/a", "oen/a")
    path, code, said = checked(gateway, text)
    same(code, 3, "exit code")
    lines = {int(each) for each in re.findall(rf"{re.escape(str(path))}:(\d+):\d+", said)}
    check({5, 11, 12} <= lines, f"lines {sorted(lines)} in {said!r}")


def test_truncated_at_each_line():
    """A file cut anywhere is refused or right, never a crash (G3)."""
    gateway = Gateway("", start=False)
    lines = GOOD.split("\n")
    for count in range(len(lines)):
        for text in ("\n".join(lines[:count]), "\n".join(lines[:count]) + "\n" + lines[count][:9]):
            path, code, said = checked(gateway, text)
            check(code in (0, 3), f"exit {code} for {text!r}: {said!r}")


def test_hostile_files():
    gateway = Gateway("", start=False)
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12))
    for name, text in (("empty", ""), ("alias bomb", bomb), ("deep", "a: " + "[" * 5000),
                       ("NUL", GOOD.replace("keys", "ke\0ys")), ("two documents", GOOD + "---\n" + GOOD),
                       ("a list", "- a\n- b\n"), ("text", "hello"), ("long line", "a" * 2 ** 20)):
        path, code, said = checked(gateway, text)
        check(code in ((0, 3) if name == "empty" else (3,)), f"{name}: exit {code}: {said[:300]!r}")
    (gateway.dir / "raw.yaml").write_bytes(b"\xff\xfe\x00auth: \xc3\x28\n")
    same(cli("check", "-c", gateway.dir / "raw.yaml")[0], 3, "exit for bytes that are no text")
    code, out, err = cli("check", "-c", gateway.dir / "not-there.yaml")
    check(code in (1, 3) and "not-there.yaml" in out + err, "missing file:", code, out, err)
