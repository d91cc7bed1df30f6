"""G36, G41 of guarantees.md: where keys and prompts must not be, whatever happens.

One gateway lives through everything that goes right and wrong: success, errors in which the provider
repeats our key, failover, a stream that dies and is resumed, wrong configurations, every command, a
crash. Then whatever it left behind is searched for canaries, as they are and in the forms in which
bytes travel: every file below the data directory raw (database pages, journal and write-ahead log
included), both logs, what clients and commands were told, every GET of the admin API, metrics,
traces, exports and reports, and what /proc shows. What is said is kept (`log.bodies: all`), so prompts
are there; sealed, and told to nobody but who asks for a body.
"""

import base64
import json
import os
import pathlib
import re
import resource
import secrets
import signal
import socket
import urllib.parse

import answers
from answers import chunk, error_event, events, reply, stream
from collector import Collector
from fake_provider import Fake
from harness import SANITIZED, Gateway, check, cli, route, same
from raw import Raw, request, until


def canary(name):
    """Long, unlike anything else, and with a slash, which JSON may escape."""
    return f"{name}-{secrets.token_hex(6)}/{secrets.token_hex(6)}"


class Canaries:
    """What must not be found, and in which forms."""

    def __init__(self):
        self.forms = {}

    def add(self, name, text, whole=True):
        data = text.encode() if isinstance(text, str) else text
        forms = {"as it is": data, "reversed": data[::-1], "hex": data.hex().encode(),
                 "HEX": data.hex().upper().encode(), "utf-16": data.decode("latin1").encode("utf-16-le"),
                 "JSON": data.replace(b"/", b"\\/"), "URL": urllib.parse.quote(data, safe="").encode()}
        for skip in range(3):                       # base64 has three beginnings
            for kind, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
                text64 = encode(bytes(skip) + data)
                first = (skip * 8 + 5) // 6
                forms[f"{kind}/{skip}"] = text64[first:len(text64.rstrip(b"=")) - 1]
        self.forms[name] = forms

    def find(self, data, names=None):
        return [f"{name} ({form})" for name, forms in self.forms.items() if names is None or name in names
                for form, needle in forms.items() if needle in data]


class World:
    """The gateway, its providers, and everything anybody was told."""

    def __init__(self):
        self.canaries, self.told, self.said = Canaries(), [], []
        self.keys = {name: canary(f"sk-{name}") for name in ("env", "file", "store", "literal", "aws", "otlp")}
        for name, key in self.keys.items():
            self.canaries.add(name, key)
        self.fake, self.collector, self.tokens, self.asked = Fake(), Collector(), {}, []
        self.sites = {name: self.fake.site(name) for name in ("env", "file", "store")}
        self.gate = Gateway(self.config(), env={"E_KEY": self.keys["env"], "AWS_SECRET": self.keys["aws"],
                                                "OTLP_KEY": self.keys["otlp"]}, start=False)
        (self.gate.dir / "keys").mkdir()
        (self.gate.dir / "keys" / "file").write_text(self.keys["file"])

    def config(self, literal=""):
        url = {name: site.url for name, site in self.sites.items()}
        return ("providers:\n"
                f'  env: {{ format: openai-chat, url: "{url["env"]}", key: "${{E_KEY}}" }}\n'
                f'  file: {{ format: openai-chat, url: "{url["file"]}", key: {{ file: keys/file }} }}\n'
                f'  store: {{ format: openai-chat, url: "{url["store"]}", key: store }}\n'
                f'  aws: {{ format: bedrock, url: "http://127.0.0.1:1", region: us-east-1, access_key: AKIA, '
                f'secret_key: "${{AWS_SECRET}}" }}\n{literal}'
                'prices: { "env/*": { input: $1/1M, output: $2/1M } }\n'
                "log: { bodies: all }\nmetrics: { keys: on }\n"
                f'telemetry: {{ otlp: {{ endpoint: "{self.collector.url}", headers: "x-key=${{OTLP_KEY}}" }} }}\n'
                "routes:\n"
                + route("all", "env/m", "file/m", "store/m", more=", first_token: 2s, idle: 1s, resume: always")
                + route("ill", "aws/m", "env/m", more=", first_token: 2s"))

    def ask(self, model, name, key="alice", **more):
        """One request with a prompt of its own, which is a canary."""
        prompt = canary(f"prompt-{name}")
        self.canaries.add(f"prompt {name}", prompt)
        got = self.gate.post(self.gate.chat(model, prompt, **more), key=key)
        self.asked.append((got.header("x-request-id"), key, prompt))
        self.told.append((f"answer {name}", bytes(got.raw_head if hasattr(got, "raw_head") else b"")
                          + str(got.headers).encode() + bytes(got.body)))
        return got

    def secret(self, name, *args):
        """What a command makes that is told once."""
        code, out, err = self.gate.cli(*args, "--json")
        same(code, 0, err)
        made = json.loads(out)
        text = made.get("token") or made["key"]
        self.canaries.add(name, text)
        self.canaries.add(f"secret of {name}", text[-43:])              # base64url, behind prefix and id
        return made["id"], text

    def command(self, *args, stdin=None):
        code, out, err = self.gate.cli(*args, stdin=stdin)
        self.said.append((f"sluice {args[0]} {args[1] if len(args) > 1 else ''}", (out + err).encode()))
        return code, out, err


