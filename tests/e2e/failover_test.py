"""Whatever fails before the first meaningful event becomes another attempt, and leaves no trace;
whatever fails later ends in an honest error event. Which answers count as failed, how often the
same target is tried again, and what the client is told when nobody is left.

The odd ends of HTTP and SSE that a provider can produce are upstream_test.py's.
"""

import json
import time

import answers
from answers import events, refuse_by, reply, stream
from fake_provider import BlackHole, Fake, Refused
from harness import CHAT, Gateway, check, openai_error, provider, route, same, split_comment
from pairs import CLOCKS, World
from raw import SLOW, request, until

world = refused = hole = None


def setup():
    global world, refused, hole
    refused, hole = Refused(), BlackHole()
    fake = Fake()                           # of the routes below, which are not pairs
    letters = [f"x{number}" for number in range(6)]
    world = World(
        providers=provider("refused", refused.url) + provider("refused2", refused.url)
        + provider("hole", hole.url)
        + "".join(provider(each, fake.site(each).url) for each in letters),
        routes=route("down-then-x0", "refused/x", "x0/m", more=CLOCKS)
        + route("hole-then-x1", "hole/x", "x1/m", more=CLOCKS)
        + route("all-down", "refused/x", "refused2/x", more=CLOCKS)
        + route("hole-only", "hole/x", more=CLOCKS)
        + route("four", "x2/m", "x3/m", "x4/m", "x5/m", more=", resume: off"))
    world.others = fake


def teardown():
    refused.stop()
    hole.stop()


def both_ways(name, script, tries=(1, 2), always=True):
    """Rows of a table: the failing script, unary and streamed, must be invisible."""
    for is_stream in (False, True):
        def run(is_stream=is_stream):
            pair = world.pair(always=script(is_stream)) if always else world.pair(script(is_stream))
            pair.moved_on(pair.ask(is_stream), is_stream, tries, name)
        yield f"{name}, {'stream' if is_stream else 'unary'}", run


# --- before the first token --------------------------------------------------------------------------

def test_status_moves_on():
    """Each status of a provider that is not the client's fault; 401-404 and 429 at once."""
    for status in (401, 402, 403, 404, 429):
        yield from both_ways(f"status {status}", lambda s, c=status: reply(status=c), (1,))
    for status in (408, 409, 500, 502, 503, 504, 520, 529, 530, 599):
        if status == 409:
            continue                        # not in the contract
        yield from both_ways(f"status {status}", lambda s, c=status: reply(status=c))


def test_connection_moves_on():
    head = answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked")
    unary = answers.http(answers.chat("never seen"))
    whole = answers.http_stream(events(("never", "seen")))
    role = answers.http_stream([events()[0]])[:-5]
    for end in ("fin", "rst"):
        yield from both_ways(f"{end} without an answer", lambda s, e=end: refuse_by(e))
        for cut in (1, 9, 17, 40):
            yield from both_ways(f"{end} in the head at {cut}",
                                 lambda s, e=end, c=cut: answers.raw(whole if s else unary, e, cut=c))
        yield from both_ways(f"{end} behind the head", lambda s, e=end: answers.raw(
            head if s else unary[:unary.index(b"\r\n\r\n") + 4], e))
        yield from both_ways(f"{end} before anything meaningful",
                             lambda s, e=end: answers.raw(role if s else unary[:-40], e))
    yield from both_ways("silence", lambda s: refuse_by("stall"), (1,))
    yield from both_ways("half a head, then silence",
                         lambda s: answers.raw(unary, "stall", cut=30), (1,))


def test_bad_success_moves_on():
    html = b"<!DOCTYPE html><html><body>sk-canary Sorry</body></html>"
    yield from both_ways("HTML with status 200", lambda s: reply(html, kind="text/html"))
    yield from both_ways("HTML behind blank lines", lambda s: reply(b"\n \r\n" + html, kind="text/html"))
    yield from both_ways("HTML with status 503", lambda s: reply(html, 503, kind="text/html"))
    yield from both_ways("empty body", lambda s: reply(b""))


def stream_rows(name, parts, tries=(1, 2), **more):
    def run():
        pair = world.pair(always=stream(parts, **more))
        pair.moved_on(pair.ask(True), True, tries, name)
    yield name, run


