"""The pass lane: same format on both sides, so every byte is the client's or the provider's own.

Checked here: the request body but for the model value and include_usage, headers both ways against
the deny list, our own headers, streams for many segmentations, the final comment, and what a
client that leaves does to the provider. Endpoints, prefixes and sizes are endpoints_test.py's.
"""

import json
import random
import threading
import time

import answers
from fake_provider import Fake
from harness import (CHAT, FEW, NIGHT, Gateway, check, provider, route, same, split_comment)
from raw import SLOW, chunked, request, show, until

gateway = fake = site = None


def setup():
    global gateway, fake, site
    fake = Fake()
    site = fake.site("p")
    gateway = Gateway("providers:\n" + provider("fake", site.url) +
                      "routes:\n" + route("m", "fake/up-model") + route("same", "fake/same") +
                      route("long-name-of-a-route", "fake/x"))


def up(body, old=b'"m"', new=b'"up-model"'):
    return body.replace(old, new, 1)


def insertion(original, got):
    """What was inserted at one place of `original` to make `got`; None if it is not that."""
    at = 0
    while at < len(original) and original[at:at + 1] == got[at:at + 1]:
        at += 1
    tail = len(original) - at
    if len(got) < len(original) or (tail and got[-tail:] != original[at:]):
        return None
    return got[at:len(got) - tail]


# --- requests ----------------------------------------------------------------------------------------

ODD = ('{ "messages" :[{"role":"user","content":"h\\u00e9 🙂 \\ud83d \\/ \\n"}],\n\t"model":"m" ,'
       '"temperature":1.0e0,"seed":18446744073709551617,"x_unknown":{"a":[1,2,{"model":"m"}]},'
       '"metadata":{"model":"m","stream":true},"user":"","stop":null}  \n').encode()


def test_body_reaches_the_provider_byte_for_byte():
    bodies = [
        ODD,
        b'{"model":"m","messages":[]}',
        b'{"messages":[],"model":"m"}',
        b'{"model":"m","messages":[],"stream":false}',
        b'{"model":"m","messages":[],"stream":null}',
        b'{"messages":[{"role":"user","content":"\\"model\\":\\"m\\""}],"model":"m"}',
        b'{"x":{"model":"no"},"y":[{"model":"no"}],"model":"m","messages":[]}',
        b'{"model":"m","messages":[],"a":"' + b"\\u0041" * 1000 + b'"}',
        b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 300000 + b'"}]}',
    ]
    for body in bodies:
        reply = gateway.post(body)
        check(reply.status == 200, show(body, 120), "got", reply)
        got = site.requests[-1]
        at = body.rindex(b'"m"') if body.startswith((b'{"x"', b'{"messages":[{')) else None
        wanted = up(body) if at is None else body[:at] + b'"up-model"' + body[at + 3:]
        same(got.body, wanted, "body at the provider")


def test_model_value_with_escapes_and_other_lengths():
    for body, wanted in (
            (b'{"model":"\\u006d","messages":[]}', b'{"model":"up-model","messages":[]}'),
            (b'{"mod\\u0065l":"m","messages":[]}', b'{"mod\\u0065l":"up-model","messages":[]}'),
            (b'{"model":"same","messages":[]}', b'{"model":"same","messages":[]}'),
            (b'{"model":"long-name-of-a-route","messages":[]}', b'{"model":"x","messages":[]}'),
            (b'{"model":"fake/other/name:1","messages":[]}',
             b'{"model":"other/name:1","messages":[]}')):
        reply = gateway.post(body)
        check(reply.status == 200, body, "got", reply)
        same(site.requests[-1].body, wanted, "body at the provider")


def test_chunked_request_arrives_whole():
    for sizes in ([1], [7, 1, 30], [len(ODD)]):
        with gateway.open() as raw:
            raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json"),
                                            ("Transfer-Encoding", "chunked")]) + chunked(ODD, sizes))
            same(raw.reply().status, 200, "status")
        same(site.requests[-1].body, up(ODD), "body at the provider")


