"""Nobody can make the gateway wait, grow or starve: slow clients (G20), sizes at their exact
boundary (G21), no file descriptors left (G23), a client that does not read (G17)."""

import hashlib
import json
import os
import resource
import select
import socket
import threading
import time

import answers
from fake_provider import Fake
from harness import (CHAT, NIGHT, SANITIZED, Gateway, check, limits, openai_error, provider, route, same,
                     split_comment)
from raw import SLOW, BadReply, Raw, drained, request, until
from runner import Skip

fake = site = gateway = quick = None


def setup():
    global fake, site, gateway, quick
    fake = Fake()
    site = fake.site("l")
    body = "providers:\n" + provider("fake", site.url) + "routes:\n" + route("m", "fake/up-model") \
        + route("many", "fake/many", more=", idle: 10m")
    gateway = Gateway(body)
    gateway.key()


def make_quick():
    """A gateway with short clocks towards clients; made late, so that only the tests that need
    these names fail if they change."""
    global quick
    if quick is None:
        quick = Gateway(gateway.body + limits(header="1s", body="1s"))
        quick.key()
    return quick


def chat_bytes(gate, **more):
    return request("POST", CHAT, [gate.bearer(), ("Content-Type", "application/json")],
                   json.dumps(gate.chat("m", **more)).encode())


def healthy(gate):
    check(gate.post(gate.chat("m")).status == 200, "a normal request meanwhile")


# --- G20: slow clients -------------------------------------------------------------------------------

def test_g20_slowloris_headers():
    """A head that comes byte by byte, and never ends, is cut off by its deadline."""
    gate = make_quick()
    whole = chat_bytes(gate)
    lanes = [Raw(gate.port, timeout=20) for _ in range(40)]
    began = time.monotonic()
    sent = 0
    while time.monotonic() - began < 12 * SLOW and lanes:
        for raw in lanes[:]:
            raw.sock.setblocking(False)
            try:
                raw.sock.send(whole[sent % 60:sent % 60 + 1])
                if raw.sock.recv(4096):
                    lanes.remove(raw)
            except BlockingIOError:
                pass
            except OSError:
                lanes.remove(raw)
        if sent % 5 == 0:
            healthy(gate)
        sent += 1
        threading.Event().wait(0.1)                       # the slowness of the attack
    check(not lanes, f"{len(lanes)} of 40 slow heads still open after {time.monotonic() - began:.1f} s")


def test_g20_silent_connection_and_half_head():
    gate = make_quick()
    for data in (b"POST ", chat_bytes(gate)[:100]):
        with Raw(gate.port, timeout=20) as raw:
            raw.send(data)
            try:
                check(raw.reply().status == 408, "answer to half a head")
            except BadReply as why:
                check(raw.ended, why)


def test_g20_slow_body():
    gate = make_quick()
    before = len(site.requests)
    data = chat_bytes(gate)
    for keep in (len(data) - 10, data.index(b"\r\n\r\n") + 4):
        with Raw(gate.port, timeout=20) as raw:
            raw.send(data[:keep])
            reply = raw.reply()
            check(reply.status == 408 and reply.closes(), reply)
            healthy(gate)
    same(len(site.requests), before + 2, "requests at the provider (the healthy ones)")


def test_g20_announced_bodies_take_no_memory():
    """Who announces 32 MiB and sends a byte has a byte's worth: 17 of them lock nobody out."""
    whole = request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json"),
                                   ("Content-Length", str(32 << 20))])
    lanes = [Raw(gateway.port) for _ in range(17)]
    for raw in lanes:
        raw.send(whole + b"{")
        drained(raw.sock)
    healthy(gateway)
    for raw in lanes:
        raw.close()


def test_g20_idle_connections_do_no_harm():
    idle = [Raw(gateway.port) for _ in range(300)]
    healthy(gateway)
    half = [Raw(gateway.port) for _ in range(100)]
    for raw in half:
        raw.send(b"GET /v1/models HTTP/1.1\r\nHost:")
    healthy(gateway)
    for raw in idle + half:
        raw.close()
    count = fds(gateway)
    check(count < 5000, "file descriptors", count)


