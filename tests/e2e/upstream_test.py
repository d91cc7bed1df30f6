"""U03-U17 and U50-U51 of guarantees.md 4.3: answers that are not trusted TLS or not clean HTTP.

A provider is as untrusted as a client. PRE: nothing was said to the client yet, so the attempt
failed and the next target answers. MID: the client has bytes, so an error event ends the stream. In
both the connection is destroyed: what it still says must never reach another exchange (G15).
What simply fails is failover_test.py's; wrong JSON and SSE is content_test.py's.
"""

import json
import random
import socket
import threading

import answers
from answers import events, reply, stream
from certs import Certs
from fake_provider import Fake
from harness import CHAT, check, openai_error, provider, route, same, split_comment
from pairs import CLOCKS, World
from raw import SLOW, request, until

world = certs = None
tls = {}
BODY = answers.chat("good")
PARTS = events(("one ", "two "))
JSON = [("Content-Type", "application/json")]
SSE = [("Content-Type", "text/event-stream")]


def setup():
    global world, certs
    certs = Certs()
    contexts = {"good": certs.server(), "expired": certs.server("expired", expired=True),
                "wronghost": certs.server("wronghost", names="DNS:elsewhere.test"),
                "alone": certs.self_signed()}
    for name, context in contexts.items():
        tls[name] = Fake(tls=context)
    tls["plain"] = Fake()                                   # speaks HTTP where TLS is expected
    tls["plain"].mute = True
    tls["silent"] = Fake(on_accept=silent)                  # accepts, never shakes hands
    tls["alert"] = Fake(on_accept=alert)
    ca = f", tls: {{ ca: {certs.ca} }}"
    well = Fake()
    providers = provider("well", well.site("well").url)
    routes = route("noca-then-well", "noca/x", "well/m", more=CLOCKS)
    for name, server in tls.items():
        url = server.site("t").url.replace("http://", "https://")
        providers += provider(f"tls-{name}", url, more=ca)
        routes += route(f"tls-{name}", f"tls-{name}/x", "well/m", more=CLOCKS)
    providers += provider("noca", tls["good"].site("noca").url)
    world = World(providers=providers, routes=routes)


def teardown():
    certs.remove()


def silent(conn):
    while conn.recv(4096):
        pass
    return True


def alert(conn):
    conn.recv(4096)
    conn.sendall(b"\x15\x03\x03\x00\x02\x02\x28")           # fatal handshake_failure
    return True


def never(server):
    """No request at this provider, so no credential went there."""
    same(len(server.requests), 0, "requests over a connection that must not be trusted")


def pre(name, data, tries=(1, 2), is_stream=False, end="fin"):
    """A row: these response bytes make the attempt fail before the client saw anything."""
    def run():
        pair = world.pair(always=answers.raw(data, end))
        pair.moved_on(pair.ask(is_stream), is_stream, tries, name)
        pair.clean()
    return name, run


def good(name, data, body=BODY, end="keep", fresh=False):
    """A row: these response bytes are a good answer; `fresh`: the connection is not used again."""
    def run():
        pair = world.pair(answers.raw(data, end))
        got = pair.ask()
        same((got.status, bytes(got.body)), (200, body), name)
        pair.clean(fresh)
    return name, run


# --- TLS ---------------------------------------------------------------------------------------------

def test_u03_tls():
    for is_stream in (False, True):
        got = world.gateway.post(world.gateway.chat("tls-good", stream=is_stream))
        check(got.status == 200 and got.header("x-sluice-provider") == "tls-good", got,
              tls["good"].tls_failures)
    for name in ("expired", "wronghost", "alone", "plain", "silent", "alert"):
        got = world.gateway.post(world.gateway.chat(f"tls-{name}"))
        check(got.status == 200 and got.header("x-sluice-provider") == "well", name, got)
        if name == "plain":
            check(not any(b"SECRET" in each.raw_head for each in tls[name].requests), "plain text")
        else:
            never(tls[name])
    got = world.gateway.post(world.gateway.chat("noca-then-well"))
    check(got.status == 200 and got.header("x-sluice-provider") == "well", "without the CA", got)
    same(len(tls["good"].site("noca").requests), 0, "requests without a trusted CA")


def test_u03_tls_end_without_close_notify_is_a_cut():
    site = tls["good"].site("t")
    data = answers.http_stream(PARTS, framing="close")
    cut = data.index(PARTS[2])
    site.queue(answers.raw(data, "fin", cut=cut))
    got = world.gateway.post(world.gateway.chat("tls-good", stream=True))
    check(b"[DONE]" not in got.body and b'"error"' in got.body, "cut stream over TLS:", got)
    site.queue(answers.raw(answers.head(200, JSON, framing="close") + BODY[:-30], "fin"))
    got = world.gateway.post(world.gateway.chat("tls-good"))
    check(got.status == 200 and bytes(got.body) != BODY[:-30], "cut answer over TLS passed as 200:", got)