def test_include_usage_is_added_when_the_client_did_not_ask():
    """The only second change: one insertion, or a value inside stream_options."""
    base = b'{"model":"m","messages":[],"stream":true%s}'
    for more in (b"", b',"stream_options":null', b',"stream_options":{}',
                 b',"stream_options":{"include_obfuscation":false}',
                 b',"stream_options":{"include_usage":false}',
                 b',"stream_options":{"include_usage":null}', b' ,"n":1'):
        body = base % more
        reply = gateway.post(body)
        check(reply.status == 200, body, reply)
        got = site.requests[-1]
        value, wanted = got.json(), json.loads(up(body))
        same((value.get("stream_options") or {}).get("include_usage"), True,
             f"include_usage at the provider for {body}")
        options = {**(wanted.get("stream_options") or {}), "include_usage": True}
        same(value, {**wanted, "stream_options": options}, "request as a value")
        if b"stream_options" not in more:
            inserted = insertion(up(body), got.body)
            check(inserted is not None and b"include_usage" in inserted,
                  "more than one insertion:", show(got.body))
        check(b'"choices":[]' not in reply.body, "the injected usage chunk is visible:", reply)


def test_include_usage_of_the_client_is_kept():
    body = b'{"model":"m","stream_options":{"include_usage" : true},"messages":[],"stream":true}'
    reply = gateway.post(body)
    same(site.requests[-1].body, up(body), "body at the provider")
    stream, _ = split_comment(reply.body)
    bill = fake.bill[site.requests[-1].id]
    wanted = b"".join(answers.events(["echo: ", ""], answers.usage(bill.input, bill.output), asked=True))
    same(stream, wanted, "stream")


# --- headers -----------------------------------------------------------------------------------------

NEVER_UP = [("Cookie", "a=b"), ("x-api-key", None), ("x-goog-api-key", None), ("api-key", None),
            ("Proxy-Authorization", "Basic eA=="), ("TE", "trailers"), ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"), ("X-Forwarded-For", "10.1.1.1"),
            ("X-Real-IP", "10.1.1.1"), ("Forwarded", "for=10.1.1.1"), ("OpenAI-Organization", "org-1"),
            ("OpenAI-Project", "proj-1"), ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", "a,b"), ("x-goog-api-client", "gl-node/22"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tracestate", "a=b"),
            ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "GET"), ("X-Method-Override", "PUT"),
            ("Origin", "app://obsidian.md"), ("Referer", "https://example.test/chat"), ("Sec-Fetch-Site", "same-origin"),
            ("Sec-CH-UA", '"x"'), ("Access-Control-Request-Method", "POST"),
            ("Cf-Access-Jwt-Assertion", "j"), ("X-Amzn-Oidc-Data", "j"), ("X-Auth-Request-Access-Token", "t"),
            ("X-Ms-Token-Aad-Access-Token", "t"), ("X-Auth-Token", "t"), ("X-Envoy-External-Address", "10.1.1.1"),
            ("Fly-Client-IP", "10.1.1.1"), ("CloudFront-Viewer-Address", "10.1.1.1"), ("Via", "1.1 inner"),
            ("If-None-Match", "*"), ("Range", "bytes=0-1"), ("x-goog-user-project", "p")]
ALWAYS_UP = [("User-Agent", "OpenAI/JS 7.57.0"), ("X-Stainless-Lang", "js"), ("X-Custom", "a  b"),
             ("OpenAI-Beta", "assistants=v2"), ("Accept", "application/json"), ("X-Empty", ""),
             ("HTTP-Referer", "https://example.test/é"), ("X-Title", "t"), ("Idempotency-Key", "k-1")]


def test_request_headers_deny_list():
    headers = [(name, gateway.key() if value is None else value) for name, value in NEVER_UP]
    reply = gateway.post(gateway.chat("m"), headers=[*headers, *ALWAYS_UP])
    check(reply.status == 200, reply)
    got = site.requests[-1]
    for name, _ in NEVER_UP:
        check(got.header(name) is None, f"{name} reached the provider: {got.all(name)}")
    for name, value in ALWAYS_UP:
        same(got.all(name), [value], f"{name} at the provider")
    check(gateway.key().encode() not in got.raw_head, "our key reached the provider")
    same(got.all("authorization"), ["Bearer sk-upstream-SECRET"], "authorization at the provider")
    same(got.all("accept-encoding"), ["identity"], "accept-encoding at the provider")
    same(got.all("content-type"), ["application/json"], "content-type at the provider")
    same(got.all("content-length"), [str(len(got.body))], "content-length at the provider")
    same(len(got.all("x-client-request-id")), 1, "x-client-request-id at the provider")


