"""What guarantees.md 4.3 lists (U01-U55), in each of the six formats: the provider speaks the
client's format, or another. upstream_test.py and content_test.py have the ways of HTTP and of OpenAI's
format in full; here stands what the formats differ in, from the tables of speech.py.

A lane is a client's format and a provider's. PRE: nothing was said to the client, so the next
target answers and nothing is to be seen of the first. MID: the client has a word, so the answer ends with one
error in its own dialect.
"""

import gzip
import json
import threading

import answers
import dialects
import harness
import speech
from fake_provider import Fake
from harness import Gateway, check, route, same
from pairs import CLOCKS
from raw import SLOW, request
from runner import Skip

world = None
CLIENTS = dialects.ALL
FIRST = "alpha "


class World:
    """Gateways with pairs of fresh providers for each format; see pairs.py."""

    EACH = 20          # a configuration has room for 256 providers

    def __init__(self):
        self.fake, self.gateway, self.number, self.free = Fake(), None, 0, {}

    def begin(self):
        if self.gateway:
            self.gateway.remove()
        providers, routes = "", ""
        self.free = {each.name: [] for each in speech.ALL}
        for kind, dialect in zip(speech.ALL, CLIENTS):
            for _ in range(self.EACH):
                n, self.number = self.number, self.number + 1
                for letter in "ab":
                    url = f"{self.fake.origin}/{letter}{n}{dialect.base}"
                    keys = f"keys: [sk-one-{letter}{n}-SECRET, sk-two-{letter}{n}-SECRET]" \
                        if letter == "a" else f"key: sk-key-b{n}-SECRET"
                    providers += f'  {letter}{n}: {{ format: {kind.name}, url: "{url}", {keys} }}\n'
                routes += route(f"r{n}", f"a{n}/am", f"b{n}/bm", more=CLOCKS)
                routes += route(f"f{n}", f"a{n}/am", f"b{n}/bm", more=CLOCKS + ", on_filter: next")
                routes += route(f"s{n}", f"a{n}/am", more=CLOCKS)
                self.free[kind.name].append(n)
        self.gateway = Gateway("providers:\n" + providers + "routes:\n" + routes)
        self.gateway.key()

    def number_of(self, kind):
        if not self.gateway or not self.free[kind.name]:
            self.begin()
        return self.free[kind.name].pop()


class Lane:
    """One client's format, one provider's, and two providers that nobody has asked before."""

    def __init__(self, client, kind):
        n = world.number_of(kind)
        self.client, self.kind, self.gateway, self.fake = client, kind, world.gateway, world.fake
        self.a, self.b = self.fake.site(f"a{n}"), self.fake.site(f"b{n}")
        self.a.default = kind().answer("from a")
        self.b.default = kind().answer("from b")
        self.both, self.filtered, self.single = f"r{n}", f"f{n}", f"s{n}"
        self.same = client.name == kind.name

    def ask(self, stream=False, route=None, **more):
        path, body = self.client.request(route or self.both, dialects.Turn("hi"), stream)
        return self.gateway.post(json.dumps({**body, **more}).encode(), path=path)

    def read(self, reply, stream):
        """The whole answer, by a client that shares nothing with the gateway."""
        check(reply.status == 200, self.names(), reply)
        return self.client.stream(bytes(reply.body)) if stream else self.client.whole(bytes(reply.body))

    def names(self):
        return f"{self.client.name}->{self.kind.name}"

    def seen(self):
        return tuple(len({each.id for each in site.requests}) for site in (self.a, self.b))

    def fault(self, at=-1):
        return self.gateway.row(self.a.requests[at].id)["fault"]

    def moved_on(self, reply, stream, fault=None, tries=(1, 2)):
        answer = self.read(reply, stream)
        same((answer.text, answer.finish), ("from b", "stop"), "what the client read")
        a, b = self.seen()
        check(a in tries and b == 1, f"attempts at a: {a} (wanted {tries}), at b: {b}")
        if fault:
            same(self.fault(), fault, "fault in the ledger")

    def mid(self, words, tail, end="keep", route=None, framed=True):
        """A stream whose first words have reached the client before `tail` is sent."""
        gate, said = threading.Event(), self.kind()
        begin = said.open() + [each for word in words for each in said.say(word)]
        tail = tail(said) if callable(tail) else tail

        def script(x):
            x.send(answers.head(200, [("Content-Type", said.stream_type)], framing="chunked")
                   + b"".join(chunk(each) for each in begin))
            x.wait(gate)
            x.send(b"".join(chunk(each) for each in tail) + (b"0\r\n\r\n" if end == "keep" else b""))
            x.end(end)
        self.a.queue(script)
        path, body = self.client.request(route or self.both, dialects.Turn("hi"), True)
        with self.gateway.open() as raw:
            raw.send(request("POST", path, [self.gateway.bearer(), ("Content-Type", "application/json")],
                             json.dumps(body).encode()))
            reply = raw.head()
            check(raw.until_body(reply, words[-1].strip().encode()), "the first word did not arrive:", reply)
            gate.set()
            while raw.more(reply):
                pass
        return reply

    def broken(self, reply, fault=None):
        """One error in the client's dialect is the last it gets; no target was asked behind it."""
        check(reply.status == 200 and FIRST.strip().encode() in reply.body, reply)
        check(b"from b" not in reply.body and self.seen()[1] == 0, "another target was asked:", reply)
        same(errors_in(self.client, reply.body), 1, f"errors in {bytes(reply.body)[-300:]!r}")
        # To Gemini's clients the framing is cut: some of them do not read the event.
        wanted = ("cut", "reset") if self.client.name == "gemini" else ("chunked",)
        check(reply.end in wanted, f"the framing ended by {reply.end}, wanted {wanted}")
        try:
            self.client.stream(bytes(reply.body))
        except (AssertionError, KeyError, ValueError):
            pass
        else:
            check(self.client.name == "cohere", "a broken stream looks whole", reply)
        row = self.gateway.row(self.a.requests[-1].id)
        check(row["state"] == "done" and row["fault"], "row", row)
        if fault:
            same(row["fault"], fault, "fault in the ledger")

    def clean(self, fresh=False):
        """The next exchange gets its own answer, on another connection where that is demanded."""
        used = {each.conn_id for each in self.a.requests}
        before = len(self.a.requests)
        for stream in (False, True):
            same(self.read(self.ask(stream, self.single), stream).text, "from a", "the next exchange")
        if fresh:
            check(self.a.requests[before].conn_id not in used, "a doubtful connection was used again")