def echo_error(world, name, status):
    """An error that repeats our key in every place it can."""
    key = world.keys[name]
    text = f"Incorrect API key provided: {key}. Bearer {key}"
    return reply(answers.error_body(text).replace(b"/", b"\\/") + answers.error_body(text), status,
                 headers=[("x-echo", f"Bearer {key}"), ("www-authenticate", f'Bearer error="{key}"')])


def go_right(world):
    for name, site in world.sites.items():
        text = canary("answer")
        world.canaries.add(f"text of {name}", text)
        site.default = reply(answers.chat(text))
        same(world.ask(f"{name}/m", f"unary {name}").status, 200, name)
        site.default = stream(events((text, " more")))
        same(world.ask(f"{name}/m", f"stream {name}", stream=True).status, 200, name)


def show_keys_elsewhere(world):
    """Keys of ours in targets and in headers that are none for keys."""
    key, gate = world.gate.keys["alice"], world.gate
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    world.sites["env"].default = reply(answers.chat("yes"))
    for target, status in ((f"/v1beta/models/env/m:generateContent?key={key}", 200),
                           (f"/v1beta/models/env/m:generateContent?key={key}x", 401),
                           (f"/v1beta/models/nothing:generateContent?key={key}", 404),
                           (f"/v1beta/models/env/m:generateContent?key={key}&key={key}x", 400), (f"/nothing?key={key}", 404)):
        for headers in ([], [("User-Agent", f"curl {key}"), ("traceparent", key), ("x-session", key)]):
            got = gate.post(body if "generate" in target else None, target, headers, key=None,
                            method="POST" if "generate" in target else "GET")
            same(got.status, status, target.replace(key, "KEY"))
            if "/nothing:" not in target:               # "no such model" repeats what was asked for
                world.told.append((target.replace(key, "KEY"), str(got.headers).encode() + bytes(got.body)))
    for more, headers in (({"user": key}, []), ({}, [("x-sluice-user", key)]), ({}, [("x-sluice-tags", f"a={key}")])):
        gate.post(gate.chat("env/m", **more), headers=headers, key="alice")
    same(gate.post(gate.chat(key), key="alice").status, 404, "a key in place of a model")


def go_wrong(world):
    for name, site in world.sites.items():
        for status in (400, 401, 403, 404, 429, 500, 503):
            site.default = echo_error(world, name, status)
            world.ask(f"{name}/m", f"{status} {name}")
            world.ask(f"{name}/m", f"{status} streamed {name}", stream=True)
        key = world.keys[name]
        site.default = stream([chunk(answers.FIRST), chunk({"content": "a"}), error_event(message=f"key {key} is bad")])
        world.ask(f"{name}/m", f"error event {name}", stream=True)
        site.default = stream([error_event(message=f"key {key} is bad")])
        world.ask(f"{name}/m", f"first event {name}", stream=True)
        # So long that what is kept of it ends inside the key.
        for size in (490, 500, 8170, 16360, 65520):
            site.default = reply(answers.error_body("x" * size + key + "y" * 100), 400)
            world.ask(f"{name}/m", f"cut at {size} {name}")
        site.default = reply(f"<html>{key}</html>".encode(), 502, kind="text/html")
        world.ask(f"{name}/m", f"html {name}")


