"""A person is forgotten: the name is found nowhere any more, byte by byte, and no money is."""

import fcntl
import json
import os
import pathlib
import re
import resource
import threading

from admin_world import change, over_socket, serving
from answers import chat, error_body, reply, usage
from fake_provider import Fake
from harness import SANITIZED, Gateway, check, provider, route, same
from raw import until
from runner import Skip

fake = None
FRED, ANNA = "fred-canary-4711", "anna-canary-0815"


def setup():
    global fake
    fake = Fake()


def start():
    site = fake.site("p")
    site.default = reply(chat(text="said to somebody", spent=usage(1000, 100)))
    return Gateway(f'providers:\n  openai: {{ url: "{site.url}", key: sk-a }}\nroutes:\n' +
                   route("r", "openai/gpt-5-mini") + "log: { bodies: all }\n")


def ask(gateway, user, n, key="test", **more):
    got = gateway.post(gateway.chat("r", f"number {n} of {user}", user=user, **more), key=key)
    return got


def content_of(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:               # files come and go while it runs
        return b""


def holds(gateway, text, but=()):
    return [str(path) for path in gateway.data.rglob("*")
            if path.is_file() and path.parent.name not in but and text.encode() in content_of(path)]


def money(gateway):
    rows = gateway.rows()
    return sum(row["cost_nano"] or 0 for row in rows), sum(row["input_tokens"] for row in rows), len(rows)


def body_of(gateway, got):
    return gateway.cli("show", got.header("x-request-id"), "--body")[0] == 0


def test_with_a_gateway():
    gateway = start()
    freds = [ask(gateway, FRED, n) for n in range(30)]
    annas = [ask(gateway, ANNA, n) for n in range(30)]
    fake.site("p").queue(reply(error_body(f"we do not serve {FRED}"), status=400))
    ask(gateway, FRED, 99)
    until(lambda: len(gateway.rows("state = 'done'")) == 61, "all rows")
    before = money(gateway)
    code, out, err = gateway.cli("forget", "--user", FRED, "--json")
    same(code, 0, err)
    said = json.loads(out)
    same((said["attempts"], said["bodies"]), (31, 31), "what was forgotten")
    check(said["sums"] > 0, said)
    same(holds(gateway, FRED, but=("journal",)), [], "files that name him")
    same(money(gateway), before, "the money")
    users = {row["user"] for row in gateway.rows()}
    check(len(users) == 2 and ANNA in users and any("forgotten" in u for u in users), users)
    check(not any(body_of(gateway, got) for got in freds[:3]), "his words")
    check(all(body_of(gateway, got) for got in annas[:3]), "her words")
    entries = gateway.cli("audit", "export")[1]
    check("users_forget" in entries and FRED not in entries, entries[-500:])
    check("bodies_read" in entries, entries[-500:])
    # He comes back: a new person.
    ask(gateway, FRED, 100)
    until(lambda: gateway.rows("user = ?", FRED), "his new row")
    same(len(gateway.rows("user = ?", FRED)), 1, "rows")
    code, out, err = gateway.cli("forget", "--user", FRED, "--json")
    same(json.loads(out)["attempts"], 1, err)
    gateway.stop()
    same(holds(gateway, FRED), [], "files that name him, after the end")
    check(holds(gateway, ANNA), "she is not forgotten")
    gateway.remove()


def test_what_is_under_way_is_forgotten_as_well():
    """It ends behind the forgetting, and then it has no name to say: neither in rows, sums and lines nor in what
    was said, not even where another attempt begins."""
    gateway, gate = start(), threading.Event()
    agent = [("User-Agent", f"laptop of {FRED}")]
    site = fake.site("p")

    def after(script):
        return lambda x: (x.wait(gate), script(x))
    site.queue(after(reply(chat(text="said late", spent=usage(1000, 100)))), after(reply(error_body(f"not to {FRED}"), status=400)),
               after(reply(status=500)))
    got = []
    asking = [threading.Thread(target=lambda n=n: got.append(gateway.post(gateway.chat("r", f"number {n} of {FRED}", user=FRED), headers=agent)))
              for n in range(3)]
    for each in asking:
        each.start()
    until(lambda: len(gateway.rows("state = 'open' AND user = ?", FRED)) == 3, "his open rows")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1]["attempts"], 3, "attempts under way")
    gate.set()
    for each in asking:
        each.join()
    same(sorted(reply.status for reply in got), [200, 200, 400], "they went on")
    until(lambda: len(gateway.rows("closes = 1")) == 3, "all rows")
    rows = gateway.rows()
    same(len(rows), 4, "one of them at the second attempt")
    same(len({row["user"] for row in rows}), 1, "the tombstone of one forgetting")
    same({(row["client"], row["agent"], row["detail"]) for row in rows}, {("", "", "")}, "nothing of him")
    same([row["user"] for row in over_socket(gateway, "GET", "/cost?by=user")[1]["data"]], [rows[0]["user"]], "the sums")
    lines = [json.loads(line) for line in (gateway.data / "access.log").read_text().splitlines()]
    same(({line.get("client") for line in lines}, len(lines)), ({None}, 3), "the access log")
    check(not any(body_of(gateway, reply) for reply in got), "his words")
    # Who comes now is a new person.
    same(gateway.post(gateway.chat("r", user=FRED), headers=agent).status, 200, "he comes back")
    row = until(lambda: gateway.rows("user = ? AND closes = 1", FRED), "his new row")[0]
    same((row["client"], row["agent"]), ("127.0.0.1", agent[0][1]), "whole")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1]["attempts"], 1, "and goes again")
    gateway.stop()
    same(holds(gateway, FRED), [], "files that name him")
    gateway.remove()