def test_accept_encoding_and_request_id_are_ours():
    reply = gateway.post(gateway.chat("m"), headers=[("Accept-Encoding", "gzip, br, zstd"),
                                                     ("x-client-request-id", "client-7"),
                                                     ("Connection", "x-hop, keep-alive"),
                                                     ("X-Hop", "1")])
    check(reply.status == 200, reply)
    got = site.requests[-1]
    same(got.all("accept-encoding"), ["identity"], "accept-encoding at the provider")
    check(len(got.all("x-client-request-id")) == 1 and got.id != "client-7",
          "x-client-request-id", got.all("x-client-request-id"))
    check(got.header("x-hop") is None, "a header named by Connection went upstream")
    check("x-hop" not in (got.header("connection") or ""), got.headers)


NEVER_BACK = [("Set-Cookie", "a=b"), ("Set-Cookie", "__cf_bm=x; Path=/"), ("Alt-Svc", 'h3=":443"'),
              ("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "x"),
              ("Content-Security-Policy", "default-src 'none'"), ("Keep-Alive", "timeout=9"),
              ("Clear-Site-Data", '"*"'), ("Refresh", "0;url=http://e/"), ("Location", "http://e/"),
              ("WWW-Authenticate", "Basic"), ("X-Sendfile", "/etc/passwd"), ("X-Accel-Redirect", "/x"),
              ("Content-Security-Policy-Report-Only", "default-src 'none'"),
              ("x-ratelimit-limit-requests", "100"), ("x-ratelimit-remaining-tokens", "5"),
              ("anthropic-organization-id", "org-1"), ("anthropic-priority-input-tokens-limit", "9"),
              ("x-ratelimitbysize-limit-minute", "7"), ("ratelimit-remaining", "3"), ("Report-To", "{}"), ("NEL", "{}"),
              ("Reporting-Endpoints", 'a="https://e/"'), ("X-Lighttpd-Send-File", "/etc/passwd"),
              ("X-Reproxy-URL", "http://e/"),
              ("Proxy-Authenticate", "Basic"), ("Upgrade", "h2"), ("Trailer", "x")]
ALWAYS_BACK = [("openai-processing-ms", "12"), ("openai-version", "2020-10-01"), ("X-Thing", "a  b"),
               ("X-Empty", ""), ("cf-ray", "abc-FRA"), ("Server", "cloudflare")]


def test_response_headers_deny_list():
    for stream in (False, True):
        headers = [*NEVER_BACK, *ALWAYS_BACK, ("x-request-id", "req_theirs"),
                   ("Connection", "x-hop"), ("X-Hop", "1")]
        site.queue(answers.stream(headers=headers) if stream else answers.reply(headers=headers))
        reply = gateway.post(gateway.chat("m", stream=stream))
        check(reply.status == 200, reply)
        for name, value in [*NEVER_BACK, ("X-Hop", "1")]:
            check(value not in reply.all(name), f"{name} came back (stream {stream})")
        for name, value in ALWAYS_BACK:
            same(reply.all(name), [value], f"{name} at the client (stream {stream})")
        same(reply.all("x-sluice-upstream-request-id"), ["req_theirs"], "their request id")
        check(reply.header("x-request-id") not in (None, "req_theirs"), reply.headers)
        own_headers(reply, "fake", "up-model")


def own_headers(reply, where, model, attempts="1"):
    check(reply.header("x-request-id"), "no x-request-id in", reply.headers)
    same(reply.header("x-sluice-provider"), where, "x-sluice-provider")
    same(reply.header("x-sluice-model"), model, "x-sluice-model")
    same(reply.header("x-sluice-attempts"), attempts, "x-sluice-attempts")
    overhead = reply.header("x-sluice-overhead-us")
    check(overhead and overhead.isdigit() and int(overhead) < 5e6 * SLOW, "overhead", overhead)


def test_own_headers_and_ids_differ():
    one, two = (gateway.post(gateway.chat("m")) for _ in range(2))
    own_headers(one, "fake", "up-model")
    check(one.header("x-request-id") != two.header("x-request-id"), "the same id twice")
    ids = {each.id for each in site.requests}
    same(len(ids), len(site.requests), "different attempt ids")
    for each in (gateway.post(gateway.chat("nothing-like-it")), gateway.post(b"{", key="test"),
                 gateway.post(gateway.chat("m"), key=None), gateway.get("/nowhere")):
        check(each.header("x-request-id"), "no x-request-id on", each)


def test_unary_answer_is_byte_exact():
    for body, headers in ((answers.chat(), ()), (answers.chat("🙂" * 5000), ()),
                          (b"\n\n  " + answers.chat("padded"), ()),
                          (answers.chat("x" * 300000), ()),
                          (answers.chat("typed"), [("Content-Type", "application/json; a=b")])):
        for pieces in (None, [1], [len(body)], 4000):
            site.queue(answers.raw(answers.head(200, headers or [("Content-Type", "application/json")],
                                                len(body)) + body, pieces=pieces))
            reply = gateway.post(gateway.chat("m"))
            same(bytes(reply.body), body, f"body in pieces {pieces}")
            check((reply.header("content-type") or "").startswith("application/json"), reply.headers)


def test_unary_answer_in_chunks_or_to_the_end():
    body = answers.chat("framed")
    for framing in ("chunked", "one", "length", "close"):
        data = answers.http_stream([body[:7], body[7:]], framing=framing).replace(
            b"text/event-stream; charset=utf-8", b"application/json")
        for pieces in (None, 1):
            site.queue(answers.raw(data, "fin" if framing == "close" else "keep", pieces))
            reply = gateway.post(gateway.chat("m"))
            same((reply.status, bytes(reply.body)), (200, body), f"framing {framing} by {pieces}")


# --- streams -----------------------------------------------------------------------------------------

def shapes(asked):
    """Streams of many kinds; what the provider sends when include_usage was injected or asked."""
    ev, chunk = answers.events, answers.chunk
    null = {"usage": None} if asked else {}
    tool = [{"index": 0, "id": "call_1", "type": "function",
             "function": {"name": "f", "arguments": ""}}]
    yield "plain", ev(asked=asked)
    yield "one word", ev(("x",), asked=asked)
    yield "emoji and escapes", ev(("🙂", "\u2028", "\\n\n", "\u0000", "é" * 300), asked=asked)
    yield "long events", ev(("y" * 20000, "z" * 70000), asked=asked)
    yield "comments between", [ev(asked=asked)[0], b": one moment\n\n", *ev(asked=asked)[1:4],
                               b": OPENROUTER PROCESSING\n\n", *ev(asked=asked)[4:]]
    yield "crlf", [each.replace(b"\n", b"\r\n") for each in ev(asked=asked)]
    yield "no blank behind the colon", [each.replace(b"data: ", b"data:") for each in ev(asked=asked)]
    yield "other fields", [b"id: 7\nevent: message\nretry: 100\n" + each for each in ev(asked=asked)]
    yield "tool call", [chunk({**answers.FIRST, "tool_calls": tool}, **null),
                        *[chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]},
                                **null) for part in ('{"a"', ":1", "}")],
                        chunk({}, "tool_calls", **null),
                        *([answers.usage_chunk()] if asked else []), answers.DONE]
    yield "two choices", [chunk(answers.FIRST, index=0, **null), chunk(answers.FIRST, index=1, **null),
                          chunk({"content": "a"}, index=0, **null),
                          chunk({"content": "b"}, index=1, **null),
                          chunk({}, "stop", index=1, **null), chunk({}, "length", index=0, **null),
                          *([answers.usage_chunk()] if asked else []), answers.DONE]
    yield "content filter", [chunk(answers.FIRST, **null), chunk({}, "content_filter", **null),
                             *([answers.usage_chunk()] if asked else []), answers.DONE]
    yield "unknown events", [*ev(asked=asked)[:3], b"event: new.thing\ndata: {\"type\":\"new\"}\n\n",
                             *ev(asked=asked)[3:]]


