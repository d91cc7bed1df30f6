"""Routes with two or three fresh providers each, for the suites about failing upstreams.

The idea: what a gateway learns about a provider (health, a breaker, a pool) must not reach the
next test, so every test takes a `Pair` that nobody used before: route `rN` with the targets `aN`
and `bN`, a route `sN` with `aN` alone, all sites of one fake provider. The routes' clocks are
short, so that stalls do not make the run long.
"""

import json
import threading

import answers
from fake_provider import Fake
from harness import CHAT, Gateway, check, provider, route, same, split_comment
from raw import request

CLOCKS = (", first_token: 1s, idle: 1s, answer: 2s, total: 8s, resume: off,"
          " retry: { same_target: 1, attempts: 3, max_retry_after: 2s }")


class World:
    """Gateways with pairs, and whatever else a suite adds. A configuration has room for so many
    providers; when its pairs are used up, the next gateway follows."""

    BATCH = 100

    def __init__(self, providers="", routes=""):
        self.fake = Fake()
        self.providers, self.routes = providers, routes
        self.used, self.gateway = 0, None
        self.begin()

    def begin(self):
        """A gateway with the next BATCH pairs."""
        if self.gateway:
            self.gateway.remove()
        numbers = range(self.used, self.used + self.BATCH)
        body = "providers:\n" + self.providers
        for number in numbers:
            for letter in "ab":
                body += provider(f"{letter}{number}", self.fake.site(f"{letter}{number}").url,
                                 f"sk-key-{letter}{number}-SECRET")
        body += "routes:\n" + self.routes
        for number in numbers:
            body += route(f"r{number}", f"a{number}/am", f"b{number}/bm", more=CLOCKS)
            body += route(f"s{number}", f"a{number}/am", more=CLOCKS)
        self.gateway = Gateway(body)
        self.gateway.key()

    def pair(self, first=None, second=None, always=None):
        """Fresh providers; `first` is the next answer of a, `always` all of its answers."""
        if self.used and self.used % self.BATCH == 0:
            self.begin()
        pair = Pair(self, self.used)
        self.used += 1
        if first:
            pair.a.queue(*([first] if callable(first) else first))
        if always:
            pair.a.default = always
        if second:
            pair.b.default = second
        return pair


class Pair:
    def __init__(self, world, number):
        self.gateway, self.fake = world.gateway, world.fake
        self.a, self.b = world.fake.site(f"a{number}"), world.fake.site(f"b{number}")
        self.names = f"a{number}", f"b{number}"
        self.both, self.single = f"r{number}", f"s{number}"

    def ask(self, stream=False, route=None, text="hi", **more):
        return self.gateway.post(self.gateway.chat(route or self.both, text, stream=stream, **more))

    def seen(self):
        """Attempts at a and at b. A resend on a fresh socket, because a pooled one was stale, has
        the same id and is the same attempt."""
        return tuple(len({each.id for each in site.requests}) for site in (self.a, self.b))

    def mid(self, delivered, tail=b"", end="fin", stream=True, route=None):
        """A stream that goes wrong only when the client already has `delivered` (whole events):
        then the provider sends `tail` as it stands, and ends."""
        gate = threading.Event()

        def script(x):
            x.send(answers.http_stream(delivered)[:-5])
            x.wait(gate)
            if tail:
                x.send(tail)
            x.end(end)
        self.a.queue(script)
        body = json.dumps(self.gateway.chat(route or self.both, stream=stream)).encode()
        with self.gateway.open() as raw:
            raw.send(request("POST", CHAT, [self.gateway.bearer(),
                                            ("Content-Type", "application/json")], body))
            reply = raw.head()
            check(raw.until_body(reply, delivered[-1]), "what came first did not arrive:", reply)
            gate.set()
            while raw.more(reply):
                pass
            return reply

    def moved_on(self, reply, stream, tries=(1, 2), what=""):
        """The client got b's whole answer and no trace of a."""
        check(reply.status == 200, what, "got", reply, "; providers saw", self.seen())
        a, b = self.seen()
        check(a in tries and b == 1, f"{what}: attempts at a: {a} (wanted {tries}), at b: {b}")
        if stream:
            text, said = split_comment(reply.body)
            wanted = [each for each in answers.events(["echo: ", "hi"], asked=True)
                      if b'"choices":[]' not in each]
            same(text, b"".join(wanted), f"{what}: stream")
            same(said[:2], (self.names[1], "bm"), f"{what}: comment")
            same(said[2], a + b, f"{what}: attempts in the comment")
        else:
            bill = self.fake.bill[self.b.requests[0].id]
            same(bytes(reply.body),
                 answers.chat("echo: hi", spent=answers.usage(bill.input, bill.output)),
                 f"{what}: body")
            same(reply.header("x-sluice-attempts"), str(a + b), f"{what}: x-sluice-attempts")
        same(reply.header("x-sluice-provider"), self.names[1], f"{what}: x-sluice-provider")
        same(reply.header("x-sluice-model"), "bm", f"{what}: x-sluice-model")

    def stayed(self, reply, what=""):
        """a's answer after one more try there; b was not asked."""
        check(reply.status == 200, what, "got", reply)
        same((len(self.a.requests), len(self.b.requests)), (2, 0), f"{what}: requests at a and b")
        same(reply.header("x-sluice-provider"), self.names[0], f"{what}: x-sluice-provider")

    def broken_off(self, reply, delivered, what=""):
        """A stream that died after its first token: all that was delivered, one error event in
        the stream, a proper end of the framing, no [DONE]; the row says it failed."""
        check(reply.status == 200, what, "got", reply)
        check(reply.end == "chunked", f"{what}: the stream's framing ended by {reply.end}")
        body = bytes(reply.body)
        check(body.startswith(delivered), f"{what}: what was delivered is not a prefix:", reply)
        check(b"[DONE]" not in body, f"{what}: [DONE] after a cut:", reply)
        rest = [each for each in body[len(delivered):].replace(b"\r\n", b"\n").split(b"\n\n")
                if each and not each.startswith(b":")]
        check(len(rest) == 1 and rest[0].startswith(b'data: {"error":{'),
              f"{what}: wanted one error event behind the delivered bytes, got", rest)
        error = json.loads(rest[0][6:])["error"]
        check(error.get("message") and "type" in error and "code" in error, what, error)
        row = self.gateway.row(self.a.requests[-1].id)
        check(row["state"] == "done" and row["fault"], f"{what}: row", row)
        return error

    def clean(self, fresh=False):
        """The next exchanges get their own answers, on another connection where that is demanded."""
        self.a.default = answers.auto
        used = {each.conn_id for each in self.a.requests}
        before = len(self.a.requests)
        for number in range(2):
            got = self.ask(route=self.single, text=f"next-{number}")
            check(got.status == 200 and f"echo: next-{number}".encode() in got.body,
                  "the next exchange got", got)
        if fresh:
            check(self.a.requests[before].conn_id not in used, "a doubtful connection was used again")
