"""U18-U48 of guarantees.md 4.3: clean HTTP whose content is wrong, odd or hostile.

The wrong kind of answer, streams without their terminal event or with too much behind it, usage in
all its forms (held against the ledger), invalid JSON and bytes, silence in the middle,
compression nobody asked for, credentials in error bodies, headers that must not come back.
"""

import gzip
import json
import time

import answers
from answers import chunk, events, reply, stream
from harness import SANITIZED, check, same, split_comment
from pairs import World
from raw import SLOW

world = None
BODY = answers.chat("good")
PARTS = events(("one ", "two "))
JSON = [("Content-Type", "application/json")]


def setup():
    global world
    world = World()


def framed(parts):
    """The rest of a chunked body."""
    data = answers.http_stream(parts)
    return data[data.index(b"\r\n\r\n") + 4:]


# --- the wrong kind of answer ------------------------------------------------------------------------

def test_u18_json_although_a_stream_was_asked():
    pair = world.pair(always=reply(answers.error_body("no", code="x"), 200))
    pair.moved_on(pair.ask(True), True, (1, 2), "U18 an error object with status 200")
    pair = world.pair(reply(answers.chat("whole answer")))
    got = pair.ask(True)
    check(got.status == 200 and (got.header("content-type") or "").startswith("text/event-stream"), got)
    text, _ = split_comment(got.body)
    check(text.endswith(answers.DONE), "no [DONE]", got)
    pieces = [json.loads(line[6:]) for line in text.split(b"\n") if line.startswith(b"data: {")]
    same("".join(each["choices"][0]["delta"].get("content") or "" for each in pieces if each["choices"]),
         "whole answer", "text")
    same([each["choices"][0]["finish_reason"] for each in pieces
          if each["choices"] and each["choices"][0].get("finish_reason")], ["stop"], "finish")


def test_u19_stream_although_json_was_asked():
    pair = world.pair(stream(PARTS))
    got = pair.ask()
    check(got.status == 200 and (got.header("content-type") or "").startswith("application/json"), got)
    choice = got.json()["choices"][0]
    same((choice["message"]["content"], choice["finish_reason"]), ("one two ", "stop"), "folded answer")


def test_u18_unary_error_object_with_status_200():
    pair = world.pair(always=reply(answers.error_body("no", code="x"), 200))
    pair.moved_on(pair.ask(), False, (1, 2), "error object with status 200")


# --- odd streams -------------------------------------------------------------------------------------

def test_u23_u24_finish_kept_raw():
    for finish in ("content_filter", "length", "MALFORMED_FUNCTION_CALL", "eos", "model_length"):
        parts = [chunk(answers.FIRST), chunk({"content": "x"}), chunk({}, finish), answers.DONE]
        pair = world.pair(stream(parts))
        got = pair.ask(True)
        check(bytes(got.body).startswith(b"".join(parts[:3])), finish, got)


def test_u25_u27_no_terminal():
    for name, parts in (("U25 end without finish", PARTS[:3]), ("U27 [DONE] without finish",
                                                                [*PARTS[:3], answers.DONE])):
        def run(name=name, parts=parts):
            pair = world.pair()
            pair.broken_off(pair.mid(PARTS[:3], framed(parts[3:]), "keep"), b"".join(PARTS[:3]), name)
        yield name, run


def test_u28_data_behind_the_terminal_event():
    for extra in (chunk({"content": "more"}), answers.DONE, b"data: oops\n\n", b"junk"):
        pair = world.pair(stream([*PARTS, extra]))
        got = pair.ask(True)
        same(split_comment(got.body)[0], b"".join(PARTS), f"stream with {extra[:30]} behind")
        pair.clean()


def test_u29_content_behind_finish():
    parts = [*PARTS[:3], chunk({}, "stop"), chunk({"content": "late"}), answers.DONE]
    pair = world.pair(stream(parts))
    got = pair.ask(True)
    check(b'"late"' in got.body and b'"error"' not in got.body, got)


def billed(parts, kind, tokens=None, asked=True):
    pair = world.pair(stream(parts))
    got = pair.ask(True, stream_options={"include_usage": True}) if asked else pair.ask(True)
    check(got.status == 200, got)
    row = pair.gateway.row(pair.a.requests[-1].id)
    same(row["usage_kind"], kind, f"usage_kind in {row}")
    if tokens:
        same((row["input_tokens"], row["output_tokens"]), tokens, f"tokens in {row}")