def wanted_of(parts, asked_by_client):
    """What the client must get: the injected usage chunk is gone, all else is as it came."""
    return b"".join(each for each in parts
                    if asked_by_client or not (b'"choices":[]' in each and b'"usage":{' in each))


def run_stream(name, parts, asked, pieces, framing="chunked"):
    site.queue(answers.stream(parts, framing=framing, pieces=pieces))
    options = {"stream_options": {"include_usage": True}} if asked else {}
    reply = gateway.post(gateway.chat("m", stream=True, **options))
    how = f"{name}, client asked for usage: {asked}, pieces {pieces}, {framing}"
    check(reply.status == 200 and reply.end in ("chunked", "close"), how, reply)
    check((reply.header("content-type") or "").startswith("text/event-stream"), how, reply.headers)
    stream, said = split_comment(reply.body)
    same(stream, wanted_of(parts, asked), how)
    same(said, ("fake", "up-model", 1), f"comment ({how})")


def test_streams_byte_exact():
    for asked in (False, True):
        for name, parts in shapes(True):
            yield (f"{name}, usage {'asked' if asked else 'injected'}",
                   lambda a=asked, n=name, p=parts: every_cut(n, p, a))


def every_cut(name, parts, asked):
    """Whole, one chunk, to the end, event by event, byte by byte, and random pieces."""
    size = len(answers.http_stream(parts))
    for framing in ("chunked", "one", "close", "length"):
        run_stream(name, parts, asked, None, framing)
    small = size < 6000
    run_stream(name, parts, asked, 1 if small else 4096)
    run_stream(name, parts, asked, 1 if small else 1000, "one")
    for seed in range(40 if NIGHT else 2 if FEW else 6):
        pick = random.Random(seed)
        cuts = sorted(pick.sample(range(1, size), min(size - 1, pick.choice((1, 3, 20)))))
        run_stream(name, parts, asked, cuts, pick.choice(("chunked", "one", "close")))


