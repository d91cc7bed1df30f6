"""Before the first token: the status is held, after eight seconds the head and comments go out and
nothing of the format, so another target's answer still arrives whole; and a target that is late has
another asked beside it.

What a provider of each format says is recorded from the mock and played back, so that one can stop
in the middle of it.
"""

import json
import re
import select
import socket
import subprocess
import threading

import answers
import dialects
from answers import refuse_by, reply
from dialects import Turn
from fake_provider import BlackHole, Fake, Refused
from harness import Gateway, check, free_port, provider, route, same, shown_id, split_comment
from raw import SLOW, SLUICE, Raw, request, until

gateway = fake = hole = refused = None
recorded = {}                               # format -> (content type, a whole stream)
SAID = "Nothing is lost."
KEPT = b": sluice is waiting for the provider\n\n"


def whole_stream(x):
    kind, body = recorded[x.site.name[2:]]
    x.send(answers.head(200, [("Content-Type", kind)], len(body)) + body)


def first_event(kind, body):
    """What says nothing yet: the start of a message, where the format has one."""
    if "eventstream" in kind:
        return body[:int.from_bytes(body[:4], "big")]
    first = body[:body.index(b"\n\n") + 2]
    return b"" if b"candidates" in first else first


def setup():
    global gateway, fake, hole, refused
    fake, hole, refused = Fake(), BlackHole(), Refused()
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the mock")
        for each in dialects.ALL:
            path, body = each.request("echo", Turn(SAID), True)
            with Raw(port) as raw:
                raw.send(request("POST", path, [("Content-Type", "application/json"),
                                                ("Authorization", "Bearer x")],
                                 json.dumps(body).encode()))
                got = raw.reply()
            check(got.status == 200, each.name, got)
            recorded[each.name] = got.header("content-type"), bytes(got.body)
    finally:
        mock.terminate()
        mock.wait()
    lines, routes = "", ""
    for each in dialects.ALL:
        for letter in "abcdef":             # a pair for each test: its failures are remembered
            site = fake.site(f"{letter}-{each.name}")
            site.default = whole_stream
            lines += (f"  {letter}-{each.name}: {{ format: {each.name}, key: sk-upstream, "
                      f"url: \"{fake.origin}/{letter}-{each.name}{each.base}\" }}\n")
    for one in dialects.ALL:
        for other in dialects.ALL:
            for first, second in ("ab", "cd", "ef"):
                routes += route(f"{first}-{one.name}-{other.name}", f"{first}-{one.name}/m",
                                f"{second}-{other.name}/m", more=", retry: { same_target: 0 }")
    for letter in "xyz":
        lines += provider(letter, fake.site(letter).url)
    lines += provider("hole", hole.url) + provider("refused", refused.url)
    routes += route("hedged", "x/m", "y/m", more=", hedge: 300ms, hedge_share: 100%")
    routes += route("slow", "z/m", "y/m", more=", hedge: 300ms, hedge_share: 100%")
    routes += route("holed", "hole/m", "y/m")
    routes += route("down", "refused/m", "y/m")
    gateway = Gateway(f"providers:\n{lines}routes:\n{routes}")


def teardown():
    hole.stop()
    refused.stop()


# --- held for eight seconds ------------------------------------------------------------------------

class Held:
    """A client of one format, a provider `first` that begins and dies, another that follows."""

    def __init__(self, letter, client, first, other, gate):
        self.client, self.first, self.other, self.gate = client, first, other, gate
        self.has_head = client.name != "bedrock" and not getattr(client, "array", False)
        self.raw = gateway.open(timeout=40 * SLOW)
        path, body = client.request(f"{letter}-{first.name}-{other.name}", Turn(SAID), True)
        fake.site(f"{letter}-{first.name}").queue(self.begin_and_die)
        self.raw.send(request("POST", path, [gateway.bearer(), ("Content-Type", "application/json")],
                              json.dumps(body).encode()))

    def begin_and_die(self, x):
        kind, body = recorded[self.first.name]
        x.send(answers.head(200, [("Content-Type", kind)], framing="close") +
               first_event(kind, body))
        x.wait(self.gate)
        x.close()

    def name(self):
        return f"{self.client.name} <- {self.first.name}, {self.other.name}"

    def wait_for_head(self):
        if not self.has_head:
            return
        self.reply = self.raw.head()
        check(self.reply.status == 200, self.name(), self.reply)
        if self.client.name != "gemini":    # its SDKs cannot read comments
            self.raw.until_body(self.reply, KEPT)
            same(bytes(self.reply.body), KEPT, self.name())

    def see_nothing_more(self):
        watch = select.poll()
        watch.register(self.raw.sock, select.POLLIN)
        check(not watch.poll(0), self.name(), "bytes came although nobody has said anything")

    def rest(self):
        if not self.has_head:
            self.reply = self.raw.head()
        while self.raw.more(self.reply):
            pass
        self.raw.close()
        return bytes(self.reply.body)


def hold_all(letter, pairs):
    gate = threading.Event()
    held = [Held(letter, *pair, gate) for pair in pairs]
    for each in held:
        each.wait_for_head()
    for each in held:
        if not each.has_head or each.client.name == "gemini":
            each.see_nothing_more()
    gate.set()
    return held


def clients():
    return [*dialects.ALL, dialects.Gemini(array=True)]


def without_comments(body):
    return b"".join(block + b"\n\n" for block in body.split(b"\n\n")
                    if block and not block.startswith(b":"))