def test_what_is_under_way_after_the_clock_was_set_back():
    """Ids run ahead of it then, and are his all the same."""
    gateway, gate = start(), threading.Event()
    ask(gateway, ANNA, 0)
    until(lambda: gateway.rows("closes = 1"), "her row")
    gateway.stop()
    change("UPDATE attempt SET began = id >> 8, id = id + (3600000000 << 8)", gateway.data)
    gateway.start()
    serving(gateway)
    fake.site("p").queue(lambda x: (x.wait(gate), reply(chat(text="said late", spent=usage(1000, 100)))(x)))
    got = []
    asking = threading.Thread(target=lambda: got.append(ask(gateway, FRED, 1)))
    asking.start()
    row = until(lambda: gateway.rows("state = 'open' AND user = ?", FRED), "his open row")[0]
    check(row["id"] >> 8 > row["began"], row)
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1]["attempts"], 1, "attempts under way")
    gate.set()
    asking.join()
    same(got[0].status, 200, "it went on")
    until(lambda: len(gateway.rows("closes = 1")) == 2, "all rows")
    check(not body_of(gateway, got[0]), "his words")
    same(gateway.cli("cost", "--verify")[0], 0, "the sums are those of the rows")
    gateway.stop()
    same(holds(gateway, FRED), [], "files that name him")
    gateway.remove()


def test_pages_are_written_anew_in_little_memory():
    """His name stands in the file as part of another's, so VACUUM makes a copy of all of it: on the disk."""
    if SANITIZED:
        raise Skip("a sanitizer has memory of its own")
    gateway = start()
    ask(gateway, FRED, 1)
    ask(gateway, FRED + "-2", 1)
    until(lambda: len(gateway.rows("closes = 1")) == 2, "the rows")
    gateway.stop()
    change("CREATE TABLE filler AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)"
           " SELECT i, zeroblob(1 << 20) FROM n", gateway.data)
    gateway.start()
    serving(gateway)
    size = (gateway.data / "ledger.db").stat().st_size
    check(size > 64 << 20, size)
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    most = (int(re.search(r"VmData:\s+(\d+)", status)[1]) << 10) + (32 << 20)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_DATA, (most, most))
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1].get("attempts"), 1, "forgotten")
    same(gateway.rows("user = ?", FRED), [], "his rows")
    same(ask(gateway, ANNA, 1).status, 200, "it goes on")
    until(lambda: gateway.rows("user = ?", ANNA), "and is written")
    same({path.name for path in gateway.data.iterdir() if path.name.startswith(("etilqs", "sqlite"))}, set(), "what the copy has left")
    gateway.remove()


def lines_of(gateway):
    """Of each line of the access log whether it still says who called."""
    return [set(json.loads(line)["agent"]) != {"*"} for line in (gateway.data / "access.log").read_text().splitlines()]