def chunk(part):
    return b"%x\r\n%s\r\n" % (len(part), part) if part else b""


def errors_in(client, body):
    """How many errors the client is told; what follows the first is a fault of its own."""
    found = 0
    if client.name == "bedrock":
        rest = bytes(body)
        while rest:
            size = int.from_bytes(rest[:4], "big")
            found += b"exception" in rest[:size] and b":exception-type" in rest[:size]
            check(not found or size == len(rest), "something behind the exception")
            rest = rest[size:]
        return found
    is_error = {
        "openai-chat": lambda name, v: "error" in v, "gemini": lambda name, v: "error" in v,
        "openai-responses": lambda name, v: v["type"] in ("error", "response.failed"),
        "anthropic": lambda name, v: v["type"] == "error",
        "cohere": lambda name, v: v["type"] == "message-end" and v["delta"]["finish_reason"] == "ERROR"}
    for name, data in dialects.sse(bytes(body)):
        if found == 1 and client.name == "openai-responses" and name == "response.failed":
            continue                    # as OpenAI itself: the error event, and the failed response
        check(not found, "something behind the error:", data[:200])
        check(data != "[DONE]", "[DONE] in a stream that failed")
        found += is_error[client.name](name, json.loads(data))
    return found


def status_of(lane, what):
    """Anthropic has a status of its own for an overloaded provider."""
    return 529 if (what, lane.client.name) == ("busy", "anthropic") else speech.FAULTS[what][1]


def shown(client, reply):
    """An error body has the form of the client's dialect; gives its words."""
    root = json.loads(reply.body)
    if client.name in ("bedrock", "cohere"):
        return root["message"]
    if client.name == "anthropic":
        check(root["type"] == "error" and root["error"]["type"], reply)
    elif client.name == "gemini":
        check(root["error"]["code"] == reply.status and root["error"]["status"], reply)
    else:
        check({"type", "code", "param"} <= set(root["error"]), reply)
    return root["error"]["message"]


def lanes(which=lambda client, kind: True):
    """Each format with itself and, but for --few, with the next of them as its provider's."""
    for i, client in enumerate(CLIENTS):
        for kind in (speech.ALL[i], speech.ALL[(i + 1) % len(CLIENTS)])[:1 if harness.FEW else 2]:
            if which(client, kind):
                yield client, kind


def table(rows, which=lambda client, kind: True):
    """(name, function of a fresh lane) in every lane."""
    for client, kind in lanes(which):
        for name, function in rows(kind):
            yield f"{client.name}->{kind.name}/{name}", \
                lambda c=client, k=kind, f=function: f(Lane(c, k))


def head_error(lane, what, route=None, stream=False, more=()):
    status, body, headers = lane.kind.errors[what]
    lane.a.default = answers.reply(body, status, [*headers, *more])
    return lane.ask(stream, route)


def first_event(lane, what, route=None):
    """The error is the first thing said under a status of 200 (U20)."""
    lane.a.default = send_stream(lane.kind, [lane.kind.events[what]])
    return lane.ask(True, route)


def send_stream(kind, parts, end="keep", extra=b""):
    def script(x):
        x.send(answers.head(200, [("Content-Type", kind.stream_type)], framing="chunked")
               + b"".join(chunk(each) for each in parts) + (b"0\r\n\r\n" if end == "keep" else b"") + extra)
        x.end(end)
    return script


# --- whose fault: the table of complaint.def at work ----------------------------------------------------