def test_first_event_moves_on():
    first = events()[0]
    over = answers.error_event(message="Overloaded", kind="overloaded_error")
    yield from stream_rows("error as first event", [over])
    yield from stream_rows("error as first event, then [DONE]", [over, answers.DONE])
    yield from stream_rows("error behind the role", [first, over])
    yield from stream_rows("event: error", [b"event: error\n" + over])
    yield from stream_rows("old vLLM error",
                           [b'data: {"object":"error","message":"x","type":"y","code":500}\n\n'])
    yield from stream_rows("error with choices", [
        b'data: {"error":{"code":502,"message":"x"},"choices":[{"index":0,"delta":{"content":""},'
        b'"finish_reason":"error"}]}\n\n'])
    yield from stream_rows("comments, then an error", [b": wait\n\n"] * 5 + [over])
    yield from stream_rows("empty stream", [])
    yield from stream_rows("[DONE] alone", [answers.DONE])
    yield from stream_rows("role and stop only", [first, answers.chunk({}, "stop"), answers.DONE])
    yield from stream_rows("choices always empty", [answers.usage_chunk(), answers.DONE])
    yield from stream_rows("empty text and stop", [first, answers.chunk({"content": ""}),
                                                   answers.chunk({}, "stop"), answers.DONE])
    yield from stream_rows("comments only, then silence", [b": wait\n\n"] * 3, (1,), end="stall")
    yield from stream_rows("role, then silence", [first], (1,), end="stall")
    yield from stream_rows("empty deltas, then silence", [first] + [answers.chunk({"content": ""})] * 4,
                           (1,), end="stall")
    yield from stream_rows("not JSON", [b"data: oops\n\n"])