def test_stream_split_in_two_at_every_offset():
    parts = answers.events(("é",), asked=True)
    size = len(answers.http_stream(parts))
    for cut in range(1, size, 1 if NIGHT else 7):
        run_stream("split", parts, False, [cut])


def test_usage_beside_choices_is_kept():
    """Only a chunk with empty choices and usage is stripped, nothing else."""
    parts = answers.events(("a",), asked=True)
    last = answers.chunk({}, "stop", usage=answers.usage(5, 6))
    moderation = b'data: {"id":"x","choices":[],"moderation":{"flagged":false}}\n\n'
    run_stream("usage in the finish chunk", [*parts[:2], last, answers.DONE], False, None)
    run_stream("empty choices without usage", [*parts[:3], moderation, *parts[3:]], False, None)


def test_usage_of_ours_is_stripped_however_often_it_comes():
    """A client that did not ask for usage sees none of it, also where one read brings several."""
    parts = answers.events(("a",), asked=True)
    at = next(i for i, part in enumerate(parts) if b'"choices":[]' in part)
    usage, ping = parts[at], b": ping\n\n"
    for name, more in (("side by side", [usage]), ("apart", [ping, usage]), ("many", [usage, ping, usage, ping, ping, usage])):
        site.queue(answers.stream([*parts[:at + 1], *more, *parts[at + 1:]]))
        reply = gateway.post(gateway.chat("m", stream=True))
        check(b'"choices":[]' not in reply.body and b"data: [DONE]" in reply.body, (name, reply.body))
        same(reply.body.count(ping), more.count(ping), name)


def test_done_without_blank_line():
    """Some servers forget the last blank line; the complete terminal line counts (U34)."""
    parts = answers.events(("a",), asked=True)
    parts[-1] = b"data: [DONE]\n"
    site.queue(answers.stream(parts))
    reply = gateway.post(gateway.chat("m", stream=True))
    check(reply.status == 200 and b"data: [DONE]\n" in reply.body and b'"error"' not in reply.body, reply)
    site.queue(answers.stream([*parts[:-1], b"data: [DONE]"], framing="close"))
    check(gateway.post(gateway.chat("m", stream=True)).status == 200, "without any line end")


def test_events_arrive_while_the_stream_is_open():
    """Nothing is held back: an event is with the client before the next one is made."""
    parts = answers.events(("one", "two", "three"))
    gates = [threading.Event() for _ in parts]
    site.queue(answers.gated(parts, gates))
    with gateway.open() as raw:
        body = json.dumps(gateway.chat("m", stream=True)).encode()
        raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")], body))
        gates[0].set()
        gates[1].set()
        reply = raw.head()
        check(raw.until_body(reply, parts[1]), "first word", reply)
        for gate, part in zip(gates[2:], parts[2:]):
            check(part not in reply.body, "an event came before it was sent")
            gate.set()
            check(raw.until_body(reply, part), "not with the client:", part, reply)
        while raw.more(reply):
            pass
        split_comment(reply.body)


def test_legacy_completions_stream():
    parts = [b'data: {"id":"cmpl-1","object":"text_completion","choices":[{"text":"%s","index":0,'
             b'"finish_reason":%s}]}\n\n' % pair for pair in ((b"a", b"null"), (b"b", b'"stop"'))]
    site.queue(answers.stream([*parts, answers.DONE]))
    reply = gateway.post({"model": "m", "prompt": "x", "stream": True}, path="/v1/completions")
    same(split_comment(reply.body)[0], b"".join([*parts, answers.DONE]), "stream")


# --- cancel ------------------------------------------------------------------------------------------