def test_u44_u45_statuses():
    """PRE: the next key where the key is to blame or full, then the next target."""
    def rows(kind):
        for what in kind.errors:
            fault = speech.FAULTS[what][0]
            if what in ("context", "filter"):
                continue
            tries = (2,) if what in ("quota", "auth", "limited") else (1, 2)
            for stream in (False, True):
                def run(lane, what=what, stream=stream, fault=fault, tries=tries):
                    lane.moved_on(head_error(lane, what, stream=stream), stream, fault, tries)
                    keys = [each.raw_head.count(b"sk-one") for each in lane.a.requests]
                    if tries == (2,):
                        same(keys, [1, 0], "which key was used")
                yield f"{what} by status, {'stream' if stream else 'whole'}", run

            def alone(lane, what=what, fault=fault):
                got = head_error(lane, what, lane.single)
                same((got.status, lane.fault()), (status_of(lane, what), fault), "status, fault")
                shown(lane.client, got)
                check(b"SECRET" not in got.body, got)
            yield f"{what} by status, nobody left", alone
    yield from table(rows)


def test_many_keys_leave_an_attempt_for_the_next_target():
    """Three attempts: two keys of four, then the next target. Alone, three keys."""
    fake = Fake()
    many = fake.site("many")
    body = ("providers:\n"
            f'  many: {{ format: openai-chat, url: "{many.url}", '
            "keys: [sk-1-SECRET, sk-2-SECRET, sk-3-SECRET, sk-4-SECRET] }\n"
            f'  well: {{ format: openai-chat, url: "{fake.site("well").url}", key: sk-well }}\n'
            "routes:\n" + route("both", "many/m", "well/m") + route("alone", "many/m"))

    def ask(model, keys, what):
        """A gateway of its own: keys that were refused are remembered."""
        many.clear()
        gateway = Gateway(body)
        got = gateway.post(gateway.chat(model))
        same([each.header("authorization")[-8:-7] for each in many.requests], keys, what)
        gateway.remove()
        return got

    for what in ("limited", "auth", "quota"):
        status, text, _ = speech.OPENAI_ERRORS[what]
        many.default = answers.reply(text.replace(b"20ms", b"an hour"), status)
        got = ask("both", ["1", "2"], what)
        same((got.status, got.header("x-sluice-provider")), (200, "well"), what)
        same(ask("alone", ["1", "2", "3"], what).status, speech.FAULTS[what][1], what)


def test_u55_http_2():
    raise Skip("HTTP/2 is not spoken to providers yet")


def test_u20_error_first():
    """The status is still ours to choose: another attempt, or what a status would have said."""
    def rows(kind):
        for what in kind.events:
            fault = speech.FAULTS[what][0]
            if what != "context":
                yield f"U20 {what}", lambda lane, w=what, f=fault: lane.moved_on(
                    first_event(lane, w), True, f)

            def alone(lane, what=what, fault=fault):
                got = first_event(lane, what, lane.single)
                same((got.status, lane.fault()), (status_of(lane, what), fault), "status, fault")
                shown(lane.client, got)
            yield f"U20 {what}, nobody left", alone
    yield from table(rows)


def test_u21_error_later():
    def rows(kind):
        for what in kind.events:
            yield f"U21 {what}", lambda lane, w=what: lane.broken(
                lane.mid([FIRST], [lane.kind.events[w]]), speech.FAULTS[w][0])
    yield from table(rows)


def test_filters_are_final_unless_asked():
    def rows(kind):
        def final(lane):
            got = head_error(lane, "filter")
            same((got.status, lane.seen()), (400, (1, 0)), "status, attempts")
            shown(lane.client, got)

        def asked(lane):
            lane.moved_on(head_error(lane, "filter", lane.filtered), False, "UPSTREAM_FILTERED", (1,))

        def finish(lane, stream, route):
            said = lane.kind()
            end = said.end if kind.frames == "aws" else said.close
            lane.a.default = send_stream(kind, said.open() + end("filter")) if stream else \
                answers.reply(said.whole("", "filter"))
            return lane.ask(stream, route)

        def stays(lane, stream):
            same(lane.read(finish(lane, stream, lane.both), stream).finish, "filter", "finish")
            same(lane.seen(), (1, 0), "attempts")

        def moves(lane, stream):
            lane.moved_on(finish(lane, stream, lane.filtered), stream, "UPSTREAM_FILTERED", (1,))

        def last(lane):
            lane.b.default = answers.reply(lane.kind().whole("", "filter"))
            got = finish(lane, False, lane.filtered)
            same(lane.read(got, False).finish, "filter", "the last one's refusal is the answer")
            same(lane.seen(), (1, 1), "attempts")
        def refusal(lane, stream, route):
            said = kind()
            lane.a.default = send_stream(kind, [said.chunk({"role": "assistant", "refusal": "I will not."}),
                                                *said.close()]) if stream else \
                answers.reply(said.whole("").replace(b'"content":""', b'"content":null,"refusal":"I will not."'))
            return lane.ask(stream, route)

        def refused(lane, stream):
            same(lane.read(refusal(lane, stream, lane.both), stream).text, "I will not.", "text")
            same(lane.seen(), (1, 0), "attempts")

        def refused_then(lane, stream):
            lane.moved_on(refusal(lane, stream, lane.filtered), stream, "UPSTREAM_FILTERED", (1,))
        if kind.name == "openai-chat":
            for stream in (False, True):
                shape = "stream" if stream else "whole"
                yield f"a refusal, {shape}", lambda lane, s=stream: refused(lane, s)
                yield f"a refusal, {shape}, on_filter: next", lambda lane, s=stream: refused_then(lane, s)
        if "filter" in kind.errors:
            yield "filter by status", final
            yield "filter by status, on_filter: next", asked
        if "filter" in kind.finishes:
            for stream in (False, True):
                shape = "stream" if stream else "whole"
                yield f"U23 filtered, {shape}", lambda lane, s=stream: stays(lane, s)
                yield f"U23 filtered, {shape}, on_filter: next", lambda lane, s=stream: moves(lane, s)
            yield "U23 all filtered", last
    # Cohere's clients have no word for a filter, and its providers none.
    yield from table(rows, lambda client, kind: "cohere" not in (client.name, kind.name))


