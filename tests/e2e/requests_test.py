"""R01-R80: every malformed, ambiguous or hostile request of requests_table.py, in every delivery.

Each case goes out whole, byte by byte, split in two at many offsets (each half read by the
gateway before the other leaves; all offsets with --night), behind a valid request with another
key, and in front of one. The verdict must be the same each time: the status, the end of the
connection, what reached the provider, and nothing in the ledger for what was refused.
"""

import random
import re

from fake_provider import Fake
from harness import (CHAT, FEW, NIGHT, SHARD, SHARDS, Gateway, attempt_id, check, limits, openai_error,
                     provider, route, same, shown_id)
from raw import SLOW, BadReply, Raw, drained, request, show, until
from requests_table import BODY, Table

LANES = 24                      # connections in parallel
BIG = 3000                      # longer cases are split at fewer offsets and not sent bytewise
gateway = fake = site = table = None
bodies = {}


def setup():
    global gateway, fake, site, table
    fake = Fake()
    site = fake.site("")
    gateway = Gateway("providers:\n" + provider("fake", f"{fake.origin}/v1") +
                      "routes:\n" + route("m", "fake/up-model"))
    table = Table(gateway.key("one"), gateway.key("two"), gateway.key("three"))


def open_lane():
    return Raw(gateway.port, timeout=8)


def method_of(case):
    return "HEAD" if case.data.startswith(b"HEAD ") else "POST"


def valid(number):
    """A good request with another key, recognisable upstream and in its answer."""
    body = b'{"model":"m","messages":[{"role":"user","content":"nonce-%d"}]}' % number
    return request("POST", CHAT, [("Authorization", f"Bearer {gateway.key('two')}"),
                                  ("Content-Type", "application/json")], body)


# --- one delivery ----------------------------------------------------------------------------------

def judge(case, raw, how):
    """Reads the answers to a case on `raw` and holds them against the table."""
    where = f"{how}: "
    try:
        reply = raw.reply(method_of(case))
        check(reply.status in case.status, where + f"answered {reply}, wanted one of {case.status}")
        if method_of(case) != "HEAD" and reply.status >= 400:
            openai_error(reply, case.status)
        if case.same_as == "unknown key":
            same(nameless(reply.body), bodies.get("unknown key"), where + "body of the 401")
        bodies[case.name] = nameless(reply.body)
        if case.status != (200,) and case.closes and not case.maybe:
            check(reply.closes(), where + f"no `connection: close` in {reply.headers}")
        for number, wanted in enumerate(case.then, 2):
            further = raw.reply()
            check(further.status in wanted, where + f"answer {number}: {further}, wanted {wanted}")
        ended, left = None, b""
        if case.closes:
            if case.maybe:
                ended = further_replies(case, raw, where)
            else:
                ended, left = raw.left_over(3)
            check(ended != "open", where + "connection still open 3 s after the refusal")
            check(not left, where + f"bytes after the refusal: {show(left)}")
    except BadReply as why:
        raise AssertionError(where + str(why)) from None
    finally:
        raw.close()


def further_replies(case, raw, where):
    while not raw.ended:
        if not raw.buffer and not raw._fill():
            break
        reply = raw.reply()
        check(reply.status in case.maybe, where + f"further answer {reply}, wanted {case.maybe}")
    return raw.ended


def nameless(body):
    """A body without its request id."""
    return re.sub(rb"[0-9a-f]{12,}|req[-_][\w-]+", b"ID", bytes(body))


def deliver_whole(case):
    raw = open_lane()
    raw.send(case.data)
    if case.half_close:
        raw.half_close()
    judge(case, raw, "whole")
    return 1


def deliver_bytewise(case):
    raw = open_lane()
    raw.send_bytewise(case.data)
    if case.half_close:
        raw.half_close()
    judge(case, raw, "byte by byte")
    return 1