def test_lines_whose_rows_are_gone():
    gateway = start()
    agent = [("User-Agent", "a laptop")]

    def send(user, key="test"):
        same(gateway.post(gateway.chat("r", user=user), key=key, headers=agent).status, 200, user)
    for user, key in ((FRED, "one"), (FRED, "other"), (ANNA, "one")):
        send(user, key)
    until(lambda: len(gateway.rows("closes = 1")) == 3, "the rows")
    gateway.stop()
    change("DELETE FROM attempt", gateway.data)     # as they go with `ledger_keep`
    gateway.start()
    serving(gateway)
    same(lines_of(gateway), [True] * 3, "the lines")
    send(ANNA)
    until(lambda: len(gateway.rows("closes = 1")) == 1, "her row")
    said = over_socket(gateway, "POST", "/forget", {"user": FRED, "key": gateway.key_ids["other"]})[1]
    same((said["attempts"], said["lines"]), (0, 1), "of one key")
    same(lines_of(gateway), [True, False, True, True], "which one")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED, "before": "2020-01-01T00:00:00Z"})[1]["lines"], 0, "there were none then")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1]["lines"], 2, "the others nobody knows any more")
    same(lines_of(gateway), [False, False, False, True], "hers has its row")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1]["lines"], 0, "once is enough")
    gateway.remove()


def test_the_log_that_is_written_is_the_one_that_is_scrubbed():
    """Whatever a reload says of the next one."""
    gateway = start()
    serving(gateway)
    ask(gateway, FRED, 1)
    until(lambda: gateway.rows("closes = 1"), "the row")
    for other in ("off", gateway.dir / "other.log"):
        gateway.write(gateway.body.partition("access_log:")[0] + f"access_log: {other}\n")
        same(over_socket(gateway, "POST", "/config/reload")[1]["said"], "needs a restart to take effect: access_log", other)
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[1]["lines"], 1, "lines")
    line = json.loads((gateway.data / "access.log").read_text())
    same(set(line["client"]), {"*"}, "his address")
    gateway.remove()


def pipe_of(gateway):
    """The log goes into a pipe that holds some lines and is read by us."""
    path = gateway.dir / "pipe"
    os.mkfifo(path)
    ours = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    gateway.write(gateway.body + f"access_log: {path}\n")
    return ours


def test_lines_that_wait_are_scrubbed_as_well():
    gateway = start()
    gateway.stop()
    ours = pipe_of(gateway)
    gateway.start()
    agent = [("User-Agent", f"laptop of {FRED}")]
    for n in range(20):
        same(gateway.post(gateway.chat("r", user=FRED), headers=agent).status, 200, "an answer")
    until(lambda: len(gateway.rows("closes = 1")) == 20, "the rows")
    said = over_socket(gateway, "POST", "/forget", {"user": FRED})[1]
    check(20 > said["lines"] >= 10, f"those that nobody has yet: {said}")
    got, whole = b"", []

    def read():
        nonlocal got
        try:
            got += os.read(ours, 4096)
        except BlockingIOError:
            pass
        whole[:] = [json.loads(line) for line in got.split(b"\n")[:-1]]
        return len(whole) == 20
    until(read, "all lines", 10)
    same([set(line["agent"]) for line in whole[-said["lines"] + 1:]], [{"*"}] * (said["lines"] - 1), "what came later")
    os.close(ours)
    gateway.remove()


def test_lines_that_nobody_takes_are_counted_at_the_end():
    gateway = start()
    gateway.stop()
    ours = pipe_of(gateway)
    gateway.start()
    for n in range(20):
        ask(gateway, ANNA, n)
    until(lambda: len(gateway.rows("closes = 1")) == 20, "the rows")
    same(gateway.stop(), 0, "how it ends")
    check(" lines of the access log were not written" in gateway.stderr(), gateway.stderr()[-500:])
    os.close(ours)
    gateway.remove()


def test_older_files_of_others_are_named():
    """What logrotate has moved or packed is not read, and not passed over in silence."""
    gateway = start()
    ask(gateway, FRED, 1)
    until(lambda: gateway.rows("closes = 1"), "the row")
    log = gateway.data / "access.log"
    (gateway.data / "access.log.1").write_bytes(log.read_bytes())
    theirs = [f"{log}{end}" for end in (".2.gz", ".4", "-20261126")] + [str(gateway.data / "access-20261126.log")]
    for path in theirs:
        with open(path, "w") as f:
            f.write("x")
    said = over_socket(gateway, "POST", "/forget", {"user": FRED})[1]
    same((said["lines"], sorted(said["untouched"])), (2, sorted(theirs)), "what was reached, and what was not")
    code, _, err = gateway.cli("forget", "--user", FRED)
    same(code, 0, err)
    for path in theirs:
        check(f"not looked into: {path}\n" in err, err)
    gateway.remove()


