"""kill -9 at random moments under load; afterwards the ledger is held against the provider's bill.

Promised (G5, G6): every attempt the provider saw is in the ledger exactly once; what is marked as
reported equals the bill; what was in flight is `unknown`; nothing stays open. 50 rounds, 1,000
with --night, on one data directory throughout, so that each restart also meets its predecessors.
"""

import json
import random
import socket
import sqlite3
import threading
import time

import answers
from fake_provider import Fake
from harness import CHAT, FEW, NIGHT, Gateway, attempt_id, check, provider, route, same
from raw import SLOW, BadReply, Late, Raw, request, until

ROUNDS = 1000 if NIGHT else 10 if FEW else 50
CLIENTS = 6


def slow_stream(x):
    """A stream that takes a few milliseconds, so that a kill finds it anywhere."""
    parts = answers.events(["w%d " % i for i in range(8)], answers.usage(x.bill.input, x.bill.output),
                           asked=x.request.wants_usage())
    x.send(answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked"))
    for part in parts:
        x.send(b"%x\r\n%s\r\n" % (len(part), part))
        if x.peer_is_gone(0.001):
            return
    x.send(b"0\r\n\r\n")
    x.bill.reported = x.request.wants_usage()


class Client(threading.Thread):
    """Asks without a pause until the gateway dies; remembers what was answered, and when."""

    def __init__(self, gateway, number):
        super().__init__(daemon=True)
        self.gateway, self.pick = gateway, random.Random(number)
        self.answered, self.wrong = [], []
        self.stop = threading.Event()

    def run(self):
        try:
            raw = Raw(self.gateway.port)
            while not self.stop.is_set():
                model = self.pick.choice(("m", "m", "slow", "flaky"))
                body = json.dumps(self.gateway.chat(model, stream=model == "slow")).encode()
                data = request("POST", CHAT, [self.gateway.bearer(),
                                              ("Content-Type", "application/json")], body)
                if self.pick.random() < 0.05:                  # a client that leaves early
                    raw.send(data)
                    raw.reset()
                    raw = Raw(self.gateway.port)
                    continue
                if not raw.send(data):
                    return
                reply = raw.reply()
                if reply.end in ("cut", "reset"):
                    return
                if reply.status != 200:
                    self.wrong.append(str(reply))
                    return
                self.answered.append(time.monotonic())
        except (OSError, BadReply):
            return                                             # that is what a kill looks like


def test_kill_9():
    fake = Fake()
    site, slow, flaky, other = (fake.site(name) for name in ("fast", "slow", "flaky", "other"))
    slow.default = slow_stream
    flaky.default = answers.reply(status=429)
    gateway = Gateway(
        "providers:\n" + "".join(provider(each.name, each.url) for each in (site, slow, flaky, other))
        + "routes:\n" + route("m", "fast/x") + route("slow", "slow/x")
        + route("flaky", "flaky/x", "other/x"))
    gateway.key()
    pick = random.Random(9)
    seen_done = set()
    for number in range(ROUNDS):
        clients = [Client(gateway, number * 100 + i) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        began = len(fake.requests)
        until(lambda: len(fake.requests) > began, "load to reach the provider", 10)
        threading.Event().wait(pick.uniform(0.0, 0.25))        # the random moment
        killed = time.monotonic()
        gateway.kill()
        for client in clients:
            client.stop.set()
            client.join(20 * SLOW)
            check(not client.wrong, f"round {number}: answer under load", client.wrong)
        gateway.start()
        compare(gateway, fake, number, killed, seen_done)
        if number % 5 == 4:
            verify(gateway, f"round {number}")
        # half requests are what a killed process leaves; an id that came twice is a finding
        fake.violations[:] = [each for each in fake.violations if "came again" in each]
    rows = gateway.rows("number > 0")
    ids = {attempt_id(each) for each in fake.bill}
    check(ids <= {row["id"] for row in rows} and len(rows) == len({row["id"] for row in rows}),
          "after it all attempts are missing or doubled")
    check(not [row for row in rows if row["state"] == "open"], "after it all attempts are open")
    code, out, err = gateway.cli("tail", "--json")
    check(code == 0, "tail after it all:", err)
    verify(gateway, "after it all")


def verify(gateway, where):
    """The sums of reports are those of the rows, and the file is sound."""
    code, out, err = gateway.cli("cost", "--verify", seconds=60)
    check(code == 0, f"{where}: the sums are not those of the rows:", err)
    db = sqlite3.connect(f"file:{gateway.data}/ledger.db?mode=ro", uri=True)
    same(db.execute("PRAGMA integrity_check").fetchone()[0], "ok", f"{where}: integrity_check")
    db.close()


test_kill_9.seconds = 20 * ROUNDS / 50 + 240


def compare(gateway, fake, number, killed, seen_done):
    """Waits until the journal is applied, then holds every bill against its row."""
    bills = {attempt_id(each.id): each for each in list(fake.bill.values())}
    for each in seen_done:
        bills.pop(each, None)                                  # judged in an earlier round
    lowest = min(bills, default=0)                             # ids rise with time
    found = {}

    def applied():
        rows = gateway.rows("id >= ? AND number > 0", lowest)
        found["rows"] = {row["id"]: row for row in rows}
        found["missing"] = [each for each in bills if each not in found["rows"]]
        found["open"] = [row for row in rows if row["state"] == "open"]
        return not found["missing"] and not found["open"]
    try:
        until(applied, "the journal to be applied", 20)
    except Late:
        raise AssertionError(f"round {number}: {len(found['missing'])} attempts missing, "
                             f"e.g. {found['missing'][:3]}; {len(found['open'])} still open, "
                             f"e.g. {found['open'][:1]}") from None
    rows = found["rows"]
    for each, bill in bills.items():
        seen_done.add(each)
        row = rows[each]
        where = f"round {number}: attempt {each} at {bill.site}: {row}"
        check(row["state"] in ("done", "unknown"), where)
        if row["usage_kind"] == "reported":
            check(bill.reported or bill.request.sent, "reported, but never sent:", where)
            check((row["input_tokens"], row["output_tokens"]) == (bill.input, bill.output),
                  f"bill says {bill.input}, {bill.output}:", where)
        if row["state"] == "unknown":
            check(row["usage_kind"] == "unknown", "an unknown attempt with usage:", where)
        finished = bill.request.answered_at
        if row["state"] == "done" and finished is None:
            check(row["fault"], "done although the provider never finished:", where)
        if finished and finished < killed - 0.5 * SLOW and not bill.request.gone.is_set():
            check(row["state"] == "done", "answered long before the kill:", where)


def test_two_gateways_on_one_data_directory():
    """flock: the second one refuses to start and says why."""
    fake = Fake()
    one = Gateway("providers:\n" + provider("fast", fake.site("f").url) + "routes:\n" + route("m", "fast/x"))
    two = Gateway(one.body, start=False)
    two.file.write_text(two.file.read_text().replace(str(two.data), str(one.data)))
    try:
        two.start()
    except Exception as why:
        check(str(one.data) in str(why) or "lock" in str(why) or "in use" in str(why), why)
    else:
        raise AssertionError("two gateways share one data directory")
    finally:
        two.expected_to_live = False
        two.process = None
    one.key()
    check(one.post(one.chat("m")).status == 200, "the first one suffers")


def test_restart_is_listening_at_once():
    """After a kill the port can be taken again while old connections linger."""
    fake = Fake()
    gateway = Gateway("providers:\n" + provider("fast", fake.site("f").url)
                      + "routes:\n" + route("m", "fast/x"))
    gateway.key()
    held = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(20)]
    for _ in range(3):
        gateway.kill()
        gateway.start()
        check(gateway.post(gateway.chat("m")).status == 200, "after a restart")
    for sock in held:
        sock.close()