def deliver_split(case, offsets):
    """Two pieces; many connections at a time so that waiting for one waits for all."""
    for start in range(0, len(offsets), LANES):
        lanes = [(open_lane(), at) for at in offsets[start:start + LANES]]
        for raw, at in lanes:
            raw.send(case.data[:at])
        for raw, at in lanes:
            drained(raw.sock)
        for raw, at in lanes:
            raw.send(case.data[at:])
            if case.half_close:
                raw.half_close()
        for raw, at in lanes:
            judge(case, raw, f"split at {at} of {len(case.data)}")
    return len(offsets)


def deliver_behind(case, offsets):
    """Behind a valid request with another key, in one segment, and split at some offsets."""
    for number, at in enumerate([None, *offsets]):
        before = valid(number)
        data = before + case.data
        raw = open_lane()
        how = f"behind a valid request, split at {at}"
        if at is None:
            raw.send(data)
        else:
            raw.send_split(data, at)
        try:
            reply = raw.reply()
        except BadReply as why:
            raise AssertionError(f"{how}: the valid one: {why}") from None
        if case.half_close:                 # not before: with an answer pending it means "gone"
            raw.half_close()
        check(reply.status == 200 and f"nonce-{number}".encode() in reply.body,
              how, "the valid one got", reply)
        judge(case, raw, how)
    return 1 + len(offsets)


def deliver_before(case):
    """With a valid request right behind: its bytes must never be parsed."""
    raw = open_lane()
    raw.send(case.data + valid(99))
    judge(case, raw, "before a valid request")
    return 1


# --- the table ---------------------------------------------------------------------------------------

