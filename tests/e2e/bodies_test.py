"""What is said, kept: as it was sent and got, encrypted, without what shall not be kept, for a
while, and never at the cost of a request."""

import base64
import json
import os
import signal
import subprocess

import admin_world
from admin_world import Unix, over_socket, problem, serving
from answers import chat, error_body, events, reply, stream
from exposition import read
from fake_provider import Fake
from harness import SLUICE, Gateway, check, provider, route, same
from raw import until

all_, errors = None, None
fake = None


def config(bodies, more=""):
    return ("providers:\n" + provider("p", fake.site("p").url) + "routes:\n" + route("r", "p/m") +
            f"log: {{ bodies: {bodies}{more} }}\n")


def setup():
    global all_, errors, fake
    fake = Fake()
    all_ = Gateway(config("all", ", redact: [email, card, \"/ACME-[0-9]{4}/\"]"))
    errors = Gateway(config("errors"))


def kept(gateway, got, seconds=5):
    """(request, answer) of that reply, as `show --body` tells them."""
    code, out, err = gateway.cli("show", got.header("x-request-id"), "--body", "--json")
    return json.loads(out) if code == 0 else None


def metrics(gateway):
    link = Unix(gateway.data / "admin.sock")
    link.request("GET", "/metrics")
    page = read(link.getresponse().read().decode(), False)
    link.close()
    return page


def files(gateway, of=""):
    return [path for path in gateway.data.rglob("*") if path.is_file() and of in str(path)]