def move_on(world):
    for name in ("env", "file"):
        world.sites[name].default = echo_error(world, name, 401)
    world.sites["store"].default = stream(events(("moved", " on")))
    same(world.ask("all", "failover", stream=True).status, 200, "failover")
    world.sites["env"].default = stream([chunk(answers.FIRST), chunk({"content": "One two three four "})], end="rst")
    world.sites["file"].default = stream(events(("One two three four ", "five six.")))
    world.ask("all", "resumed", stream=True)
    for site in world.sites.values():
        site.default = stream([chunk(answers.FIRST), chunk({"content": "half"})], end="rst")
    world.ask("all", "lost", stream=True)
    world.sites["env"].default = reply(answers.chat("yes"))
    world.ask("ill", "signed")


def misconfigure(world):
    literal = world.keys["literal"]
    for text in (f'  lit: {{ format: openai-chat, url: "http://127.0.0.1:1/v1", key: "{literal}", tiemout: 1 }}\n',
                 f'  lit: {{ format: openai-chat, url: "http://127.0.0.1:1/v1", key: ["{literal}"] }}\n',
                 f'  lit: {{ format: nothing, url: "ftp://{literal}@x/v1", keys: ["{literal}", 1] }}\n',
                 f"  lit: {{ key: {literal}\n"):
        world.gate.write(world.config(text))
        before = world.gate.stderr().count("reload refused")
        os.kill(world.gate.process.pid, signal.SIGHUP)
        until(lambda: world.gate.stderr().count("reload refused") > before, "a reload to be refused", 10)
        world.command("check")
    world.gate.write(world.config())
    os.kill(world.gate.process.pid, signal.SIGHUP)
    until(lambda: world.gate.stderr().rstrip().endswith("configuration reloaded"), "the good one again", 10)


def run_commands(world):
    ids = [each["id"] for each in world.gate.tail()][:40]
    for args in (["tail"], ["tail", "--json"], ["keys", "list"], ["keys", "list", "--json"], ["providers"],
                 ["providers", "--json"], ["providers", "keys"], ["secrets"], ["explain", "all"], ["models"],
                 ["check"], *(["show", each] for each in ids)):
        world.command(*args)
    world.command("providers", "add", "store", world.keys["literal"])
    for path in ("/metrics", "/admin/health", "/admin/explain?model=all"):
        world.said.append((path, at_socket(world.gate, path)))


def at_socket(gate, path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(gate.data / "admin.sock"))
        sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        data = b""
        while more := sock.recv(65536):
            data += more
        return data


# --- what was kept, counted, and written down --------------------------------------------------------

def make_secrets(world):
    """Virtual keys, one of which is rotated, and tokens of administrators."""
    gate = world.gate
    for name in ("alice", "clinic"):
        gate.key_ids[name], gate.keys[name] = world.secret(f"virtual key {name}", "keys", "create", name,
                                                           *(["--phi"] if name == "clinic" else []))
    world.secret("rotated key", "keys", "rotate", gate.key_ids["alice"])
    for scope in ("read", "all"):
        world.tokens[scope] = world.secret(f"{scope} token", "tokens", "create", "--name", scope, "--scope", scope)
    first = until(lambda: re.search(r"sl-admin-[0-9a-f]{12}-[\w-]{43}", gate.stderr()), "the first token")[0]
    world.canaries.add("first token", first)


def ask_admin(world, path, token, **headers):
    with Raw(world.gate.admin_port) as raw:
        raw.send(request("GET", path, [("Authorization", f"Bearer {token}"), *headers.items()]))
        got = raw.reply("GET")
    world.said.append((f"GET {path}", str(got.headers).encode() + bytes(got.body)))
    return got