def test_the_same_format_after_the_hold():
    """Replaced after the head was sent: the second provider's own bytes, and nothing of the first."""
    for each in hold_all("a", [(client, client, client) for client in clients()]):
        body = each.rest()
        check(each.reply.status == 200 and each.reply.end not in ("cut", "reset"), each.name(), each.reply)
        same(each.client.stream(body).text, f"You said: {SAID}", each.name())
        if getattr(each.client, "array", False):
            continue
        wanted = recorded[each.client.name][1]
        if each.has_head and each.client.name != "gemini":
            body, wanted = without_comments(body), without_comments(wanted)
        same(body, wanted, each.name())


def test_other_formats_after_the_hold():
    """The first provider speaks another format than the second, and neither the client's."""
    pairs = []
    for at, client in enumerate(clients()):
        pairs.append((client, dialects.ALL[(at + 1) % 6], dialects.ALL[(at + 2) % 6]))
        pairs.append((client, dialects.ALL[at % 6], dialects.ALL[(at + 3) % 6]))
    for each in hold_all("c", pairs):
        answer = each.client.stream(each.rest())
        check(each.reply.status == 200 and each.reply.end not in ("cut", "reset"), each.name(), each.reply)
        same((answer.text, answer.finish), (f"You said: {SAID}", "stop"), each.name())


def test_nobody_is_left_after_the_hold():
    """An error in the client's own words: an event where the head is out, else an honest status."""
    for client in dialects.ALL:
        fake.site(f"f-{client.name}").default = reply(status=503)
    for each in hold_all("e", [(client, client, client) for client in clients()]):
        body = each.rest()
        # Gemini's clients do not read an error in a stream, so that one ends with a cut.
        check((each.reply.end == "cut") == (each.client.name == "gemini" and each.has_head),
              each.name(), each.reply)
        same(each.reply.status, 200 if each.has_head else 503, each.name())
        check(SAID.encode() not in body and b"error" in body.lower() or not each.has_head,
              each.name(), body)
        check(b"[DONE]" not in body, each.name(), body)


# --- another beside it -------------------------------------------------------------------------------

def ledger_of(got):
    """The exchange's rows, all settled."""
    number = int(got.header("x-request-id"), 16)

    def settled():
        rows = gateway.rows("exchange = ?", number)
        done = rows and all(row["state"] != "open" for row in rows)
        return done and any(row["closes"] for row in rows) and rows
    return until(settled, "the exchange to be settled")


def test_a_late_first_token_is_hedged():
    for is_stream in (False, True):
        fake.site("x").queue(refuse_by("stall"))
        got = gateway.post(gateway.chat("hedged", stream=is_stream))
        check(got.status == 200, got)
        same(got.header("x-sluice-provider"), "y", "x-sluice-provider")
        same(got.header("x-sluice-attempts"), "2", "x-sluice-attempts")
        until(lambda: fake.site("x").requests[-1].gone.is_set(), "the loser to be cancelled", 2)
        lost, won = ledger_of(got)
        same((lost["provider"], lost["fault"], lost["closes"], lost["usage_kind"]),
             ("x", "HEDGE_LOST", 0, "estimated"), "the loser")
        same((won["provider"], won["fault"], won["closes"]), ("y", "", 1), "the winner")


def test_a_hedge_may_lose():
    """The second is asked and says nothing; the first comes after all, whole."""
    for is_stream in (False, True):
        asked = len(fake.site("y").requests)

        def late(x, asked=asked):
            fake.site("y").wait(asked + 1)
            answers.auto(x)
        fake.site("z").queue(late)
        fake.site("y").queue(refuse_by("stall"))
        got = gateway.post(gateway.chat("slow", stream=is_stream))
        check(got.status == 200, got)
        if is_stream:
            split_comment(got.body)
        rows = ledger_of(got)
        same([(row["provider"], row["fault"], row["closes"]) for row in rows],
             [("z", "", 1), ("y", "HEDGE_LOST", 0)], "rows")
        # The one that closes the exchange is not the last: all are shown, and what it came to at the end.
        text = gateway.cli("show", shown_id(rows[0]["exchange"]))[1]
        used = tuple(sum(row[column] for row in rows) for column in ("input_tokens", "output_tokens"))
        line = gateway.cli("tail", "-n", "1")[1]
        check("  %d/%d tok (estimated)  " % used in line, "what both have used", used, line)
        check(re.search(r"#1 z/.*\n  #2 y/.*\n  answered 200 ", text, re.S), text)


def test_a_request_may_refuse_to_be_hedged():
    fake.site("x").queue(lambda x: (x.peer_is_gone(0.8 * SLOW), answers.auto(x)))
    got = gateway.post(gateway.chat("hedged"), headers=[("x-sluice-hedge", "off")])
    same((got.status, got.header("x-sluice-provider"), got.header("x-sluice-attempts")),
         (200, "x", "1"), "not hedged")


# --- dialled beside it -------------------------------------------------------------------------------

def test_a_black_hole_costs_less_than_its_time():
    """A SYN that nobody answers: the next is dialled after 700 ms, not after three seconds."""
    got = gateway.post(gateway.chat("holed"))
    same((got.status, got.header("x-sluice-provider")), (200, "y"), "answered")
    rows = ledger_of(got)
    same([(row["provider"], row["fault"]) for row in rows],
         [("hole", "CONNECT_TIMEOUT"), ("y", "")], "rows")
    check(rows[0]["total_us"] < 2500000, "given up when the other was connected", rows[0])


def test_refused_is_known_at_once():
    got = gateway.post(gateway.chat("down"))
    same((got.status, got.header("x-sluice-provider")), (200, "y"), "answered")
    rows = ledger_of(got)
    same([(row["provider"], row["fault"]) for row in rows],
         [("refused", "CONNECT_FAILED"), ("y", "")], "rows")