def test_tls_stream_is_byte_exact():
    site = tls["good"].site("t")
    for pieces in (None, 1, 100):
        site.queue(stream(PARTS, pieces=pieces))
        got = world.gateway.post(world.gateway.chat("tls-good", stream=True))
        same(split_comment(got.body)[0], b"".join(PARTS), f"stream over TLS by {pieces}")


# --- heads and framing -------------------------------------------------------------------------------

def test_u05_status_line():
    for line in (b"HTTP/1.1 20", b"HTTP/1.1 2000 OK", b"HTTP/1.1 abc OK", b"HTTP/3.0 200 OK", b"garbage",
                 b"HTTP/1.1", b"http/1.1 200 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1 099 Low",
                 b"ICY 200 OK", b"HTTP/1.1 -20 OK", b"\x16\x03\x01\x02", b"HTTP/1.1 600 High"):
        yield pre(f"U05 line {line!r}",
                  line + answers.http(BODY)[len(b"HTTP/1.1 200 OK"):])
    yield pre("U05 HTTP/0.9", BODY)
    yield good("U05 no reason phrase", answers.http(BODY).replace(b" 200 OK", b" 200 "))
    yield good("U05 no reason and no blank", answers.http(BODY).replace(b" 200 OK", b" 200"))
    yield good("U05 odd reason", answers.http(BODY).replace(b"OK", b"Sure \xe9!"))
    yield good("U05 HTTP/1.0", answers.http(BODY).replace(b"HTTP/1.1", b"HTTP/1.0"), end="fin")


def test_u06_header_block():
    base = answers.http(BODY)

    def with_lines(lines):
        return base.replace(b"\r\n", b"\r\n" + lines, 1)
    for name, lines in (
            ("over 64 KiB", b"".join(b"X-%d: %s\r\n" % (i, b"v" * 1000) for i in range(70))),
            ("over 200 fields", b"".join(b"X-%d: v\r\n" % i for i in range(210))),
            ("folded", b"X-A: a\r\n b\r\n"), ("bare LF", b"X-A: a\n"), ("NUL", b"X-A: a\0b\r\n"),
            ("no colon", b"nocolon\r\n"), ("blank before the colon", b"X-A : a\r\n"),
            ("empty name", b": a\r\n"), ("bare CR", b"X-A: a\rb\r\n"),
            ("endless", b"X-A: " + b"a" * 200000 + b"\r\n")):
        yield pre(f"U06 {name}", with_lines(lines))
    yield good("U06 100 fields", with_lines(b"".join(b"X-%d: v\r\n" % i for i in range(100))))


def test_u06_longest_head():
    """What is read goes through whole, and our own lines behind it."""
    for kind, whole in (("unary", answers.http(BODY, headers=[("X-Big", "")])),
                        ("stream", answers.http_stream(PARTS, [("X-Big", "")])),
                        ("raw", answers.http(b"sound", headers=[("X-Big", "")], kind="audio/mpeg"))):
        for slack in (8, 80, 160, 240, 320, 400):
            size = 65536 - slack - whole.index(b"\r\n\r\n") - 4
            pair = world.pair(answers.raw(whole.replace(b"X-Big: ", b"X-Big: " + b"q" * size)))
            if kind == "raw":
                got = pair.gateway.post({"model": pair.single, "input": "hi", "voice": "v"}, path="/v1/audio/speech")
            else:
                got = pair.ask(kind == "stream")
            same((got.status, len(got.header("x-big") or "")), (200, size), f"{kind}, {slack} bytes less")
            same(got.end, "chunked" if kind == "stream" else "length", f"{kind}, {slack} bytes less")