def test_u30_usage():
    use, last = answers.usage, answers.chunk({}, "stop")

    def word(text, **more):
        return chunk({"content": text}, **more)
    first = chunk(answers.FIRST)
    for name, parts, kind, tokens in (
            ("missing", [first, word("a"), last, answers.DONE], "estimated", None),
            ("explicit zero", [first, word("a"), last, answers.usage_chunk(use(0, 0)), answers.DONE],
             "reported", (0, 0)),
            ("twice", [first, word("a"), last, answers.usage_chunk(use(5, 6)),
                       answers.usage_chunk(use(5, 7)), answers.DONE], "reported", (5, 7)),
            ("cumulative", [first, word("a", usage=use(9, 1)), word("b", usage=use(9, 2)),
                            chunk({}, "stop", usage=use(9, 3)), answers.DONE], "reported", (9, 3)),
            ("beside finish", [first, word("a"), chunk({}, "stop", usage=use(4, 4)), answers.DONE],
             "reported", (4, 4)),
            ("behind finish", [first, word("a"), last, word("", usage=use(4, 5)), answers.DONE],
             "reported", (4, 5))):
        yield f"U30 {name}", lambda p=parts, k=kind, t=tokens: billed(p, k, t)
    for value in ({"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": 1.5},
                  {"prompt_tokens": "7", "completion_tokens": 1}, {"prompt_tokens": 2 ** 31 + 1,
                                                                   "completion_tokens": 1}, "many", 7):
        parts = [first, word("a"), last, answers.usage_chunk(value), answers.DONE]
        yield f"U31 {value}", lambda p=parts: billed(p, "estimated")
    parts = [first, word("a", usage=use(9, 5)), chunk({}, "stop", usage=use(9, 2)), answers.DONE]
    yield "U31 decreasing", lambda p=parts: billed(p, "estimated")


def test_u30_a_picture_nobody_counted():
    """Its base64 is no text: it is estimated as a picture is."""
    body = json.loads(answers.chat("x"))
    del body["usage"]
    pair = world.pair(reply(answers.dumps(body)))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBO" * 100_000}}
    got = pair.ask(messages=[{"role": "user", "content": [{"type": "text", "text": "what is it?"}, picture]}])
    check(got.status == 200, got)
    row = pair.gateway.row(pair.a.requests[-1].id)
    same(row["usage_kind"], "estimated", "kind")
    check(1000 <= row["input_tokens"] < 1200, row)


def test_u30_usage_of_unary_answers():
    for value, kind, tokens in ((answers.usage(8, 9), "reported", (8, 9)), (None, "estimated", None),
                                ({"prompt_tokens": -4, "completion_tokens": 1}, "estimated", None),
                                (answers.usage(8, 9, prompt_tokens_details={"cached_tokens": 3}),
                                 "reported", None)):
        body = json.loads(answers.chat("x"))
        body["usage"] = value
        pair = world.pair(reply(answers.dumps(body)))
        got = pair.ask()
        same(bytes(got.body), answers.dumps(body), "body")
        row = pair.gateway.row(pair.a.requests[-1].id)
        same(row["usage_kind"], kind, f"usage {value}: {row}")
        if tokens:
            same((row["input_tokens"], row["output_tokens"]), tokens, f"tokens {row}")


def test_u33_bytes_inside_strings_are_kept():
    words = ("\u2028\u2029\u0085", "🙂", "\ufeff")
    raws = [b'"\\ud83d"', b'"\\ude42"', b'"\xed\xa0\xbd"', b'"\xff\xfe"', b'"a\x7f"']
    parts = [*events(words)[:4], *[chunk({"content": "@"}).replace(b'"@"', each) for each in raws[:2]],
             *events()[-2:]]
    pair = world.pair(stream(parts, pieces=1))
    same(split_comment(pair.ask(True).body)[0], b"".join(parts), "stream by single bytes")


def test_u35_long_lines_are_relayed():
    for size in (2 ** 20, 16 * 2 ** 20):
        parts = events(("a", "x" * size, "b"))
        pair = world.pair(stream(parts))
        before = world.gateway.memory()
        got = pair.ask(True)
        same(split_comment(got.body)[0], b"".join(parts), f"stream with a line of {size}")
        grown = world.gateway.memory() - before
        check(SANITIZED or grown < 4 * 2 ** 20, f"memory grew by {grown} for a line of {size}")