def fds(gate):
    try:
        return len(os.listdir(f"/proc/{gate.process.pid}/fd"))
    except PermissionError:     # the gateway lets nobody but root look into it
        raise Skip("only root sees the descriptors of the gateway")


# --- G21: sizes --------------------------------------------------------------------------------------

def status_of(data):
    with Raw(gateway.port) as raw:
        raw.send(data)
        return raw.reply().status


def test_g21_request_line():
    """8 KiB: a line of 8,192 bytes in all is fine, a target of 8,193 is not."""
    def get(size):
        return request("GET", "/" + "a" * (size - 1), [gateway.bearer()])
    same([status_of(get(size)) for size in (8000, 8192 - 15, 8193, 9000, 30000)],
         [404, 404, 414, 414, 414], "statuses")


def test_g21_header_block():
    """32 KiB: a head of 32,768 bytes in all is fine, fields of 32,769 are not."""
    def head(size, whole):
        bare = request("GET", "/v1/models", [gateway.bearer(), ("X-A", "")])
        fields = len(bare) - len(b"GET /v1/models HTTP/1.1\r\n") - 2
        grow = size - (len(bare) if whole else fields)
        return bare.replace(b"X-A: ", b"X-A: " + b"v" * grow)
    same(len(head(32768, True)), 32768, "the test's own arithmetic")
    same([status_of(head(30000, True)), status_of(head(32768, True)), status_of(head(32769, False)),
          status_of(head(40000, False))], [200, 200, 431, 431], "statuses")


def test_g21_fields():
    def get(count):
        return request("GET", "/v1/models", [gateway.bearer(),
                                             *[(f"X-{i}", "v") for i in range(count - 2)]])
    same(get(100).count(b": "), 100, "the test's own arithmetic")
    same([status_of(get(count)) for count in (99, 100, 101, 150)], [200, 200, 431, 431], "statuses")


def test_g21_body():
    """32 MiB exactly, by length; one byte more is refused before it is sent."""
    most = 32 * 2 ** 20
    for size, status in ((most, 400), (most + 1, 413)):       # blanks alone: 400, but taken in
        with Raw(gateway.port, timeout=30) as raw:
            raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json"),
                                            ("Content-Length", size)]))
            if status == 400:
                raw.send(b" " * size)
            same(raw.reply().status, status, f"status for {size} bytes")


def test_g21_json():
    """Depth 64, 100,000 nodes, names of 64 KiB, numbers of 64 characters where they are read."""
    def body(more):
        return b'{"model":"m","messages":[],' + more + b"}"

    def status(more):
        return gateway.post(body(more)).status
    same([status(b'"x":' + b"[" * n + b"]" * n) for n in (62, 63, 64)], [200, 200, 400], "depth")
    same([status(b'"x":[' + b",".join([b"{}"] * n) + b"]") for n in (99000, 99900, 100001)],
         [200, 200, 400], "nodes")
    same(status(b'"x":[' + b",".join([b"1"] * 300000) + b"]"), 200, "scalars in an array")
    same([status(b'"' + b"k" * n + b'":1') for n in (65000, 65536, 65537, 70000)],
         [200, 200, 400, 400], "names")
    same(status(b'"x":' + b"1" * 64), 200, "a number of 64 characters that we do not read")
    same([status(b'"max_tokens":' + b"1" * n) for n in (9, 11, 64, 65)], [200, 400, 400, 400], "numbers")


# --- G17: back-pressure ------------------------------------------------------------------------------

