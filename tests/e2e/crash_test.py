"""kill -9 at random moments under load; afterwards the ledger is held against the provider's bill.

Promised (G5, G6): every attempt the provider saw is in the ledger exactly once; what is marked as
reported equals the bill; what was in flight is `unknown`; nothing stays open. 50 rounds, 1,000
with --night, on one data directory throughout, so that each restart also meets its predecessors.

And at moments inside a failover (guarantees 5.3), where one exchange has several attempts, some over, some not.
"""

import decimal
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
VERIFIED = 25 if NIGHT else 5                       # every so many rounds: all rows are added up again
MOMENTS = 40 if NIGHT else 1 if FEW else 3          # kills at each moment of a failover
CLIENTS = 6
# A text that tells each place in it from the others, so that a seam can be proven.
WORDS = [word + " " for word in ("Nothing that was said is said again, and nothing is left out: the one who goes on "
                                 "repeats what came last, and only then does the client hear another word of it.").split()]


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


def dying_stream(x):
    """The beginning of a stream, which another provider has to continue."""
    parts = answers.events(WORDS, asked=x.request.wants_usage())[:12]
    x.send(answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked"))
    for part in parts:
        x.send(b"%x\r\n%s\r\n" % (len(part), part))
    x.reset()


def saved_stream(x):
    answers.stream(answers.events(WORDS, answers.usage(x.bill.input, x.bill.output),
                                  asked=x.request.wants_usage()))(x)
    x.bill.reported = x.request.wants_usage()


def late(x):
    """So late that the other one is asked beside it, and may still be first."""
    if not x.peer_is_gone(0.03):
        answers.auto(x)


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
                model = self.pick.choice(("m", "m", "slow", "flaky", "hedged", "dying"))
                body = json.dumps(self.gateway.chat(model, stream=model in ("slow", "dying"))).encode()
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
    site, slow, flaky, other, dying, saved, tardy = sites = [
        fake.site(name) for name in ("fast", "slow", "flaky", "other", "dying", "saved", "late")]
    slow.default, dying.default, saved.default, tardy.default = slow_stream, dying_stream, saved_stream, late
    flaky.default = answers.reply(status=429)
    gateway = Gateway(
        "providers:\n" + "".join(provider(each.name, each.url) for each in sites)
        + "routes:\n" + route("m", "fast/x") + route("slow", "slow/x")
        + route("flaky", "flaky/x", "other/x") + route("dying", "dying/x", "saved/x")
        + route("hedged", "late/x", "other/x", more=", hedge: 10ms, hedge_share: 100%"))
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
        if number % VERIFIED == VERIFIED - 1:
            verify(gateway, f"round {number}")
        # half requests are what a killed process leaves; an id that came twice is a finding
        fake.violations[:] = [each for each in fake.violations if "came again" in each]
    rows = gateway.rows("number > 0")
    ids = {attempt_id(each) for each in fake.bill}
    check(ids <= {row["id"] for row in rows} and len(rows) == len({row["id"] for row in rows}),
          "after it all attempts are missing or doubled")
    check(not [row for row in rows if row["state"] == "open"], "after it all attempts are open")
    check([row for row in rows if row["fault"] == "HEDGE_LOST"], "no hedge was ever lost")
    check([row for row in rows if row["provider"] == "saved" and row["number"] > 1], "no stream was ever continued")
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


test_kill_9.seconds = (60 if NIGHT else 20) * ROUNDS / 50 + 240


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


# --- moments inside a failover ------------------------------------------------------------------------


class Stage:
    """Three providers, and how many requests have come to the moment that is waited for."""

    def __init__(self):
        self.fake = Fake()
        self.a, self.b, self.c = (self.fake.site(name) for name in "abc")
        self.reached, self.lock = 0, threading.Lock()
        prices = 'prices:\n' + "".join(f'  "{each}/*": {{ input: $1/1M, output: $2/1M }}\n' for each in "abc")
        more = ", retry: { same_target: 0, attempts: 3 }"
        self.gateway = Gateway(
            "providers:\n" + "".join(provider(each, self.fake.site(each).url) for each in "abc") + prices
            + "routes:\n" + route("next", "a/x", "b/x", "c/x", more=more)
            + route("hedged", "a/x", "b/x", more=more + ", hedge: 10ms, hedge_share: 100%"))
        self.gateway.key()
        code, _, err = self.gateway.cli("keys", "limit", self.gateway.key_ids["test"], "--budget", "1000/day")
        check(code == 0, "keys limit:", err)

    def here(self):
        with self.lock:
            self.reached += 1

    # what a provider may do

    def stops(self, x):
        self.here()
        x.stall()

    def refuses(self, x):
        answers.reply(answers.error_body(), 503)(x)

    def refuses_now(self, x):
        self.here()
        self.refuses(x)

    def answers(self, x):
        x.bill.input, x.bill.output = 5, 30
        answers.stream(answers.events(WORDS, answers.usage(5, 30), asked=x.request.wants_usage()))(x)
        x.bill.reported = x.request.wants_usage()

    def says(self, x, count, end):
        """So many words, and then..."""
        parts = answers.events(WORDS, answers.usage(5, 30), asked=x.request.wants_usage())[:count + 1]
        x.send(answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked"))
        for part in parts:
            x.send(b"%x\r\n%s\r\n" % (len(part), part))
        end(x)

    def dies(self, x):
        self.says(x, 20, lambda x: x.reset())

    def goes_on(self, x):
        """It has said all that the client knows, and more."""
        self.says(x, len(WORDS) - 3, self.stops)


# The moment: the route, what a, b and c do, and what became of their attempts (None: both may be).
DONE, LOST = {"done"}, {"unknown"}
EITHER = DONE | LOST
AT = {
    "the first fails": ("next", "refuses_now answers answers", (EITHER, EITHER, EITHER)),
    "the next is asked": ("next", "refuses stops answers", (DONE, LOST, ())),
    "the last is asked": ("next", "refuses refuses stops", (DONE, DONE, LOST)),
    "the next answers": ("next", "refuses goes_on answers", (DONE, LOST, ())),
    "a hedge is asked": ("hedged", "stall stops answers", (LOST, LOST, ())),
    "a hedge answers": ("hedged", "stall goes_on answers", (EITHER, LOST, ())),
    "the rest is asked for": ("next", "dies stops answers", (DONE, LOST, ())),
    "the rest runs": ("next", "dies goes_on answers", (DONE, LOST, ())),
    "the rest has died too": ("next", "dies dies stops", (DONE, EITHER, LOST)),
    "a failure, and the rest": ("next", "refuses dies stops", (DONE, DONE, LOST)),
}


def test_kill_9_in_a_failover():
    for name in AT:
        yield name, lambda name=name: kill_at(name)


def kill_at(name):
    """Several exchanges come to that moment; then the gateway dies, a little later each time."""
    stage = Stage()
    target, acts, wanted = AT[name]
    gateway, fake, pick = stage.gateway, stage.fake, random.Random(name)
    for site, act in zip((stage.a, stage.b, stage.c), acts.split()):
        site.default = (lambda x: x.stall()) if act == "stall" else getattr(stage, act)
    body = json.dumps(gateway.chat(target, stream=True, max_tokens=200)).encode()
    data = request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")], body)
    for number in range(MOMENTS):
        stage.reached = 0
        raws = [Raw(gateway.port) for _ in range(4)]
        for raw in raws:
            raw.send(data)
        until(lambda: stage.reached >= len(raws), f"{name}: {len(raws)} exchanges, {stage.reached} are there", 20)
        for raw in raws if "goes_on" in acts else ():
            check(raw.until_body(raw.head(), b"client"), name, "the client hears what a did not say")
        threading.Event().wait(pick.choice((0, 0, 0.001, 0.003, 0.02)))
        gateway.kill()
        for raw in raws:
            raw.close()
        gateway.start()
        settled(gateway, fake, f"{name}, round {number}")
    states(gateway, fake, dict(zip("abc", wanted)))
    verify(gateway, name)
    check(not [each for each in fake.violations if "came again" in each], fake.violations[:3])
    fake.violations.clear()
    gateway.remove()


def settled(gateway, fake, where):
    """Each attempt has its row, once, within what was set aside for it; budgets have the sum of them."""
    bills = {attempt_id(each.id): each for each in list(fake.bill.values())}
    rows = {}

    def applied():
        rows.clear()
        rows.update((row["id"], row) for row in gateway.rows("number > 0"))
        return bills.keys() <= rows.keys() and not [row for row in rows.values() if row["state"] == "open"]
    until(applied, f"{where}: the journal to be applied", 20)
    numbers = {}
    for row in rows.values():
        numbers.setdefault(row["exchange"], []).append(row["number"])
        check(0 < row["reserved_nano"] and 0 <= row["charged_nano"] <= row["reserved_nano"],
              where, "charged beyond what was set aside:", row)
        if row["state"] == "unknown":
            same((row["charged_nano"], row["usage_kind"]), (row["reserved_nano"], "unknown"), f"{where}: {row}")
        elif row["usage_kind"] == "reported":
            bill = bills[row["id"]]
            same((row["input_tokens"], row["output_tokens"]), (bill.input, bill.output), f"{where}: {row}")
    for exchange, found in numbers.items():
        same(sorted(found), list(range(1, len(found) + 1)), f"{where}: attempts of exchange {exchange}")
    charged = sum(row["charged_nano"] for row in rows.values())

    def counted():
        code, out, err = gateway.cli("keys", "show", gateway.key_ids["test"], "--json")
        check(code == 0, "keys show:", err)
        known = json.loads(out).get("usage")           # a gateway that begins does not say it yet
        return known and known["budget"]["day"]
    day = until(counted, f"{where}: the budget", 10)
    same([decimal.Decimal(day[each]) * 10 ** 9 for each in ("spent", "reserved")], [charged, 0],
         f"{where}: spent and reserved")


def states(gateway, fake, wanted):
    for row in gateway.rows("number > 0"):
        check(row["state"] in wanted[row["provider"]], "became", row["state"], "not", wanted[row["provider"]], row)
        if row["state"] == "done" and row["provider"] == "a":
            check(row["fault"], "an attempt that failed has no fault:", row)