def look_at_admin(world):
    """Every GET of the admin API, with every id there is, as who may read and as who may all."""
    gate = world.gate
    world.command("tail")                               # everything is in the ledger now
    ids = {"keys": list(gate.key_ids.values()), "tokens": [made for made, _ in world.tokens.values()],
           "organisations": ["default"], "exchanges": [each for each, _, _ in world.asked if each]}
    queries = {"/admin/v1/explain": ["?model=all"], "/admin/v1/exchanges": ["?limit=1000"],
               "/admin/v1/audit": ["?limit=1000"], "/admin/v1/cost": ["", "?by=key", "?by=user,model", "?by=tag"]}
    listed = [each["path"] for each in json.loads(cli("admin", "routes", "--json")[1])
              if each["listener"] == "admin" and each["method"] == "GET"]
    check(len(listed) > 15, "routes of the admin API:", listed)
    for path in listed:
        kind = path.split("/")[3] if path.count("/") > 2 else ""
        for real in [path.replace("{id}", each) for each in ids.get(kind, [])] if "{id}" in path else \
                [path + query for query in queries.get(path, [""])]:
            for scope, (_, token) in world.tokens.items():
                got = ask_admin(world, real, token)
                if path.endswith("/body"):              # prompts may stand there, keys may not
                    world.told.append(world.said.pop())
                    check(got.status in (200, 404) if scope != "read" else got.status == 403, f"GET {real} as {scope}:", got)
                    continue
                check(got.status == 200 or scope == "read" and got.status == 403, f"GET {real} as {scope}:", got)
    for token in (world.tokens["all"][1][:-1] + "x", gate.keys["alice"], world.keys["env"]):
        same(ask_admin(world, "/admin/v1/status", token).status, 401, "a token that is none")
    ask_admin(world, "/metrics", world.tokens["read"][1], Accept="application/openmetrics-text;version=1.0.0")


def export(world):
    for args in (*(["export", "--format", each] for each in ("csv", "jsonl", "focus")),
                 *(["report", "--format", each] for each in ("md", "csv", "json", "html")),
                 *(["cost", "--by", each, *more] for each in ("key", "user,model", "client", "tag")
                   for more in ([], ["--csv"], ["--json"])), ["cost", "--verify"],
                 ["audit", "list"], ["audit", "list", "--json"], ["audit", "export"], ["audit", "verify"],
                 ["tokens", "list"], ["tokens", "list", "--json"], ["keys", "show", world.gate.key_ids["alice"]],
                 ["teams", "list"], ["secrets", "status"], ["trial", "list"]):
        code, out, err = world.command(*args)
        check(code == 0 and (out or args[0] in ("teams", "trial")), args, code, err)
        if args[0] == "export":
            (world.gate.dir / f"export.{args[2]}").write_text(out)
    theirs = world.gate.dir / "theirs.csv"
    theirs.write_text("date,model,input_tokens,output_tokens\n2026-01-01,m,1,2\n")
    world.command("reconcile", str(theirs))