def test_u36_invalid_json_in_the_middle():
    for data in (b"data: {\"choices\":[{\"index\":0\n\n", b"data: oops\n\n", b"data: [1,2\n\n"):
        got = world.pair().mid(PARTS[:3], framed([data, *PARTS[3:]]), "keep")
        check(bytes(got.body).startswith(b"".join(PARTS[:3])), data, got)
        check(b"[DONE]" not in got.body and b'"error"' in got.body, f"{data!r} passed as success:", got)


def test_u40_u41_silence_in_the_middle():
    """After `idle` without anything meaningful the stream ends with an error; pings do not count."""
    def pings(x):
        x.send(answers.http_stream(PARTS[:3])[:-5])
        end = time.monotonic() + 15 * SLOW
        while not x.peer_is_gone(0.1) and time.monotonic() < end:
            x.send(b"8\r\n: ping\n\n\r\n")
        x.close()
    for name, script in (("U40 pings", pings), ("U41 silence", stream(PARTS[:3], end="stall"))):
        pair = world.pair(script)
        got = pair.ask(True)
        check(b"[DONE]" not in got.body and b'"error"' in got.body and got.end == "chunked", name, got)
        check(pair.a.requests[0].gone.wait(5), name, "provider not let go")


def test_u42_one_byte_at_a_time_ends_by_total():
    def drip(x):
        data = answers.http_stream(events(("fast", "slow " * 4000)))
        start = data.index(b"slow ")
        x.send(data[:start])
        for at in range(start, len(data)):
            x.send(data[at:at + 1])
            if x.peer_is_gone(0.02):
                return
    pair = world.pair(drip)
    spent, began = world.gateway.cpu(), time.monotonic()
    got = pair.ask(True)
    check(b"[DONE]" not in got.body, got)
    took = time.monotonic() - began
    check(took < 14 * SLOW, f"a total of 8 s ended after {took:.1f} s")
    check(world.gateway.cpu() - spent < 0.3 * took * SLOW, "CPU", world.gateway.cpu() - spent)


def test_u43_compression_unasked():
    packed = gzip.compress(BODY)
    gz = [*JSON, ("Content-Encoding", "gzip")]
    bomb = gzip.compress(b" " * (200 * 2 ** 20))
    for name, data in (("gzip", packed), ("truncated", packed[:-20]), ("bomb", bomb), ("junk", b"junk")):
        pair = world.pair(always=answers.raw(answers.head(200, gz, len(data)) + data))
        got = pair.ask()
        check(got.status == 200 and got.header("content-encoding") in (None, "identity"), name, got)
        json.loads(got.body)
        check(name == "gzip" or got.header("x-sluice-provider") == pair.names[1], name, got)


# --- errors and hostility ----------------------------------------------------------------------------

def test_u46_large_error_body():
    for status in (400, 500):
        body = answers.error_body("x" * (10 * 2 ** 20))
        pair = world.pair(always=reply(body, status), second=reply(body, status))
        got = pair.ask()
        check(got.status in ((400,) if status == 400 else (502, 503)), got.status)
        row = pair.gateway.row(pair.a.requests[-1].id)
        kept = len(json.dumps(row))
        check(kept < 8192, f"{kept} bytes of it in the ledger")


def test_u47_our_credential_in_an_error_body():
    for status in (400, 401, 500):
        pair = world.pair()
        secret = f"sk-key-{pair.names[0]}-SECRET"
        text = f"Incorrect API key {secret}; see https://x.test/?key={secret}"
        pair.a.default = pair.b.default = reply(answers.error_body(text), status)
        got = pair.ask(route=pair.single)
        check(secret.encode() not in got.body, f"our credential came back with {status}:", got)
        row = pair.gateway.row(pair.a.requests[-1].id)
        check(secret not in json.dumps(row), "credential in the ledger", row)
        check(secret not in pair.gateway.stderr(), "credential on stderr")


def test_u48_hostile_headers():
    lines = [("Set-Cookie", "a=b"), ("Location", "https://evil.test/"), ("Connection", "close, x-a"),
             ("X-A", "1"), ("Access-Control-Allow-Credentials", "true"), ("x-sluice-provider", "forged"),
             ("x-sluice-cost-usd", "0"), ("x-request-id", "forged"), ("Content-Security-Policy", "x")]
    pair = world.pair(reply(BODY, headers=lines))
    got = pair.ask()
    same(bytes(got.body), BODY, "body")
    same(got.header("x-sluice-provider"), pair.names[0], "x-sluice-provider")
    check(got.header("x-request-id") != "forged", got.headers)
    for name in ("set-cookie", "x-a", "access-control-allow-credentials", "content-security-policy"):
        check(got.header(name) is None, f"{name} came back", got.headers)