def offsets_of(case):
    size = len(case.data)
    if FEW:
        return sorted({*random.Random(case.name).sample(range(1, size), 2), size - 1})
    if size < (20000 if NIGHT else 300):
        step = 1 if NIGHT else 3                # each of similar cases begins elsewhere
        return sorted({*range(1 + len(case.name) % step, size, step), size - 1})
    if size >= BIG:
        return sorted({1, size // 3, size - 3, size - len(BODY) - 2} & set(range(1, size)))
    pick = random.Random(case.name)
    near_end = range(max(1, size - 12), size)
    return sorted({*pick.sample(range(1, size), min(18, size - 1)),
                   *pick.sample(near_end, min(6, len(near_end)))})


def run(case):
    before = len(site.requests)
    count = deliver_whole(case)
    if len(case.data) < BIG or (NIGHT and len(case.data) < 80000):
        count += deliver_bytewise(case)
    count += deliver_split(case, offsets_of(case))
    behind = 0
    if len(case.data) < BIG:
        behind = deliver_behind(case, [] if case.alone else offsets_of(case)[::6])
        if case.closes and case.status != (200,) and not case.alone and not case.half_close \
                and not case.maybe:
            count += deliver_before(case)
    wanted = case.reached * (count + behind) + behind
    got = site.requests[before:]
    check(len(got) == wanted, f"{len(got)} requests reached the provider in {count + behind} "
          f"deliveries, wanted {wanted}; first: {show(got[0].raw_head + got[0].raw_body) if got else ''}")
    for each in got:
        if b"nonce-" in each.body:
            continue
        if case.upstream is not None:
            same(each.body, case.upstream, "body at the provider")
        for name in case.absent:
            check(each.header(name) is None, f"{name} reached the provider: {each.headers}")


def test_table():
    for case in table.cases:            # those of one number may need one another
        if int(case.id[1:]) % SHARDS != SHARD:
            continue
        yield f"{case.id} {case.name}", lambda case=case: run(case)


def test_ledger_has_what_the_provider_saw_and_nothing_else():
    raw = open_lane()
    raw.send(valid(7))
    same(raw.reply().status, 200, "status")
    gateway.row(site.requests[-1].id)
    seen = {attempt_id(each.id) for each in site.requests}
    rows = gateway.rows("number > 0")
    extra = [row for row in rows if row["id"] not in seen]
    check(not extra, f"{len(extra)} attempts the provider never saw:", extra[:3])
    same(len(rows), len(seen), "attempts")


# --- what cannot be a row ------------------------------------------------------------------------------

def head_of(*fields, length=len(BODY), key="one"):
    return request("POST", CHAT, [("Authorization", f"Bearer {gateway.key(key)}"),
                                  ("Content-Type", "application/json"), *fields,
                                  ("Content-Length", length)])


def test_r65_continue_comes_after_auth_and_size():
    raw = open_lane()
    raw.send(head_of(("Expect", "100-continue")))
    until(lambda: raw.buffer or raw._fill(), "100 Continue")
    check(raw.buffer.startswith(b"HTTP/1.1 100 "), "before the body:", show(raw.buffer))
    raw.send(BODY)
    reply = raw.reply()
    check(reply.status == 200 and reply.interim == [100], reply, reply.interim)
    check(site.requests[-1].header("expect") is None, "Expect went upstream")


def test_r65_no_continue_for_a_wrong_key_or_size():
    wrong = head_of(("Expect", "100-continue")).replace(gateway.key("one").encode(), b"sk-wrong")
    large = head_of(("Expect", "100-continue"), length=2 ** 30)
    for data, status in ((wrong, 401), (large, 413)):
        raw = open_lane()
        raw.send(data)
        reply = raw.reply()
        check(reply.status == status and not reply.interim, reply, reply.interim)


def test_r65_body_without_waiting():
    raw = open_lane()
    raw.send(head_of(("Expect", "100-Continue")) + BODY)
    same(raw.reply().status, 200, "status")


def test_r43_r47_incomplete_body_is_408():
    """A body that stops coming: 408 and close, nothing upstream (the stall is our short limit)."""
    late = Gateway("providers:\n" + provider("fake", f"{fake.origin}/v1") + "routes:\n" +
                   route("m", "fake/up-model") + limits(header="1s", body="1s"))
    key = ("Authorization", f"Bearer {late.key()}")
    kind = ("Content-Type", "application/json")
    chunked = request("POST", CHAT, [key, kind, ("Transfer-Encoding", "chunked")])
    before = len(site.requests)
    lanes = {}
    for name, data in (
            ("R43 final CRLF missing", chunked + b"1b\r\n" + BODY + b"\r\n0\r\n"),
            ("R43 last chunk missing", chunked + b"1b\r\n" + BODY + b"\r\n"),
            ("R47 no body", request("POST", CHAT, [key, kind, ("Content-Length", 27)])),
            ("R47 part of the body", request("POST", CHAT, [key, kind, ("Content-Length", 99)]) + BODY),
            ("R47 part of a chunk", chunked + b"1b\r\n" + BODY[:5]),
            ("R47 part of a size", chunked + b"1")):
        lanes[name] = Raw(late.port, timeout=20)
        lanes[name].send(data)
    for name, raw in lanes.items():
        reply = raw.reply()
        check(reply.status == 408 and reply.closes(), name, reply, reply.headers)
        check(raw.left_over(3)[0] != "open", name, "connection still open")
    same(len(site.requests), before, "requests at the provider")
    late.remove()


def test_r71_each_on_its_own_key():
    """Pipelined requests with three keys are recorded under three keys."""
    names = ("one", "two", "three")
    before = len(site.requests)
    raw = open_lane()
    raw.send(b"".join(head_of(key=name) + BODY for name in names))
    for name in names:
        same(raw.reply().status, 200, f"status for key {name}")
    ids = [each.id for each in site.requests[before:]]
    rows = [gateway.row(each) for each in ids]
    exchanges = {line.get("id"): line for line in gateway.tail()}
    for name, row in zip(names, rows):
        line = exchanges.get(shown_id(row["exchange"]))
        check(line is not None, f"exchange {shown_id(row['exchange'])} is not among {list(exchanges)}")
        same(line.get("key"), gateway.key_ids[name], f"key of the exchange that key {name} asked for")


def test_r79_refused_within_little_cpu():
    """The big refusals of R79 cost less than a generous 0.5 s of CPU each."""
    cases = [case for case in table.cases if case.id == "R79" and len(case.data) > 50000
             and case.status == (400,)]
    check(len(cases) >= 5, "cases", len(cases))
    for case in cases:
        before = gateway.cpu()
        deliver_whole(case)
        spent = gateway.cpu() - before
        check(spent < 0.5 * SLOW, f"{case.name}: {spent:.2f} s of CPU")