def test_u07_framing():
    def head(*fields):
        return answers.head(200, [*JSON, *fields])
    size = str(len(BODY))
    in_chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    length, coding = ("Content-Length", size), ("Transfer-Encoding", "chunked")
    for name, data in (
            ("length and coding", head(length, coding) + in_chunks),
            ("two different lengths", head(length, ("Content-Length", "5")) + BODY),
            ("length plus", head(("Content-Length", "+" + size)) + BODY),
            ("length hex", head(("Content-Length", hex(len(BODY)))) + BODY),
            ("length list", head(("Content-Length", f"{size}, 5")) + BODY),
            ("length empty", head(("Content-Length", "")) + BODY),
            ("length negative", head(("Content-Length", "-1")) + BODY),
            ("length 2^64", head(("Content-Length", str(2 ** 64 + len(BODY)))) + BODY),
            ("unknown coding", head(("Transfer-Encoding", "cow")) + in_chunks),
            ("gzip, chunked", head(("Transfer-Encoding", "gzip, chunked")) + in_chunks),
            ("chunked twice", head(("Transfer-Encoding", "chunked, chunked")) + in_chunks),
            ("chunked in 1.0", head(coding).replace(b"HTTP/1.1", b"HTTP/1.0") + in_chunks)):
        yield pre(f"U07 {name}", data)
    for name, body in (
            ("size junk", b"xyz\r\n"), ("size empty", b"\r\n"), ("size 0x", b"0x10\r\n"),
            ("size minus", b"-1\r\n"), ("size huge", b"f" * 17 + b"\r\n"),
            ("data too long", b"5\r\n123456789\r\n"), ("bare LF", b"5\n12345\n0\n\n")):
        yield pre(f"U07 chunk {name}", head(coding) + body)