def content_of(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:               # files come and go while it runs
        return b""


def nowhere(gateway, *texts):
    """No file of the data directory has any of these bytes."""
    for path in files(gateway):
        content = content_of(path)
        for text in texts:
            check(text.encode() not in content, f"{text!r} stands in {path}")


def test_a_whole_answer():
    body = chat(text="the answer canary-1")
    fake.site("p").default = reply(body)
    asked = json.dumps(all_.chat("r", "the question canary-2")).encode()
    got = all_.post(asked)
    said = kept(all_, got)
    same(said["request"].encode(), asked, "the request")
    same(said["answer"].encode(), body, "the answer")
    check(not said["cut"] and not said["redacted"], said)
    nowhere(all_, "canary-1", "canary-2")
    code, out, err = all_.cli("show", got.header("x-request-id"), "--body")
    same(out.encode(), asked + b"\n\n" + body + b"\n", "as text")


def test_over_rest_and_written_down():
    serving(all_)
    body = chat(text="the answer canary-7")
    fake.site("p").default = reply(body)
    got = [all_.post(all_.chat("r", f"number {n}"), key=name) for n, name in enumerate(("one", "two", "one"))]
    ids = [each.header("x-request-id") for each in got]
    for each in ids:
        status, said = over_socket(all_, "GET", f"/exchanges/{each}/body")
        same((status, said["id"], said["answer"].encode(), said["cut"]), (200, each, body, False), said)
    same(said, kept(all_, got[-1]), "the command's and the API's")
    status, listed = over_socket(all_, "GET", "/bodies?limit=2")
    same([each["id"] for each in listed["data"]], ids[:0:-1], "the newest first")
    all_.post(all_.chat("r", "between"))
    status, more = over_socket(all_, "GET", f"/bodies?limit=1&cursor={listed['next']}")
    same([each["id"] for each in more["data"]], ids[:1], "the next page")
    status, mine = over_socket(all_, "GET", "/bodies?key=one")
    same([each["id"] for each in mine["data"]], [ids[2], ids[0]], "of one key")
    same({each["key"] for each in mine["data"]}, {all_.key_ids["one"]}, mine)
    for path, status in (("/bodies?cursor=zz", 400), ("/bodies?key=nobody", 404), ("/exchanges/ffffffffffffffff/body", 404), ("/exchanges/x/body", 404)):
        same(over_socket(all_, "GET", path)[0], status, path)
    # Who may read all else may not read this.
    token = json.loads(all_.cli("tokens", "create", "--name", "r", "--scope", "read,keys,config", "--json")[1])["token"]
    for path in ("/bodies", f"/exchanges/{ids[0]}/body"):
        problem(admin_world.ask("GET", path, f"Bearer {token}", g=all_), 403, "scope_missing")
    entries = [each for each in over_socket(all_, "GET", "/audit?limit=1000")[1]["data"][::-1] if each["action"] == "bodies_read"]
    same([each["target"] for each in entries][-6:], [*ids, ids[-1], "ffffffffffffffff", "x"], "entries")
    check("canary" not in json.dumps(entries), entries)


def test_what_is_no_text_comes_through_as_well():
    """Whole, and as large as they are kept."""
    gateway = Gateway(config("all"))
    serving(gateway)
    odd = chat(text="x" * (14 << 20)).replace(b"xxxx", b"\xff\xfexx", 1)
    fake.site("p").default = reply(odd)
    asked = json.dumps(gateway.chat("r", "y" * (6 << 20))).encode()
    got = gateway.post(asked)
    same((got.status, bytes(got.body) == odd), (200, True), "what the client got")
    exchange = got.header("x-request-id")
    status, said = over_socket(gateway, "GET", f"/exchanges/{exchange}/body")
    same(status, 200, str(said)[:300])
    kept_of_it = odd[:8 << 20]              # an answer is kept up to here
    check("answer" not in said and base64.b64decode(said["answer_base64"]) == kept_of_it and said["cut"], list(said))
    check(said["request"].encode() == asked, len(said["request"]))
    done = subprocess.run([SLUICE, "show", exchange, "--body", "-c", str(gateway.file)], capture_output=True)
    check(done.stdout == asked + b"\n\n" + kept_of_it + b"\n", done.returncode, done.stderr, len(done.stdout))
    check(b"the answer was longer" in done.stderr, done.stderr)
    gateway.remove()


def test_a_stream():
    fake.site("p").default = stream(events(("one ", "two ", "canary-3")))
    got = all_.post(all_.chat("r", "hi", stream=True))
    said = kept(all_, got)
    same(said["answer"].encode(), bytes(got.body), "what the client got")
    nowhere(all_, "canary-3")


def test_what_is_taken_out():
    fake.site("p").default = stream(events(list("mail anna@example.com, card 4111 1111 1111 1111.")))
    got = all_.post(all_.chat("r", "I am fred@example.com of ACME-4711", stream=True))
    check(b"[email]" not in got.body, "the client gets all of it")
    said = kept(all_, got)
    check("I am [email] of [redacted]" in said["request"] and said["redacted"], said)
    check("[email]" in said["answer"] and "[card]" in said["answer"], said["answer"])
    text = "".join((json.loads(line[6:])["choices"] or [{"delta": {}}])[0]["delta"].get("content") or ""
                   for line in said["answer"].splitlines()
                   if line.startswith("data: {"))
    same(text, "mail [email], card [card].", "what is left of it")


def test_errors_alone():
    fake.site("p").default = reply(chat())
    good = errors.post(errors.chat("r", "fine"))
    fake.site("p").default = reply(error_body("too odd"), status=400)
    bad = errors.post(errors.chat("r", "canary-4"))
    same((good.status, bad.status), (200, 400), "status")
    check(kept(errors, good) is None, "a good one was kept")
    said = kept(errors, bad)
    check("canary-4" in said["request"] and "too odd" in said["answer"], said)
    nowhere(errors, "canary-4")


def test_off_is_off():
    gateway = Gateway("providers:\n" + provider("p", fake.site("p").url) + "routes:\n" +
                      route("r", "p/m"))
    fake.site("p").default = reply(chat(text="canary-5"))
    got = gateway.post(gateway.chat("r", "canary-6"))
    gateway.stop()
    check(not files(gateway, "bodies"), files(gateway))
    nowhere(gateway, "canary-5", "canary-6")
    code, out, err = gateway.cli("show", got.header("x-request-id"), "--body")
    check(code == 1 and "nothing was kept" in err, err)


def test_without_room_the_bodies_are_lost_and_nothing_else():
    gateway = Gateway("memory: 128KiB\n" + config("all"))
    fake.site("p").default = stream(events(["x" * 5000] * 40))
    got = gateway.post(gateway.chat("r", "y" * 40000, stream=True))
    same(got.status, 200, "the request")
    rows = until(lambda: gateway.rows("closes"), "its row")
    check(rows[0]["flags"] & 256, "the row says so", rows[0]["flags"])
    check("body_lost" in gateway.cli("show", got.header("x-request-id"))[1], "and so does show")
    said = kept(gateway, got)
    check("answer" not in said and "y" * 40000 in said["request"], list(said))
    gateway.remove()


def test_a_disk_that_is_full_hurts_nobody():
    gateway = Gateway(config("all"), start=False)
    gateway.data.mkdir(mode=0o700)
    (gateway.data / "bodies").mkdir(mode=0o700)
    gateway.start()
    gateway.key()                           # it is up
    os.rmdir(gateway.data / "bodies")       # nothing can be made there any more
    (gateway.data / "bodies").write_text("")
    fake.site("p").default = reply(chat())
    for n in range(20):
        same(gateway.post(gateway.chat("r", f"n {n}")).status, 200, "status")
    until(lambda: "is not kept" in gateway.stderr(), "the log says so")
    same(gateway.stderr().count("is not kept"), 1, "once")
    page = metrics(gateway)
    same(page.get("sluice_telemetry_dropped_total", signal="bodies", reason="unwritable"), 20, "counted")
    same(page.get("sluice_bodies_kept_total"), 0, "kept")
    (gateway.data / "bodies").unlink()
    (gateway.data / "bodies").mkdir(mode=0o700)
    got = gateway.post(gateway.chat("r", "again"))
    until(lambda: "is kept again" in gateway.stderr(), "the log says so")
    check("again" in kept(gateway, got)["request"], "kept again")
    gateway.remove()


def test_what_cannot_be_deleted_is_told_apart():
    """What is said is kept all the same, and the log does not say otherwise."""
    gateway = Gateway(config("all"), start=False)
    stuck = gateway.data / "bodies" / f"{1:016x}.seg"
    stuck.mkdir(mode=0o700, parents=True)
    gateway.data.chmod(0o700)
    (gateway.data / "bodies" / f"{1:016x}.idx").write_text("")
    gateway.start()
    gateway.write(config("all", ", keep: 20d"))     # another one: a start alone does not believe the clock
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: "too old is not deleted: cannot delete" in gateway.stderr(), "the log to say so", 20)
    fake.site("p").default = reply(chat())
    got = gateway.post(gateway.chat("r", "canary"))
    check("canary" in kept(gateway, got)["request"], "kept")
    check("is not kept" not in gateway.stderr() and "is kept again" not in gateway.stderr(), gateway.stderr())
    stuck.rmdir()
    kept(gateway, got)
    until(lambda: "too old is deleted again" in gateway.stderr(), "the log to say so", 20)
    gateway.remove()