def look_at_bodies(world):
    """What was said is there for who asks for it, and for the key that may not be listened to it is not."""
    kept = 0
    for each, key, prompt in world.asked:
        code, out, err = world.gate.cli("show", each, "--body")
        world.told.append((f"show {each} --body", (out + err).encode()))
        check(key != "clinic" or code != 0, "words of a key with --phi were kept:", out[:300])
        kept += code == 0 and prompt in out.replace("\\/", "/")
    check(kept > len(world.asked) // 2, f"of {len(world.asked)} prompts {kept} can be read")


def look_at_traces(world):
    until(lambda: world.collector.of_request(world.asked[-1][0])[0], "the last spans", 10)
    with world.collector.lock:
        same(world.collector.complaints, [], "complaints of the collector")
        world.said += [("a trace", each["body"]) for each in world.collector.requests]
    same(world.collector.requests[-1]["headers"]["x-key"], world.keys["otlp"], "the collector's own key")


def crash(world):
    """SIGSEGV, with every limit open: no core is written."""
    process = world.gate.process
    world.gate.expected_to_live = False
    # A sanitizer would take it for a finding.
    os.kill(process.pid, signal.SIGKILL if SANITIZED else signal.SIGSEGV)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    if not SANITIZED:
        same((ended.si_code, ended.si_status), (os.CLD_KILLED, signal.SIGSEGV), "killed, and no core dumped")
    process.wait()
    same([each for each in world.gate.dir.rglob("core*")], [], "core files")


def look_into_proc(world):
    proc = pathlib.Path(f"/proc/{world.gate.process.pid}")
    world.said.append(("/proc/PID/cmdline", (proc / "cmdline").read_bytes()))
    try:
        if not SANITIZED:
            world.said.append(("/proc/PID/environ", (proc / "environ").read_bytes()))
            check(int(re.search(r"VmLck:\s+(\d+)", (proc / "status").read_text())[1]) > 0, "nothing is locked in memory")
    except PermissionError:
        pass                                            # as it should be for everybody but root


def files_of(gate):
    """Everything below its directory but what is there to hold keys.  Of long stretches of zeros, which
    is most of a journal, a few stand for all."""
    for path in sorted(gate.dir.rglob("*")):
        if path.is_file() and path != gate.dir / "keys" / "file":
            yield str(path.relative_to(gate.dir)), re.sub(rb"\0{64,}", bytes(64), path.read_bytes())


def test_nothing_leaks():
    world = World()
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limit[1], limit[1]))
    world.gate.start()
    same(world.command("providers", "add", "store", stdin=world.keys["store"])[0], 0, "providers add")
    make_secrets(world)
    go_right(world)
    show_keys_elsewhere(world)
    go_wrong(world)
    move_on(world)
    same(world.ask("env/m", "phi", key="clinic").status, 403, "no provider is marked for it")
    misconfigure(world)
    run_commands(world)
    look_at_admin(world)
    export(world)
    look_at_bodies(world)
    look_at_traces(world)
    look_into_proc(world)
    master = (world.gate.data / "master.key").read_bytes().split(b"\n")[-2]
    world.canaries.add("master key", base64.b64decode(master))
    crash(world)
    found = search(world)
    world.gate.start()                                  # and after what it left was read again
    world.ask("env/m", "after the crash")
    world.gate.stop()
    export(world)                                       # now they read by themselves
    look_at_bodies(world)
    found += search(world)
    world.collector.stop()
    resource.setrlimit(resource.RLIMIT_CORE, limit)
    same(found, [], f"leaks ({len(world.canaries.forms)} canaries in {len(world.told)} answers, "
                    f"{len(world.said)} outputs)")


def search(world):
    found = []
    own = [name for name in world.canaries.forms if not name.startswith(("text", "prompt"))]
    for name, data in world.told:                       # a client may see its own words
        found += [f"{each} in {name}" for each in world.canaries.find(data, own)]
    for name, data in world.said:
        found += [f"{each} in {name}" for each in world.canaries.find(data)]
    files = list(files_of(world.gate))
    check(any("journal" in name for name, _ in files) and any(name.endswith("ledger.db") for name, _ in files)
          and any("access.log" in name for name, _ in files) and any("bodies/" in name for name, _ in files)
          and any("export.csv" in name for name, _ in files), "files", [name for name, _ in files])
    for name, data in files:
        hits = world.canaries.find(data)
        if name == "data/master.key":
            hits = [each for each in hits if not each.startswith("master key (base64")]
        if name == "stderr":                            # it is told once, there
            same(data.count(b"sl-admin-"), 1, "tokens in stderr")
            hits = [each for each in hits if not each.startswith("first token (")]
        found += [f"{each} in {name}" for each in hits]
    return found


def test_the_search_finds():
    """A scan that finds nothing is worth something only when it could."""
    canaries = Canaries()
    key = canary("sk")
    canaries.add("key", key)
    for form in (key, key[::-1], key.encode().hex(), base64.b64encode(b"a" + key.encode() + b"b").decode(),
                 base64.b64encode(f"user:{key}".encode()).decode(), json.dumps(key).replace("/", "\\/"),
                 urllib.parse.quote(f"Bearer {key}", safe="")):
        check(canaries.find(b"before " + form.encode() + b" behind"), form)
    same(canaries.find(b"sk-" + bytes(1000)), [], "nothing")