def events_for(total):
    """Many events, `total` bytes in all."""
    word = answers.chunk({"content": "x" * 4000})
    return [answers.chunk(answers.FIRST), *[word] * (total // len(word)), answers.chunk({}, "stop"), answers.DONE]


def one_event(total):
    """A line that does not end for so many bytes."""
    return [answers.chunk(answers.FIRST), b'data: {"x":"', *[b"x" * 65536] * (total // 65536), b'"}\n\n',
            answers.chunk({}, "stop"), answers.DONE]


def endless(total, made_of=events_for):
    """A stream of `total` bytes; remembers the digest of all events."""
    parts = made_of(total)

    def script(x):
        x.digest = hashlib.sha256()
        x.send(answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked"))
        for part in parts:
            x.send(b"%x\r\n%s\r\n" % (len(part), part))
            x.digest.update(part)
        x.send(b"0\r\n\r\n")
        site.last_digest = x.digest.hexdigest()
    return script


def standing_still(got, seconds=1.0):
    """Waits until the provider could not send anything for a while; gives what it had sent."""
    last = [got.sent, time.monotonic()]

    def still():
        if got.sent != last[0]:
            last[:] = [got.sent, time.monotonic()]
        return time.monotonic() - last[1] > seconds
    until(still, "the provider to be held back", 60)
    return got.sent


def unread_stream(total, made_of, most):
    """Nobody reads: the provider is held back, `most` bytes are kept; then all of it arrives."""
    healthy(gateway)
    warm = chat_bytes(gateway, stream=True)
    before = gateway.memory()
    site.queue(endless(total, made_of))
    count = len(site.requests)
    raw = Raw(gateway.port, rcvbuf=4096, timeout=60)
    raw.send(warm)
    got = site.wait(count + 1)
    until(lambda: got.sent > 0, "the stream to start")
    sent = standing_still(got)
    check(sent < total // 2, f"{sent} of {total} bytes were taken although nobody reads")
    grown = gateway.memory() - before
    check(SANITIZED or grown <= most, f"memory grew by {grown} bytes for one unread stream")
    reply = raw.head()
    digest = hashlib.sha256()
    tail = b""
    while raw.more(reply):
        tail += bytes(reply.body)
        reply.body.clear()
        digest.update(tail[:-4096])
        tail = tail[-4096:]
    same(reply.end, "chunked", "end of the stream")
    text, _ = split_comment(tail)
    digest.update(text)
    same(digest.hexdigest(), site.last_digest, "digest of all events")
    grown = gateway.memory() - before
    check(SANITIZED or grown <= most, f"memory grew by {grown} bytes after the stream was read")


def test_g17_client_that_does_not_read():
    unread_stream((1024 if NIGHT else 96) * 2 ** 20, events_for, 2 ** 20)


def test_g17_event_that_does_not_end():
    """Of an event as long as that 8 MiB are kept, to be looked at."""
    unread_stream(96 * 2 ** 20, one_event, 18 * 2 ** 20)


test_g17_client_that_does_not_read.seconds = 900 if NIGHT else 180
test_g17_event_that_does_not_end.seconds = 180


def test_g17_100_slow_readers():
    site.default = endless(4 * 2 ** 20)
    before, count = gateway.memory(), len(site.requests)
    lanes = []
    for _ in range(100):
        raw = Raw(gateway.port, rcvbuf=4096, timeout=60)
        raw.send(chat_bytes(gateway, stream=True))
        lanes.append(raw)
    site.wait(count + 100, 20)
    site.default = answers.auto
    for got in site.requests[count:count + 100]:
        until(lambda: got.sent > 100000, "each stream to start", 20)
    standing_still(site.requests[count], 0.5)
    healthy(gateway)
    grown = gateway.memory() - before
    check(SANITIZED or grown <= 100 * 2 * 256 * 1024, f"memory grew by {grown} for 100 unread streams")
    for raw in lanes:
        raw.reset()
    for got in site.requests[count:count + 100]:
        check(got.gone.wait(5 * SLOW), "a cancelled stream goes on upstream")
    until(lambda: not gateway.rows("state = 'open'"), "no attempt to be open", 10)


def test_g17_slow_provider():
    """A provider that does not read a large body holds the client back or the body is held once."""
    def slowly(x):
        x.hold(3)
    site.early = slowly
    before = gateway.memory()
    with Raw(gateway.port, timeout=30) as raw:
        data = request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")],
                       answers.dumps(gateway.chat("m", "x" * (8 * 2 ** 20))))
        raw.send(data)
        healthy_models(gateway)
        grown = gateway.memory() - before
        check(SANITIZED or grown < 20 * 2 ** 20, f"memory grew by {grown} for a body of 8 MiB")
        site.early = None
    healthy(gateway)


def healthy_models(gate):
    same(gate.get("/v1/models").status, 200, "GET /v1/models meanwhile")


# --- G23: no descriptors left ------------------------------------------------------------------------

def test_g23_no_descriptors_left():
    """nofile=64 in traffic: streams live, no spin, and it recovers when descriptors come back."""
    gate = Gateway(gateway.body)
    gate.key()
    gates = [threading.Event() for _ in range(2)]
    parts = [answers.chunk(answers.FIRST), answers.chunk({"content": "first"}),
             answers.chunk({"content": "later"}), answers.chunk({}, "stop"), answers.DONE]
    site.queue(*[answers.gated(parts, [None, None, gates[0], None, None]) for _ in range(5)])
    streams = []
    for _ in range(5):
        raw = Raw(gate.port, timeout=30)
        raw.send(chat_bytes(gate, stream=True))
        reply = raw.head()
        check(raw.until_body(reply, b"first"), "a stream to start", reply)
        streams.append((raw, reply))
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (64, 64))
    crowd = []
    for _ in range(200):
        sock = socket.socket()
        sock.settimeout(2)
        crowd.append(sock)
        try:
            sock.connect(("127.0.0.1", gate.port))
        except OSError:
            break
    until(lambda: fds(gate) >= 56, f"descriptors to run out (has {fds(gate)})", 10)
    spent = gate.cpu()
    threading.Event().wait(1.0)                               # the time over which CPU is measured
    spent = gate.cpu() - spent
    check(spent < 0.5 * SLOW, f"{spent:.2f} s of CPU in 1 s without descriptors: it spins")
    same(gate.stderr().count("new connections wait: "), 1, "warnings about descriptors")
    gates[0].set()
    for raw, reply in streams:
        while raw.more(reply):
            pass
        same(split_comment(reply.body)[0], b"".join(parts), "a stream without descriptors")
    for sock in crowd:
        sock.close()

    def recovered():
        try:
            return gate.post(gate.chat("m"), timeout=2).status == 200
        except (OSError, BadReply):
            return False
    began = time.monotonic()
    until(recovered, "recovery when descriptors are back", 5)
    check(time.monotonic() - began < 3 * SLOW, "recovery took", time.monotonic() - began)
    gate.remove()


# --- G19: storms ---------------------------------------------------------------------------------------

def test_g19_connection_storm():
    healthy(gateway)
    until(lambda: fds(gateway) < 200, "descriptors to settle", 15)
    base = fds(gateway)
    for _ in range(3):
        storm = []
        for _ in range(1000):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", gateway.port))
            storm.append(sock)
        healthy(gateway)
        for sock in storm:
            sock.close()
    until(lambda: fds(gateway) <= base + 8, f"descriptors to come back to {base}, has {fds(gateway)}", 15)


def test_many_streams_at_once():
    """500 open streams (5,000 with --night), each byte-exact, a fresh request still quick. The first
    waits until the last has begun, and nobody says how long that takes."""
    count = 5000 if NIGHT else 500
    if count * 2 + 200 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        raise Skip("not enough file descriptors for the test itself")
    gate = threading.Event()
    parts = answers.events(("a ", "b "))
    site.models["many"] = answers.gated(parts, [None, None, gate, *[None] * (len(parts) - 3)])
    body = json.dumps(gateway.chat("many", stream=True)).encode()
    lanes, replies = [], []
    while len(lanes) < count:               # in handfuls: the provider is only Python
        for _ in range(100):
            raw = Raw(gateway.port, timeout=60)
            raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json")],
                             body))
            lanes.append(raw)
        for raw in lanes[len(replies):]:
            reply = raw.head()
            check(raw.until_body(reply, parts[1]), "start of a stream", reply)
            replies.append(reply)
    healthy(gateway)
    gate.set()
    for raw, reply in zip(lanes, replies):
        while raw.more(reply):
            pass
        same(split_comment(reply.body)[0], b"".join(parts), "one of many streams")
        raw.close()


test_many_streams_at_once.seconds = 400


# --- heads -------------------------------------------------------------------------------------------

def test_long_heads_on_a_long_way():
    """Nine targets get a head of 32 KiB, and each answers with one of 60 KiB."""
    sites = [fake.site(f"h{i}") for i in range(9)]
    for each in sites:
        each.default = answers.reply(status=503, headers=[("X-Big", "q" * 60000)])
    gate = Gateway("providers:\n" + "".join(provider(each.name, each.url) for each in sites) + "routes:\n"
                   + route("m", *(f"{each.name}/x" for each in sites)), top="drain: 2s\nworkers: 1\n")
    for _ in range(2):
        reply = gate.post(gate.chat("m"), headers=[("X-Pad", "p" * 31500)], timeout=60)
        check(reply.status >= 500, "nobody had an answer, but:", reply)
    for each in sites:
        check(each.requests and each.requests[0].header("x-pad") == "p" * 31500, each.name)
    sites[0].default = answers.reply(status=400, headers=[("X-Big", "q" * 60000)])
    alone = Gateway("providers:\n" + provider("h", sites[0].url) + "routes:\n" + route("m", "h/x"))
    reply = alone.post(alone.chat("m"))
    same((reply.status, reply.header("x-big")), (400, "q" * 60000), "its own words")
    gate.remove()
    alone.remove()


test_long_heads_on_a_long_way.seconds = 120


# --- answers that are sent all at once ---------------------------------------------------------------

def large_answers():
    """What makes an answer larger than the request or what the provider said: (path, body, script,
    the mark that stands in a whole answer, how often)."""
    yield ("/v1/responses", {"model": "m", "stream": True, "input": "hi", "instructions": "z" * (12 << 20)},
           answers.stream(answers.events()), b"event: response.completed", 1)
    yield ("/v1/responses", {"model": "m", "stream": True, "input": "hi"}, endless(6 << 20),
           b"event: response.completed", 1)
    row = {"object": "embedding", "index": 0, "embedding": [0.0123456789] * 3072}
    data = ",".join(json.dumps({**row, "index": i}) for i in range(600)).encode()
    yield ("/v1beta/models/m:batchEmbedContents",
           {"requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}] * 600},
           answers.reply(b'{"object":"list","model":"m","data":[' + data
                         + b'],"usage":{"prompt_tokens":3,"total_tokens":3}}'), b'"values"', 600)


def test_large_answers_wait_for_their_client():
    """A client that takes its time gets the whole of it, and nobody else notices."""
    for path, body, script, mark, times in large_answers():
        site.queue(script)
        with gateway.open(rcvbuf=8192, timeout=60) as raw:
            raw.send(request("POST", path, [gateway.bearer(), ("Content-Type", "application/json")],
                             json.dumps(body).encode()))
            until(lambda: select.select([raw.sock], [], [], 0)[0], "an answer", 30)
            healthy(gateway)
            reply = raw.reply()
        same((reply.status, reply.body.count(mark)), (200, times), f"a large answer of {path}")
        check(reply.end in ("chunked", "length"), f"it ended by {reply.end}")


def test_an_answer_too_large_to_be_written_is_an_error():
    """Three times 16 MiB: what does not fit is not left out in silence."""
    site.queue(answers.stream(answers.events(), framing="one"))
    reply = gateway.post({"model": "m", "stream": True, "input": "hi", "instructions": "z" * (16 << 20)},
                         path="/v1/responses", timeout=60)
    openai_error(reply, 502)


test_large_answers_wait_for_their_client.seconds = 300


def test_oversized_answers_are_errors_not_memory():
    """A unary answer over 8 MiB is streamed or refused, never a growth without end."""
    before = gateway.memory()
    body = answers.chat("z" * (48 * 2 ** 20))
    site.queue(answers.reply(body))
    reply = gateway.post(gateway.chat("m"), timeout=60)
    if reply.status == 200:
        same(hashlib.sha256(reply.body).digest(), hashlib.sha256(body).digest(), "48 MiB")
    else:
        openai_error(reply, 502)
    grown = gateway.memory() - before
    check(SANITIZED or grown < 24 * 2 ** 20, f"memory grew by {grown}")