def test_a_rotated_master_key_seals_from_then_on():
    """Also where the reload that follows is refused: what is said then opens with the new key alone."""
    for refused in (False, True):
        def run(refused=refused):
            gateway = Gateway(config("all"))
            first = gateway.post(gateway.chat("r", "first", user="fred"))
            check(kept(gateway, first), "before")
            old = (gateway.data / "master.key").read_text()
            if refused:
                (gateway.dir / "fresh").write_text(gateway.text(gateway.body) + "nonsense: 1\n")
                os.replace(gateway.dir / "fresh", gateway.file)
            code, out, err = gateway.cli("secrets", "rotate", "--forget-old")
            same(code, 0, err)
            check((gateway.data / "master.key").read_text() != old, "the key was not rotated")
            gateway.write(gateway.body)
            got = gateway.post(gateway.chat("r", "second", user="fred"))
            check(kept(gateway, got), gateway.cli("show", got.header("x-request-id"), "--body"))
            check("master key" in gateway.cli("show", first.header("x-request-id"), "--body")[2], "the old one's")
            gateway.stop()
            # Nobody can tell any more whose the first is: it goes as well.
            code, out, err = gateway.cli("forget", "--user", "fred", "--json")
            same((code, json.loads(out)["bodies"]), (0, 2), err)
            (gateway.data / "master.key").write_text(old)
            gateway.start()
            check(not kept(gateway, first), "the first, with the old key put back")
            gateway.remove()
        yield "refused" if refused else "reloaded", run


def test_they_outlive_a_restart_and_a_reload():
    fake.site("p").default = reply(chat())
    got = all_.post(all_.chat("r", "before"))
    all_.stop()
    said = kept(all_, got)                  # without a gateway, too
    check("before" in said["request"], said)
    all_.start()
    check("before" in kept(all_, got)["request"], "after the start")
    all_.write(config("off"))
    same(all_.cli("check")[0], 0, "the new configuration")
    all_.process.send_signal(1)
    until(lambda: "configuration reloaded" in all_.stderr(), "the reload")
    off = all_.post(all_.chat("r", "while off"))
    check(kept(all_, off) is None, "off is off")
    check("before" in kept(all_, got)["request"], "what was kept stays")