# --- the wrong kind of answer, and none ------------------------------------------------------------------

def test_u01_to_u19_no_answer_or_the_wrong_one():
    def rows(kind):
        whole, said = kind().whole("from a"), kind().parts(["from ", "a"])
        json_head = answers.head(200, [("Content-Type", "application/json")], len(whole))
        pre = [("U04 ends without an answer", answers.refuse_by("fin")),
               ("U04 resets", answers.refuse_by("rst")),
               ("U05 garbage", answers.raw(b"garbage\r\n\r\n", "fin")),
               ("U08 shorter than its length", answers.raw(json_head + whole[:-9], "fin")),
               ("U15 a redirect", answers.reply(b"", 302, [("Location", "/x")])),
               ("U17 a web page", answers.reply(b"<html>no</html>", kind="text/html")),
               ("U36 no JSON", answers.reply(b'{"a": nonsense')),
               ("U43 gzip unasked", answers.reply(gzip.compress(whole), 200,
                                                  [("Content-Encoding", "gzip")]))]
        for name, script in pre:
            def run(lane, script=script, name=name):
                lane.a.default = script
                lane.moved_on(lane.ask(), False)
            yield name, run

        def u18(lane):
            lane.a.default = answers.reply(whole)
            same(lane.read(lane.ask(True), True).text, "from a", "a whole answer as a stream")

        def u19(lane):
            lane.a.default = send_stream(kind, said)
            same(lane.read(lane.ask(), False).text, "from a", "a stream as a whole answer")

        def u54(lane):
            lane.a.default = answers.reply(b"\n\n \n" + whole)
            same(lane.read(lane.ask(), False).text, "from a", "blank lines before JSON")

        def u09(lane):
            lane.a.queue(answers.raw(json_head + whole + b"HTTP/1.1 200 OK\r\n\r\nstale"))
            same(lane.read(lane.ask(route=lane.single), False).text, "from a", "more than its length")
            lane.clean(fresh=True)

        def u51(lane):
            lane.a.default = send_stream(kind, said, "rst")
            same(lane.read(lane.ask(True), True).text, "from a", "reset behind the end")
        yield from (("U18 whole instead of a stream", u18), ("U19 stream instead of whole", u19),
                    ("U54 blank lines before JSON", u54), ("U09 more than its length", u09),
                    ("U51 reset behind the end", u51))
        if "failed" in kind.errors:
            def in_200(lane):
                lane.a.default = answers.reply(kind.errors["limited"][1])
                lane.moved_on(lane.ask(), False)
            yield "U18 an error with status 200", in_200
    yield from table(rows)


def test_u22_empty():
    def rows(kind):
        def empty(lane, stream, route):
            said = kind()
            lane.a.default = send_stream(kind, said.open() + said.close()) if stream else \
                answers.reply(said.whole(""))
            return lane.ask(stream, route)
        for stream in (False, True):
            shape = "stream" if stream else "whole"
            yield f"U22 empty, {shape}", lambda lane, s=stream: lane.moved_on(
                empty(lane, s, lane.both), s, "EMPTY_ANSWER")

            def alone(lane, stream=stream):
                got = empty(lane, stream, lane.single)
                same((got.status, lane.fault()), (502, "EMPTY_ANSWER"), "status, fault")
            yield f"U22 empty, {shape}, nobody left", alone
        yield "U22 nothing at all", lambda lane: (
            setattr(lane.a, "default", send_stream(kind, [])), lane.moved_on(lane.ask(True), True))
    yield from table(rows)


# --- inside a stream ----------------------------------------------------------------------------------