def test_u08_to_u12_lengths():
    data = answers.http(BODY)
    yield pre("U08 unary shorter than its length", data[:-30])
    yield pre("U08 one byte short", data[:-1])
    yield pre("U08 unary chunks without the last", answers.head(200, JSON, framing="chunked") +
              b"%x\r\n%s\r\n" % (len(BODY), BODY))
    yield good("U09 more than its length", data + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale",
               fresh=True)
    in_chunks = answers.http_stream([BODY[:9], BODY[9:]]).replace(
        b"text/event-stream; charset=utf-8", b"application/json")
    yield good("U11 bytes behind the last chunk",
               in_chunks + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale", fresh=True)
    yield good("U07 body to the end of the connection", answers.head(200, JSON, framing="close") + BODY,
               end="fin", fresh=True)


def test_u08_stream_shorter_than_its_length():
    data = answers.http_stream(PARTS, framing="length")
    gate = threading.Event()
    pair = world.pair(answers.then(answers.raw(data[:data.index(PARTS[3])]),
                                   lambda x: (x.wait(gate), x.close())))
    with pair.gateway.open() as raw:
        raw.send(request("POST", CHAT, [pair.gateway.bearer(), ("Content-Type", "application/json")],
                         json.dumps(pair.gateway.chat(pair.both, stream=True)).encode()))
        got = raw.head()
        check(raw.until_body(got, PARTS[2]), got)
        gate.set()
        while raw.more(got):
            pass
    pair.broken_off(got, b"".join(PARTS[:3]), "U08")


def test_u10_chunk_cuts():
    """Cut in the size, in the data, before and behind the last chunk."""
    whole = answers.http_stream(PARTS)
    third = whole.index(PARTS[3])
    for name, cut in (("in a size", third - 4), ("behind a size", third), ("in the data", third + 10)):
        def run(name=name, cut=cut):
            pair = world.pair()
            got = pair.mid(PARTS[:3], whole[len(answers.http_stream(PARTS[:3])) - 5:cut])
            pair.broken_off(got, b"".join(PARTS[:3]), name)
        yield f"U10 cut {name}", run
    for name, cut in (("before the last chunk", len(whole) - 5), ("in the last chunk", len(whole) - 3),
                      ("behind the last chunk", len(whole))):
        for end in ("fin", "rst"):
            def run(name=name, cut=cut, end=end):
                pair = world.pair(answers.raw(whole, end, cut=cut))
                got = pair.ask(True)
                same(split_comment(got.body)[0], b"".join(PARTS), f"U10/U51 {end} {name}")
                pair.clean()
            yield f"U10 {end} {name}, terminal event seen", run


def test_u12_bytes_on_an_idle_connection():
    """A pooled connection that speaks unasked is destroyed; nobody gets what it said."""
    gone = threading.Event()

    def speak(x):
        try:
            x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
            x.wait(threading.Event())
        finally:
            gone.set()
    pair = world.pair(answers.then(answers.reply(BODY), speak))
    same(bytes(pair.ask().body), BODY, "first answer")
    check(gone.wait(10 * SLOW), "the connection stays")
    pair.clean(fresh=True)


def test_u13_informational():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    yield good("U13 three informational answers",
               b"HTTP/1.1 100 Continue\r\n\r\n" + early * 2 + answers.http(BODY))
    yield pre("U13 twelve informational answers", early * 12 + answers.http(BODY))
    yield pre("U13 endless informational answers", early * 500)
    yield pre("U16 unasked 101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
              b"Connection: upgrade\r\n\r\nraw bytes")


def test_u14_body_where_none_may_be():
    for status in (204, 304):
        def run(status=status):
            pair = world.pair(answers.raw(answers.head(status, JSON) + b"HTTP/1.1 200 OK\r\n"
                                          b"Content-Length: 5\r\n\r\nstale"))
            got = pair.ask()
            check(b"stale" not in got.body, status, got)
            pair.clean(fresh=True)
        yield f"U14 {status}", run


def test_u15_redirects():
    target = world.fake.site("elsewhere")
    for status in (301, 302, 303, 307, 308):
        for place in (target.url, "/elsewhere/v1/x", "file:///etc/passwd"):
            yield pre(f"U15 {status} to {place[:12]}", answers.head(
                status, [("Location", place)], 0), end="keep")

    def none():
        same(len(target.requests), 0, "redirects followed")
    yield "U15 none was followed", none


def test_u17_html_is_not_echoed():
    pair = world.pair(always=reply(b"<html>canary-7</html>", kind="text/html"))
    got = pair.ask(route=pair.single)
    openai_error(got, 502)
    check(b"canary-7" not in got.body, got)


# --- the end of an exchange, and what is behind it -------------------------------------------------

def test_u50_early_answer_while_we_still_send():
    """A final answer before the body is through: relayed, sending stops, connection not reused."""
    body = answers.error_body("too big", "invalid_request_error", "early")
    for end in ("open", "fin"):
        relayed, rest = threading.Event(), []

        def early(x, end=end):
            x.send(answers.http(body, 400))
            if end == "fin":
                x.conn.shutdown(socket.SHUT_WR)
            relayed.wait(20)                # reads nothing until the client has the answer
            rest.append(x.drain())
        pair = world.pair()
        pair.a.early = early
        data = answers.dumps(pair.gateway.chat(pair.both, "z" * (24 * 2 ** 20)))
        got = pair.gateway.post(data)
        relayed.set()
        check(got.status == 400 and b"early" in got.body, end, got)
        same(pair.seen(), (1, 0), "attempts")
        until(lambda: rest, "the connection to be closed", 10)
        check(rest[0] < 16 * 2 ** 20, f"{end}: {rest[0]} bytes were still sent behind the answer")
        pair.a.early = None
        pair.clean(fresh=True)


def test_u51_reset_behind_the_terminal_event():
    for framing in ("chunked", "close", "length"):
        pair = world.pair(answers.raw(answers.http_stream(PARTS, framing=framing), "rst"))
        same(split_comment(pair.ask(True).body)[0], b"".join(PARTS), framing)
    pair = world.pair(answers.raw(answers.http(BODY), "rst"))
    same(bytes(pair.ask().body), BODY, "unary")


def test_g15_no_cross_talk():
    """Nonces, random aborts of clients, leftovers of providers: every answer is one's own."""
    pick = random.Random(15)
    pair = world.pair()

    def moody(x):
        choice = pick.random()
        text = "echo: " + answers.said(x.request)
        if choice < 0.2:                    # leftovers, in the same segment as the answer
            x.send((answers.http_stream(events([text])) if x.request.wants_stream() else
                    answers.http(answers.chat(text)))
                   + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxxx")
        elif choice < 0.3:
            answers.then(answers.auto, lambda y: y.close())(x)
        else:
            answers.auto(x)
    pair.a.default = moody
    for number in range(300):
        text = f"nonce-{number:05d}-{pick.getrandbits(64):x}"
        data = request("POST", CHAT, [pair.gateway.bearer(), ("Content-Type", "application/json")],
                       json.dumps(pair.gateway.chat(pair.single, text, stream=number % 3 == 0)).encode())
        raw = pair.gateway.open()
        if pick.random() < 0.3:
            raw.send(data[:pick.randrange(1, len(data) + 1)])
            raw.reset()
            continue
        raw.send(data)
        try:
            got = raw.reply()
        finally:
            raw.close()
        # What a provider sends behind an answer may arrive with the next request on its way: it
        # cannot be told from an answer then, but what it is not is passed on.
        if got.status == 502 and b"not well-formed" in got.body:
            continue
        check(got.status == 200, number, got)
        body = bytes(got.body)
        plain = body if number % 3 else b"".join(
            json.loads(line[6:])["choices"][0]["delta"].get("content", "").encode()
            for line in body.split(b"\n") if line.startswith(b"data: {"))
        check(text.encode() in plain, f"{text} is not in its own answer:", got)
        check(body.count(b"nonce-") <= 1 or body.count(text.encode()) == body.count(b"nonce-"),
              "a foreign nonce in", got)
    until(lambda: not pair.gateway.rows("state = 'open'"), "no attempt to be open")