def test_over_rest():
    gateway = start()
    for n in range(3):
        ask(gateway, FRED, n, key="one")
        ask(gateway, FRED, n, key="other")
    for body, param in (({}, None), ({"user": ""}, "user"), ({"user": "x" * 1025}, "user"), ({"user": "x", "before": "soon"}, "before"),
                        ({"user": "x", "all": True}, "all")):
        status, answer = over_socket(gateway, "POST", "/forget", body)
        same((status, answer["error"]["param"]), (400, param or "user"), answer)
    same(over_socket(gateway, "POST", "/forget", {"user": FRED, "key": "nobody's"})[0], 404, "no such key")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED, "before": "2020-01-01T00:00:00Z"})[1]["attempts"], 0, "then")
    status, answer = over_socket(gateway, "POST", "/forget", {"user": FRED, "key": "one"})
    same((status, answer["attempts"], answer["bodies"]), (200, 3, 3), f"by one key, named by its name: {answer}")
    status, answer = over_socket(gateway, "POST", "/forget", {"user": FRED})
    same((status, answer["attempts"], answer["bodies"]), (200, 3, 3), answer)
    same(holds(gateway, FRED, but=("journal",)), [], "files that name him")
    # Two entries each: that it was begun, and what came of it; his name is in neither.
    found = [each for each in over_socket(gateway, "GET", "/audit?limit=1000")[1]["data"][::-1] if each["action"] == "users_forget"]
    same([each["after"].get("state") or each["after"]["attempts"] for each in found], ["begun", 0, "begun", 3, "begun", 3], found)
    same(len({each["target"] for each in found}), 1, "one name, one MAC")
    same(over_socket(gateway, "GET", "/audit/verify")[1]["ok"], True, "the log")
    gateway.remove()


def test_his_own_limits_end_at_once():
    gateway = start()
    gateway.key("one")
    made = over_socket(gateway, "POST", "/users", {"name": FRED, "parent": "one", "limits": {"rpm": 1}})[1]
    same([ask(gateway, FRED, n, key="one").status for n in range(2)], [200, 429], "one a minute")
    same(over_socket(gateway, "POST", "/forget", {"user": FRED})[0], 200, "forgotten")
    same([ask(gateway, FRED, n, key="one").status for n in range(3)], [200] * 3, "as anybody")
    shown = over_socket(gateway, "GET", f"/users/{made['id']}")[1]
    same((shown["state"], shown["serial"], "forgotten" in shown["name"]), ("revoked", 2, True), shown)
    check(shown["revoked"] >= made["created"], shown)
    gateway.remove()


def test_without_a_gateway():
    gateway = start()
    for n in range(20):
        ask(gateway, FRED, n)
        ask(gateway, ANNA, n)
    gateway.stop()
    before = money(gateway)
    code, out, err = gateway.cli("forget", "--user", FRED, "--json")
    same(code, 0, err)
    said = json.loads(out)
    same((said["attempts"], said["bodies"]), (20, 20), "what was forgotten")
    same(holds(gateway, FRED), [], "files that name him")
    same(money(gateway), before, "the money")
    check("users_forget" in gateway.cli("audit", "export")[1], "it is in the audit log")
    gateway.start()
    got = ask(gateway, ANNA, 100)
    same(got.status, 200, "it goes on")
    gateway.remove()


def test_only_what_was_asked_with_a_key_and_before_a_day():
    gateway = start()
    for n in range(5):
        ask(gateway, FRED, n, key="one")
        ask(gateway, FRED, n, key="other")
    until(lambda: len(gateway.rows("state = 'done'")) == 10, "all rows")
    code, out, err = gateway.cli("forget", "--user", FRED, "--before", "2020-01-01", "--json")
    same(json.loads(out)["attempts"], 0, "there was nothing then")
    same(len(gateway.rows("user = ?", FRED)), 10, "nothing has changed")
    code, out, err = gateway.cli("forget", "--user", FRED, "--key", gateway.key_ids["one"], "--json")
    same((json.loads(out)["attempts"], json.loads(out)["bodies"]), (5, 5), err)
    same(len(gateway.rows("user = ?", FRED)), 5, "those of the other key")
    code, out, err = gateway.cli("forget", "--user", FRED, "--before", "9999-12-31", "--json")
    same(json.loads(out)["attempts"], 5, err)
    same(len(gateway.rows("user = ?", FRED)), 0, "rows")
    gateway.stop()
    same(holds(gateway, FRED), [], "files that name him")
    gateway.remove()


def test_misuse():
    gateway = start()
    same(gateway.cli("forget")[0], 2, "nobody")
    same(gateway.cli("forget", "--user", "x", "--key", "what")[0], 2, "no key")
    same(gateway.cli("forget", "--user", "x", "--before", "soon")[0], 2, "no day")
    code, out, err = gateway.cli("forget", "--user", "nobody-knows-them", "--json")
    same((code, json.loads(out)["attempts"]), (0, 0), err)
    gateway.remove()