def test_u10_to_u42_broken_off():
    """MID: whatever is wrong behind the first word ends in an error, never in silence."""
    def rows(kind):
        def bad_frame(flip):
            data = bytearray(kind().say("x")[0])
            data[flip] ^= 1
            return bytes(data)
        bad = b"data: {nonsense\n\n" if kind.frames == "sse" else speech.frame(
            "contentBlockDelta", b"{nonsense")
        twice = b'data: {"type":"a","type":"b","choices":1,"choices":2,"candidates":1,"candidates":2}\n\n'
        ends = [("U10 cut between events", [], "fin"), ("U10 reset", [], "rst"),
                ("U25 ends without its end", [], "keep"), ("U36 no JSON", [bad], "keep"),
                ("U41 falls silent", [], "stall")]
        if kind.frames == "sse":
            ends.append(("U34 last event without its blank line",
                         [kind().close()[-1].rstrip(b"\n") if kind.name == "gemini" else b": x\n"], "fin"))
            ends.append(("U36 members twice", [twice], "keep"))
        else:
            ends += [("U53 wrong message checksum", [bad_frame(-1)], "keep"),
                     ("U53 wrong prelude checksum", [bad_frame(9)], "keep"),
                     ("U53 length 0", [bytes(16)], "keep"),
                     ("U53 length 2^31", [b"\x80" + bytes(15)], "keep"),
                     ("U53 truncated", [kind().say("x")[0][:-5]], "fin")]
        for name, tail, end in ends:
            yield name, lambda lane, t=tail, e=end: lane.broken(lane.mid([FIRST], t, e))

        def cut(lane):
            said = kind()
            said.open(), said.say(FIRST)
            part = said.say("beta")[0]
            lane.broken(lane.mid([FIRST], [part[:len(part) // 2]], "fin"), "UPSTREAM_CUT")
        yield "U10 cut inside an event", cut
        for name, events in speech.order_rows(kind()):
            yield f"U38 {name}", lambda lane, e=events: lane.broken(
                lane.mid([FIRST], e, "keep"), None)
    yield from table(rows)


def test_u40_signs_of_life_are_no_progress():
    """Pings and comments alone: PRE by the clock of the first token, MID by that of the gaps."""
    def rows(kind):
        ping = kind().event("ping") if kind.name == "anthropic" else b": still here\n\n"
        if kind.frames == "aws":
            return

        def beats(parts):
            def script(x):
                x.send(answers.head(200, [("Content-Type", kind.stream_type)], framing="chunked")
                       + b"".join(chunk(each) for each in parts))
                while not x.peer_is_gone(0.1):
                    x.send(chunk(ping))
                x.close()
            return script

        def pre(lane):
            lane.a.default = beats(kind().open())
            lane.moved_on(lane.ask(True), True, "FIRST_TOKEN_LATE", (1,))

        def mid(lane):
            said = kind()
            lane.a.queue(beats(said.open() + said.say(FIRST)))
            lane.broken(lane.ask(True), "UPSTREAM_IDLE")
        yield "U40 before the first word", pre
        yield "U40 behind it", mid
    yield from table(rows, lambda client, kind: client.name == kind.name)


def test_u20_after_the_head_is_committed():
    """After 8 s the client has its 200 and comments. What fails then is still invisible, or an error
    in the stream when nobody is left."""
    fake, clocks = Fake(), CLOCKS.replace("first_token: 1s, idle: 1s, answer: 2s, total: 8s",
                                          "first_token: 20s, idle: 20s, total: 40s")
    kinds = list(zip(CLIENTS, speech.ALL))
    gateway = Gateway("providers:\n" + "".join(
        f'  {letter}-{kind.name}: {{ format: {kind.name}, url: "{fake.site(letter + kind.name).url[:-3]}'
        f'{client.base}", key: sk-x }}\n' for client, kind in kinds for letter in "ab") + "routes:\n"
        + "".join(route(f"two-{kind.name}", f"a-{kind.name}/m", f"b-{kind.name}/m", more=clocks)
                  + route(f"one-{kind.name}", f"a-{kind.name}/m", more=clocks) for _, kind in kinds))
    gateway.key()
    outcomes, workers = {}, []

    def late(kind):
        def script(x):
            x.send(answers.head(200, [("Content-Type", kind.stream_type)], framing="chunked"))
            check(not x.peer_is_gone(9), "the gateway left")
            x.send(chunk(kind.events[min(kind.events)]) + b"0\r\n\r\n")
        return script

    def ask(name, client):
        path, body = client.request(name, dialects.Turn("hi"), True)
        outcomes[name] = gateway.post(json.dumps(body).encode(), path=path, timeout=60 * SLOW)
    for client, kind in kinds:
        fake.site("a" + kind.name).default = late(kind)
        fake.site("b" + kind.name).default = kind().answer("from b")
        workers += [threading.Thread(target=ask, args=(f"{how}-{kind.name}", client)) for how in ("one", "two")]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    for client, kind in kinds:
        two, one = outcomes[f"two-{kind.name}"], outcomes[f"one-{kind.name}"]
        same((two.status, client.stream(bytes(two.body)).text), (200, "from b"), kind.name)
        check(one.status == 200 or client.name == "bedrock", one)
        if one.status == 200:
            same(errors_in(client, one.body), 1, f"{kind.name}: errors in {bytes(one.body)[-200:]!r}")
    gateway.remove()


def test_u27_done_without_finish():
    for client, kind in lanes(lambda client, kind: kind.name == "openai-chat"):
        yield f"{client.name}->{kind.name}/U27", lambda c=client, k=kind: (
            lambda lane: lane.broken(lane.mid([FIRST], [b"data: [DONE]\n\n"])))(Lane(c, k))


def test_u23_to_u37_odd_but_whole():
    def rows(kind):
        def whole(parts, text="one two ", finish="stop"):
            def run(lane):
                lane.a.default = send_stream(kind, parts)
                answer = lane.read(lane.ask(True), True)
                same((answer.text, answer.finish), (text, finish), "what the client read")
                same(lane.gateway.row(lane.a.requests[0].id)["fault"], "", "fault")
            return run
        words = ["one ", "two "]
        plain = kind().parts(words)
        yield "U23 cut by its limit", whole(kind().parts(words, "length"), finish="length")
        if kind.frames == "sse" and kind.name != "gemini":
            last = plain[:-1] + [plain[-1][:-1]]
            # Read for another format such an event is dropped; if its finish was in it, all fails.
            has_finish = kind.name in ("openai-chat", "anthropic")
            yield "U34 the end without its blank line", lambda lane: whole(last)(lane) \
                if lane.same or has_finish else lane.moved_on(ask_for(lane, last), True, "UPSTREAM_CUT")
        if kind.name != "gemini":           # it has no end but that of the connection
            yield "U28 data behind the end", lambda lane: (
                whole(plain + kind().say("late"))(lane),
                setattr(lane.a, "default", kind().answer("from a")), lane.clean())
        if kind.frames == "sse":
            comment = [b": ping\n\n", b"data:\n\n", b"retry: 10\n\n", b"id: 7\n\n"]
            mixed = [each for part in plain for each in (*comment, part)]
            if kind.name in ("openai-chat", "gemini"):
                mixed = [each for each in mixed if each != b"data:\n\n"]
            for name, ending in (("CR LF", b"\r\n"), ("CR", b"\r")):
                def run(lane, ending=ending):
                    data = b"".join(plain).replace(b"\n", ending)
                    lane.a.default = send_stream(kind, [data])
                    body = bytes(lane.ask(True).body)
                    if lane.same:
                        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                    same(lane.client.stream(body).text, "one two ", ending)
                yield f"U32 line ends by {name}", run
            yield "U34 comments, ids, retries between events", lambda lane: tolerant(lane, kind, mixed)

        def pieces(lane, size):
            data = answers.head(200, [("Content-Type", kind.stream_type)], framing="chunked") + b"".join(
                chunk(each) for each in kind().parts(["wörld 🙂 ", "日本"])) + b"0\r\n\r\n"
            lane.a.default = answers.raw(data, pieces=size)
            same(lane.read(lane.ask(True), True).text, "wörld 🙂 日本", f"cut into {size}")
        yield "U33 text cut into pieces of 7 bytes", lambda lane: pieces(lane, 7)
        yield "U33 text cut into pieces of 61 bytes", lambda lane: pieces(lane, 61)

        def long(lane):
            whole(kind().parts(["x" * 200000]), "x" * 200000)(lane)
            row = lane.gateway.row(lane.a.requests[0].id)
            same((row["usage_kind"], row["output_tokens"]), ("reported", 4), "usage of a long answer")
            lane.a.default = kind().answer("from a")
            lane.clean()
        yield "U35 a long event", long

        def unknown(lane):
            said = kind()
            odd = said.odd
            begin = said.open()
            if kind.name == "openai-responses":
                odd = said.odd
            parts = begin + [odd] + said.say("one ") + said.say("two ") + said.close()
            lane.a.default = send_stream(kind, parts)
            got = lane.ask(True)
            check(got.status == 200 and b"two " in got.body, got)
            same(lane.gateway.row(lane.a.requests[0].id)["fault"], "", "fault")
            same(b"ovel" in got.body, lane.same, "passed on in the same format, dropped in another")
        if kind.odd if kind.name != "openai-responses" else True:
            yield "U37 an unknown event", unknown
    yield from table(rows)


def ask_for(lane, parts):
    lane.a.default = send_stream(lane.kind, parts)
    return lane.ask(True)


def tolerant(lane, kind, parts):
    lane.a.default = send_stream(kind, parts)
    got = lane.ask(True)
    check(got.status == 200 and errors_of(lane, got) == 0 and b"two " in got.body, got)
    same(lane.gateway.row(lane.a.requests[0].id)["fault"], "", "fault")


def errors_of(lane, got):
    return got.body.count(b'"error":{') + got.body.count(b":exception-type")


def test_u24_unknown_finish():
    """It is kept where the format stays, and told to nobody as a plain stop."""
    def rows(kind):
        def run(lane):
            said = kind()
            lane.a.default = send_stream(kind, said.open() + said.say("one ") + said.close("odd"))
            got = lane.ask(True)
            raw = kind.finishes["odd"].encode()
            check(got.status == 200 and b"one " in got.body, got)
            if lane.same:
                check(raw in got.body, "the provider's own word is lost:", got)
        if "odd" in kind.finishes:
            yield "U24 an unknown finish", run
    yield from table(rows)


def test_u30_u31_usage():
    def rows(kind):
        def run(lane, usage, how, tokens, text="one two three four "):
            said = kind()
            lane.a.default = send_stream(kind, said.open() + said.say(text) + said.close(usage=usage))
            got = lane.ask(True)
            check(got.status == 200 and b"four" in got.body, got)
            row = lane.gateway.row(lane.a.requests[0].id)
            same((row["usage_kind"], row["fault"]), (how, ""), f"usage in {row}")
            if tokens:
                same((row["input_tokens"], row["output_tokens"]), tokens, f"tokens in {row}")
        for name, usage, how, tokens in (("as it is", (5, 7), "reported", (5, 7)),
                                         ("zero", (0, 0), "reported", (0, 0)),
                                         ("over 2^31", (5, 2 ** 31 + 1), "estimated", None),
                                         ("negative", (5, -7), "estimated", None)):
            if kind.name == "gemini" and name == "zero":
                continue                # there it means that nothing has been counted yet
            yield f"U30 usage {name}", lambda lane, u=usage, h=how, t=tokens: run(lane, u, h, t)
        if kind.name not in ("anthropic",):     # its first event has usage already
            yield "U30 no usage", lambda lane: run(lane, None, "estimated", None)
    yield from table(rows)


def test_u39_tool_calls():
    def rows(kind):
        if not hasattr(kind, "call"):
            return

        def no_json(lane):
            said = kind()
            parts = said.open() + said.say(FIRST) + said.call('{"city": "Par') + said.close_call()
            lane.a.default = send_stream(kind, parts)
            got = lane.ask(True)
            check(got.status == 200 and b"Par" in got.body, got)
            if lane.same:
                same(errors_of(lane, got), 0, "arguments are relayed as they are")
        yield "U39 arguments that are no JSON", no_json

        def nameless(lane):
            said = kind()
            parts = said.call("{}", name=None) + said.close_call()
            lane.broken(lane.mid([FIRST], parts))
        if kind.name == "anthropic":
            yield "U39 a call without a name", nameless
    yield from table(rows)


# --- keys, headers, waits ---------------------------------------------------------------------------------

def test_u47_our_key_is_told_to_nobody():
    def rows(kind):
        def secret(lane):
            return f"sk-one-{lane.a.name}-SECRET"

        def by_status(lane):
            status, body, headers = kind.errors["failed"]
            words = secret(lane).join(("bad key ", ""))
            body = json.dumps(replaced(json.loads(body), words)).encode()
            lane.a.default = answers.reply(body, status, headers)
            got = lane.ask(route=lane.single)
            check(b"SECRET" not in got.body and b"bad key" in got.body, got)
            row = lane.gateway.row(lane.a.requests[-1].id)
            check("SECRET" not in json.dumps(row), row)

        def inside(lane):
            if kind.frames == "aws":
                event = speech.frame("internalServerException", {"message": secret(lane)}, True)
            else:
                name, data = next(dialects.sse(kind.events[min(kind.events)]))
                event = speech.sse(replaced(json.loads(data), secret(lane)), name)
            lane.broken(lane.mid([FIRST], [event]))
            row = lane.gateway.row(lane.a.requests[-1].id)
            check("SECRET" not in json.dumps(row), row)

        def hidden(lane):
            got_before = len(lane.a.requests)
            inside(lane)
            check(len(lane.a.requests) > got_before, "not asked")
        yield "U47 in an error body", by_status
        yield "U47 in an error event", hidden
    yield from table(rows)


def replaced(value, words):
    """The same with `words` as its message."""
    if isinstance(value, dict):
        return {k: words if k in ("message", "error") and isinstance(v, str) else replaced(v, words)
                for k, v in value.items()}
    return value


def test_u44_waits():
    """A single target that says when to come back is waited for, or the client is told."""
    def rows(kind):
        headers = {"openai-chat": ("x-ratelimit-reset-requests", "120ms"),
                   "anthropic": ("retry-after", "1"), "gemini": None}
        if kind.name not in headers:
            return
        more = [headers[kind.name]] if headers[kind.name] else []

        def run(lane):
            status, body, fields = kind.errors["limited"]
            lane.a.queue(*[answers.reply(body, status, [*fields, *more])] * 2)
            same(lane.read(lane.ask(route=lane.single), False).text, "from a", "after the wait")
            same(len(lane.a.requests), 3, "requests: each key once, and once more after the wait")

        def told(lane):
            got = head_error(lane, "limited", lane.single, more=[("retry-after", "1000000000")])
            same((got.status, got.header("retry-after")), (429, "60"), "status, retry-after")
        yield "U44 waits as it was told", run
        yield "U44 does not wait for ever", told
    yield from table(rows)


# --- context ------------------------------------------------------------------------------------------

def test_context_goes_to_more_of_it():
    """Catalogue: gpt-4 has 8192 tokens, gpt-4o 128,000, gpt-4.1 a million; unheard-of may have any."""
    status, error, _ = speech.OPENAI_ERRORS["context"]
    fake = Fake()
    error = error.replace(b"8192", b"128000")
    for name, targets, asked in (
            ("a smaller one is skipped", ("gpt-4o", "gpt-4", "gpt-4.1"), ["gpt-4o", "gpt-4.1"]),
            ("an unknown one is asked", ("gpt-4o", "unheard-of"), ["gpt-4o", "unheard-of"]),
            ("what the error says counts", ("unheard-of", "gpt-4o", "gpt-4.1"), ["unheard-of", "gpt-4.1"]),
            ("none is left", ("gpt-4o", "gpt-4"), ["gpt-4o"])):
        def run(targets=targets, asked=asked, name=name):
            site = fake.site(name.replace(" ", "-"))
            gateway = Gateway(f'providers:\n  openai: {{ url: "{site.url}", key: sk-x }}\nroutes:\n'
                              + route("r", *(f"openai/{each}" for each in targets), more=CLOCKS))
            site.default = speech.Chat().answer("well")
            site.models = {targets[0]: answers.reply(error, status)}
            got = gateway.post(gateway.chat("r"))
            same([each.json()["model"] for each in site.requests], asked, "who was asked")
            same(got.status, 200 if len(asked) > 1 else 400, "status")
            gateway.remove()
        yield name, run


# --- whose fault: neither the key's nor the model's ------------------------------------------------------

def test_a_key_that_may_not_use_a_model_is_good_for_others():
    """OpenAI's 403 of a project: one client that names such a model says nothing of the key."""
    fake = Fake()
    site = fake.site("projects")
    gateway = Gateway("providers:\n"
                      f'  projects: {{ format: openai-chat, url: "{site.url}", keys: [sk-1-SECRET, sk-2-SECRET] }}\n'
                      f'  well: {{ format: openai-chat, url: "{fake.site("well").url}", key: sk-well }}\n'
                      "routes:\n" + route("good", "projects/allowed", "well/m")
                      + route("bad", "projects/barred", "well/m"))
    barred = {"error": {"message": "Project `proj_x` does not have access to model `barred`",
                        "type": "invalid_request_error", "param": None, "code": "model_not_found"}}
    site.models = {"barred": answers.reply(json.dumps(barred).encode(), 403)}

    def ask(model):
        got = gateway.post(gateway.chat(model))
        return got.status, got.header("x-sluice-provider")
    got = gateway.post(gateway.chat("projects/barred"))
    error = got.json()["error"]
    same((got.status, error["code"]), (502, "upstream_not_found"), "what the client is told")
    same({gateway.row(each.id)["fault"] for each in site.requests}, {"UPSTREAM_NO_MODEL"}, "faults")
    same(len(site.requests), 2, "another key's project may have it")
    same(ask("good"), (200, "projects"), "the same keys, another model")
    same(ask("bad"), (200, "well"), "that model")
    gateway.remove()


def test_what_a_request_names_is_the_clients():
    """A file, a conversation, an item that is gone, more than fits: the provider's own words, and nobody is benched."""
    fake = Fake()
    cases = {
        "gemini": ("a file", 403, {"error": {
            "code": 403, "status": "PERMISSION_DENIED",
            "message": "You do not have permission to access the File abc-123 or it may not exist."}}),
        "openai-responses": ("a conversation", 404, {"error": {
            "message": "Conversation with id 'conv_nope' not found.", "type": "invalid_request_error",
            "param": None, "code": None}}),
        "anthropic": ("a file", 404, {"type": "error", "error": {
            "type": "not_found_error", "message": "File not found: file_nope"}}),
        "openai-chat": ("more than a minute's tokens", 429, {"error": {
            "message": "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, "
                       "Requested 45000.", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}}),
    }
    clients = {each.name: each for each in CLIENTS}
    kinds = {each.name: each for each in speech.ALL}
    for name, (what, status, error) in cases.items():
        def run(name=name, status=status, error=error):
            client, kind = clients[name], kinds[name]
            first, second = fake.site(f"lacks-{name}"), fake.site(f"spare-{name}")
            url = f"{fake.origin}/lacks-{name}{client.base}"
            spare = f"{fake.origin}/spare-{name}{client.base}"
            gateway = Gateway("providers:\n"
                              f'  first: {{ format: {name}, url: "{url}", keys: [sk-one-SECRET, sk-two-SECRET] }}\n'
                              f'  second: {{ format: {name}, url: "{spare}", key: sk-x }}\n'
                              "routes:\n" + route("one", "first/m") + route("both", "first/m", "second/m"))

            def ask(model, text):
                path, body = client.request(model, dialects.Turn(text), False)
                return gateway.post(json.dumps(body).encode(), path=path)
            first.default = second.default = kind().answer("well")
            for _ in range(3):
                first.clear()
                first.queue(*[answers.reply(json.dumps(error).encode(), status)] * 2)
                got = ask("one", "an id that is gone")
                same((got.status, got.json()), (status, error), "the provider's own words")
                same(got.header("x-should-retry"), "false", "x-should-retry")
                same([each.raw_head.count(b"sk-one") for each in first.requests], [1, 0], "each key is asked")
                same({gateway.row(each.id)["fault"] for each in first.requests},
                     {"UPSTREAM_OVER_RATE" if status == 429 else "UPSTREAM_LACKS"}, "faults")
            first.clear()
            got = ask("both", "of somebody else")
            same((got.status, got.header("x-sluice-provider")), (200, "first"), "the next request")
            same([each.raw_head.count(b"sk-one") for each in first.requests], [1], "the first key is asked")
            first.queue(answers.reply(json.dumps(error).encode(), status))
            got = ask("both", "the other key has it")
            same((got.status, got.header("x-sluice-attempts")), (200, "2"), "the next key")
            gateway.remove()
        yield f"{name}: {what}", run


def setup():
    global world
    world = World()