def test_comments_do_not_feed_the_first_token_clock():
    """U40: a provider that sends a comment every 100 ms for ever is given up after first_token."""
    def drip(x):
        x.send(answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked"))
        end = time.monotonic() + 20 * SLOW
        while not x.peer_is_gone(0.1) and time.monotonic() < end:
            x.send(b"c\r\n: keepalive\n\r\n")
        x.close()
    pair = world.pair(always=drip)
    pair.moved_on(pair.ask(True), True, (1,), "drip")


def test_refused_and_black_hole_move_on():
    for name, number in (("down-then-x0", 0), ("hole-then-x1", 1)):
        site = world.others.site(f"x{number}")
        for is_stream in (False, True):
            began = time.monotonic()
            got = world.gateway.post(world.gateway.chat(name, stream=is_stream))
            check(got.status == 200 and got.header("x-sluice-provider") == f"x{number}", name, got)
            check(time.monotonic() - began < 5 * SLOW, name, time.monotonic() - began)
        same(len(site.requests), 2, f"requests at {site.name}")


def test_fourth_target_is_reached():
    """`attempts` is max(3, number of targets) when not written; retries do not use it up."""
    for number in (2, 3, 4):
        world.others.site(f"x{number}").default = reply(status=401)
    got = world.gateway.post(world.gateway.chat("four"))
    check(got.status == 200, got)
    same(got.header("x-sluice-provider"), "x5", "x-sluice-provider")


def test_context_length_moves_on():
    """400/413/422 are final, except when the context is too long for this target."""
    too_long = reply(answers.error_body("maximum context length is 8192 tokens",
                                        "invalid_request_error", "context_length_exceeded"), 400)
    pair = world.pair(always=too_long)
    pair.moved_on(pair.ask(), False, (1,), "context length")


# --- the same target once more -----------------------------------------------------------------------

def test_transient_failure_is_tried_again_there():
    for name, script in (("500", reply(status=500)), ("502", reply(status=502)),
                         ("503", reply(status=503)), ("529", reply(status=529)),
                         ("rst", refuse_by("rst"))):
        pair = world.pair(script)
        pair.stayed(pair.ask(), name)
        pair = world.pair(script)
        pair.stayed(pair.ask(True), name + ", stream")


def test_single_target_recovers():
    pair = world.pair(reply(status=503))
    check(pair.ask(route=pair.single).status == 200, "after one 503")
    same(pair.seen(), (2, 0), "requests")


def test_client_faults_are_final():
    """One request, no other target, the provider's own words and status."""
    for status in (400, 413, 422):
        for is_stream in (False, True):
            body = answers.error_body(f"your fault {status}", "invalid_request_error", "bad", "messages")
            pair = world.pair(always=reply(body, status))
            got = pair.ask(is_stream)
            same((got.status, got.json()), (status, json.loads(body)), f"answer to {status}")
            same(pair.seen(), (1, 0), "requests at a and b")
            same(got.header("x-should-retry"), "false", "x-should-retry")


def test_stale_keep_alive_is_retried_once():
    """A reused connection that dies without a byte is replaced, also with a single target."""
    pair = world.pair()
    for number in range(5):
        check(pair.ask(route=pair.single).status == 200, "warm-up", number)
    reused = []

    def die_if_reused(x):
        earlier = [r for r in pair.a.requests[:-1] if r.conn_id == x.request.conn_id]
        reused.append(bool(earlier))
        (refuse_by("fin") if earlier else answers.auto)(x)
    pair.a.default = die_if_reused
    for number in range(10):
        got = pair.ask(route=pair.single)
        check(got.status == 200, f"request {number} (reused: {reused})", got)
    check(True in reused, "no upstream connection was ever reused")


def test_idle_close_is_never_seen():
    """The provider closes after each answer, now and then a little later."""
    pair = world.pair()
    pair.a.default = answers.then(answers.auto, lambda x: x.close())
    for number in range(30):
        got = pair.ask(number % 2 == 0, route=pair.single)
        check(got.status == 200, number, got)
    pair.a.default = answers.auto
    for number in range(30):
        check(pair.ask(route=pair.single).status == 200, number)
        world.fake.close_idle()
    check(len(pair.a.requests) <= 61 + 30, "requests", len(pair.a.requests))


def test_no_second_request_after_an_answered_byte():
    """G12: once a byte of a unary answer came on a final client error, it is not sent again."""
    pair = world.pair(always=answers.raw(answers.http(answers.error_body("x"), 400), pieces=3))
    same(pair.ask().status, 400, "status")
    same(pair.seen(), (1, 0), "requests")


# --- waiting -----------------------------------------------------------------------------------------

def gap(site):
    until(lambda: len(site.requests) >= 2, f"a second request at {site.name}")
    return site.requests[1].at - site.requests[0].at


def test_retry_after_is_honoured_when_nobody_else_is_left():
    for name, value in (("Retry-After", "1"), ("retry-after-ms", "900"), ("Retry-After", "1.2"),
                        ("x-ms-retry-after-ms", "900")):
        pair = world.pair(reply(status=429, headers=[(name, value)]))
        got = pair.ask(route=pair.single)
        check(got.status == 200, f"{name}: {value}:", got)
        check(gap(pair.a) > 0.8, f"{name}: {value}: asked again after {gap(pair.a):.2f} s")


def test_retry_after_date():
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    pair = world.pair(reply(status=503, headers=[("Retry-After", when)]))
    check(pair.ask(route=pair.single).status == 200, when)
    check(gap(pair.a) > 0.5, f"{when}: asked again after {gap(pair.a):.2f} s")


def test_long_retry_after_is_told_not_waited_for():
    for value in ("60", "1000000000", "99999999999999999999"):
        pair = world.pair(always=reply(status=429, headers=[("Retry-After", value)]))
        began = time.monotonic()
        got = pair.ask(route=pair.single)
        openai_error(got, (429, 503))
        check(time.monotonic() - began < 4 * SLOW, "waited", time.monotonic() - began)
        same(len(pair.a.requests), 1, f"requests for Retry-After {value}")
        told = got.header("retry-after")
        check(value != "60" or (told and 1 <= float(told) <= 60), "retry-after at the client:", told)


def test_odd_retry_after_does_no_harm():
    for value in ("-5", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT", "0", "6m0s", "12ms", "1e3",
                  "2015-10-21T07:28:00Z", "\xff"):
        pair = world.pair(reply(status=429, headers=[("Retry-After", value)]))
        began = time.monotonic()
        got = pair.ask(route=pair.single)
        check(got.status in (200, 429, 503), repr(value), got)
        check(time.monotonic() - began < 5 * SLOW, repr(value), "took", time.monotonic() - began)


def test_retry_after_is_not_waited_for_when_another_target_is_left():
    pair = world.pair(always=reply(status=429, headers=[("Retry-After", "2")]))
    began = time.monotonic()
    pair.moved_on(pair.ask(), False, (1,), "429 with Retry-After")
    check(time.monotonic() - began < 1.5 * SLOW, "took", time.monotonic() - began)


# --- nobody is left ----------------------------------------------------------------------------------

def honest(got, allowed, pair=None):
    error = openai_error(got, allowed)
    check(b"[DONE]" not in got.body and b"<html" not in got.body.lower(), got)
    check(got.header("x-should-retry") in ("true", "false") or got.header("retry-after"),
          "neither x-should-retry nor retry-after on", got, got.headers)
    check(got.header("x-request-id"), got.headers)
    if pair:
        check(b"SECRET" not in got.body, "a credential in", got)
    return error


def test_a_long_error_event_does_not_tell_our_key():
    """It passes before it is known for an error: a credential in it ends the stream before that."""
    own = Gateway("providers:\n" + provider("p", world.others.site("long").url))
    secret, site = b"sk-upstream-SECRET", world.others.site("long")
    for n in (10, 65000, 70000, 300000):
        text = b'data: {"error":{"message":"' + b"s" * n + secret + b" " * n + b'","type":"server_error"}}\n\n'
        at = text.index(secret)
        for pieces in (None, 16384, [at + 1], [at + len(secret) - 1], [at - 3, at + 3, at + 9]):
            events = answers.chunk(answers.FIRST) + answers.chunk({"content": "hi"})
            data = answers.http_stream([events, text], framing="length")
            cuts = [each + len(data) - len(text) for each in pieces] if isinstance(pieces, list) else pieces
            site.default = answers.raw(data, pieces=cuts)
            got = own.open()
            got.send(request("POST", CHAT, [own.bearer(), ("Content-Type", "application/json"), ("Connection", "close"),
                                              ("x-sluice-resume", "off")], answers.dumps(own.chat("p/m", stream=True))))
            seen = got.left_over(10)[1]
            check(seen and secret not in seen and b"[DONE]" not in seen, n, pieces, seen[-99:])
            got.close()
    own.remove()


def test_all_down():
    for is_stream in (False, True):
        for name in ("all-down", "hole-only"):
            honest(world.gateway.post(world.gateway.chat(name, stream=is_stream)), (502, 503, 504))


def test_all_fail_by_status():
    """The provider's 401-404 are never the client's; 429 and 5xx keep their meaning."""
    for status, allowed in ((401, (502,)), (402, (502,)), (403, (502,)), (404, (502,)),
                            (408, (502, 503, 504)), (429, (429, 503)), (500, (502,)), (502, (502,)),
                            (503, (502, 503)), (529, (502, 503))):
        pair = world.pair(always=reply(status=status), second=reply(status=status))
        for is_stream in (False, True):
            error = honest(pair.ask(is_stream), allowed, pair)
            if status in (401, 403):
                same(error["code"], "upstream_auth", "error.code")


def test_all_fail_otherwise():
    html = reply(b"<html>sk-key-SECRET</html>", kind="text/html")
    for name, script in (("html", html), ("fin", refuse_by("fin")), ("rst", refuse_by("rst")),
                         ("empty stream", stream([])), ("stall", refuse_by("stall")),
                         ("error first", stream([answers.error_event(message="it is down")])),
                         ("cut unary", answers.raw(answers.http(answers.chat()), "fin", cut=120))):
        pair = world.pair(always=script, second=script)
        got = pair.ask(name in ("empty stream", "error first"))
        honest(got, (502, 503, 504), pair)
        check(1 <= sum(pair.seen()) <= 3, f"{name}: attempts", pair.seen())


# --- after the first token ---------------------------------------------------------------------------

def test_cut_after_the_first_token():
    parts = events(("one ", "two ", "three"))
    for end in ("fin", "rst", "stall"):
        for count in (2, 3, 4):
            def run(end=end, count=count):
                pair = world.pair()
                pair.broken_off(pair.mid(parts[:count], end=end), b"".join(parts[:count]),
                                f"{end} after {count} events")
                same(pair.seen()[1], 0, "requests at b")
            yield f"{end} after {count} events", run


def test_cut_inside_an_event():
    """A partial event is not delivered; whole ones before it are."""
    parts = events(("one ", "two "))
    for end in ("fin", "rst"):
        for inside in (1, 7, 20, len(parts[2]) - 1):
            def run(end=end, inside=inside):
                pair = world.pair()
                tail = b"%x\r\n%s\r\n" % (inside, parts[2][:inside])
                pair.broken_off(pair.mid(parts[:2], tail, end), b"".join(parts[:2]),
                                f"{end} in an event at {inside}")
            yield f"{end} at byte {inside} of an event", run


def test_later_error_event():
    """U21: an error event of the provider later on is the end, and is said once."""
    parts = events(("one ", "two "))
    for name, event in (
            ("error object", answers.error_event(message="it broke", kind="server_error")),
            ("event: error", b"event: error\n" + answers.error_event(message="it broke"))):
        for tail in ([], [answers.DONE]):
            def run(event=event, tail=tail, name=name):
                pair = world.pair()
                more = answers.http_stream([event, *tail])
                got = pair.mid(parts[:3], more[more.index(b"\r\n\r\n") + 4:], "keep")
                body = bytes(got.body)
                check(body.startswith(b"".join(parts[:3])) and body.count(b'"error"') == 1, name, got)
                check(b"[DONE]" not in body, "[DONE] behind an error:", got)
                row = pair.gateway.row(pair.a.requests[-1].id)
                check(row["fault"], "row", row)
            yield f"{name}{', then [DONE]' if tail else ''}", run


def test_finish_seen_is_success():
    """S6: finish_reason came, usage or [DONE] did not: complete, usage estimated."""
    parts = events(("one ", "two "))
    for end in ("fin", "rst"):
        pair = world.pair(stream(parts[:-1], end=end))
        got = pair.ask(True)
        check(got.status == 200 and got.end == "chunked", end, got, got.end)
        check(bytes(got.body).startswith(b"".join(parts[:-1])) and b'"error"' not in got.body, end, got)
        row = pair.gateway.row(pair.a.requests[-1].id)
        check(row["usage_kind"] in ("estimated", "unknown"), end, row)


def test_each_attempt_is_a_row():
    pair = world.pair([reply(status=503), reply(status=503)])
    got = pair.ask()
    check(got.status == 200, got)
    sent = [*pair.a.requests, *pair.b.requests]
    rows = [pair.gateway.row(each.id) for each in sent]
    same([row["number"] for row in rows], list(range(1, len(sent) + 1)), "numbers of the attempts")
    same(len({row["exchange"] for row in rows}), 1, "exchanges")
    same([bool(row["fault"]) for row in rows], [True] * (len(rows) - 1) + [False], "faults")
    same([row["status"] for row in rows], [503] * (len(rows) - 1) + [200], "statuses")


def test_multipart_fails_over_while_held():
    body = (b'--e\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 90000 +
            b'\r\n--e\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n--e--\r\n')
    pair = world.pair(always=reply(status=503))
    got = pair.gateway.post(body.replace(b"%s", pair.both.encode()), path="/v1/audio/transcriptions",
                            kind="multipart/form-data; boundary=e")
    check(got.status == 200, got, pair.seen())
    same(pair.b.requests[0].body, body.replace(b"%s", b"bm"), "body at b")


def test_body_is_sent_whole_to_each():
    body = answers.dumps({"model": "ROUTE", "messages": [{"role": "user", "content": "z" * 400000}]})
    pair = world.pair(always=reply(status=503))
    got = pair.gateway.post(body.replace(b"ROUTE", pair.both.encode()))
    check(got.status == 200, got)
    for each in pair.a.requests:
        same(each.body, body.replace(b"ROUTE", b"am"), "body at a")
    same(pair.b.requests[0].body, body.replace(b"ROUTE", b"bm"), "body at b")


def test_pipelined_client_after_failover():
    """The connection of the client goes on as if nothing had happened."""
    pair = world.pair(always=refuse_by("rst"))
    with pair.gateway.open() as raw:
        data = request("POST", CHAT, [pair.gateway.bearer(), ("Content-Type", "application/json")],
                       json.dumps(pair.gateway.chat(pair.both, stream=True)).encode())
        raw.send(data * 3)
        for number in range(3):
            got = raw.reply()
            check(got.status == 200, number, got)
            split_comment(got.body)