def test_client_that_leaves_cancels_upstream():
    """Within 1 s, at each stage and by FIN as well as by RST."""
    parts = answers.events(("a", "b"))
    scripts = {
        "before the head": answers.refuse_by("stall"),
        "after the head": answers.raw(answers.head(200, [("Content-Type", "text/event-stream")],
                                                   framing="chunked"), "stall"),
        "in a stream": answers.stream(parts[:3], end="stall"),
        "in a unary body": answers.raw(answers.http(answers.chat())[:-20], "stall"),
    }
    for name, script in scripts.items():
        for how in ("close", "reset"):
            before = len(site.requests)
            site.queue(script)
            raw = gateway.open()
            body = json.dumps(gateway.chat("m", stream="unary" not in name)).encode()
            raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")],
                             body))
            got = site.wait(before + 1)
            if name == "in a stream":
                check(raw.until_body(raw.head(), b'"a"'), "first word")
            left = time.monotonic()
            getattr(raw, how)()
            check(got.gone.wait(5 * SLOW), f"{name}, {how}: provider not cancelled in 5 s")
            check(got.gone_at - left < 1.2 * SLOW, f"{name}, {how}: {got.gone_at - left:.2f} s")
            row = gateway.row(got.id)
            check(row["state"] == "done" and row["usage_kind"] != "reported", f"{name}, {how}", row)


def test_keep_alive_and_many_requests_on_one_connection():
    """Client connections and upstream connections are reused."""
    before, connections = len(site.requests), fake.connections
    with gateway.open() as raw:
        for number in range(50):
            body = json.dumps(gateway.chat("m", f"number-{number}", stream=number % 5 == 0)).encode()
            raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")],
                             body))
            reply = raw.reply()
            whole = f"number-{number}".encode()
            text = bytes(reply.body) if number % 5 else b"".join(
                json.loads(line[6:])["choices"][0]["delta"].get("content", "").encode()
                for line in bytes(reply.body).split(b"\n") if line.startswith(b"data: {"))
            check(reply.status == 200 and whole in text, number, reply)
    same(len(site.requests) - before, 50, "requests at the provider")
    check(fake.connections - connections <= 3, "upstream connections made for 50 requests:",
          fake.connections - connections)


def test_http_1_0_client():
    with gateway.open() as raw:
        body = json.dumps(gateway.chat("m", stream=True)).encode()
        raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")], body,
                         version="HTTP/1.0"))
        reply = raw.reply()
        check(reply.status == 200 and reply.end == "close", reply, reply.end)
        check(answers.DONE in reply.body, reply)


def test_http_1_0_client_that_would_keep_the_connection():
    """Without a length and without chunks the end of the connection is the only end there is."""
    def ask(raw, path, body):
        raw.send(request("POST", path, [gateway.bearer(), ("Content-Type", "application/json"),
                                        ("Connection", "keep-alive")],
                         json.dumps(body).encode(), version="HTTP/1.0"))
        return raw.head()

    def ends(reply, raw, what):
        check(reply.closes(), what, "promises more:", reply.headers)
        while raw.more(reply):
            pass
        same(reply.end, "close", f"end of {what}")

    with gateway.open() as raw:
        reply = ask(raw, CHAT, gateway.chat("m"))
        while raw.more(reply):
            pass
        same((reply.end, reply.header("connection")), ("length", "keep-alive"), "one with a length")
        reply = ask(raw, CHAT, gateway.chat("m", stream=True))
        ends(reply, raw, "a stream")
        check(answers.DONE in reply.body, reply)
    sound = bytes(range(256)) * 64
    for framing in ("chunked", "close"):
        site.queue(answers.raw(answers.http_stream([sound], framing=framing).replace(
            b"text/event-stream; charset=utf-8", b"audio/mpeg"),
            "fin" if framing == "close" else "keep"))
        with gateway.open() as raw:
            reply = ask(raw, "/v1/audio/speech", {"model": "m", "input": "x", "voice": "a"})
            ends(reply, raw, f"audio that came {framing}")
            same(bytes(reply.body), sound, "audio")


def test_ledger_has_the_usage_of_the_bill():
    for stream in (False, True):
        gateway.post(gateway.chat("m", stream=stream))
        bill = fake.bill[site.requests[-1].id]
        row = gateway.row(bill.id)
        same((row["state"], row["usage_kind"], row["input_tokens"], row["output_tokens"]),
             ("done", "reported", bill.input, bill.output), f"ledger row (stream {stream}) {row}")
        check(row["provider"] == "fake" and row["model"] == "up-model" and row["status"] == 200, row)
    until(lambda: not gateway.rows("state = 'open'"), "no attempt to be open")
