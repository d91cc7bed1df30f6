"""The test bench looks at itself: the fake provider, the raw client and the helpers, without a
gateway. What is proven here need not be doubted when a suite fails."""

import hashlib
import socket
import ssl
import threading

import answers
from certs import Certs
from fake_provider import BlackHole, Fake, Refused
from harness import attempt_id, check, in_netns, same, split_comment
from raw import BadReply, Raw, chunked, drained, request, until

fake = None
IDS = iter(range(1, 10 ** 6))


def setup():
    global fake
    fake = Fake()


def ask(model="m", stream=False, path="/s/v1/chat/completions", raw=None, body=None, site="s"):
    """What a gateway would send."""
    if body is None:
        body = answers.dumps({"model": model, "stream": stream,
                              "messages": [{"role": "user", "content": "hé"}]})
    raw = raw or Raw(fake.port)
    raw.send(request("POST", path.replace("/s/", f"/{site}/"),
                     [("x-client-request-id", f"{next(IDS):016x}")], body,
                     host=f"127.0.0.1:{fake.port}"))
    return raw


def test_unary_is_recorded_and_billed():
    raw = ask()
    reply = raw.reply()
    same(reply.status, 200, "status")
    got = fake.site("s").requests[-1]
    check(got.complete and got.json()["model"] == "m", got.raw_body)
    bill = fake.bill[got.id]
    same(reply.json()["usage"]["completion_tokens"], bill.output, "tokens on the bill")
    until(lambda: bill.reported, "the bill to say reported")
    ask(raw=raw).reply()
    same(fake.site("s").requests[-1].conn_id, got.conn_id, "keep-alive connection")


def test_stream_and_usage_on_request():
    reply = ask(stream=True).reply()
    same(reply.end, "chunked", "end")
    check(reply.body.endswith(answers.DONE) and b'"usage"' not in reply.body, reply)
    body = answers.dumps({"model": "m", "stream": True, "stream_options": {"include_usage": True},
                          "messages": []})
    reply = ask(body=body).reply()
    check(b'"choices":[],"usage":{' in reply.body, reply)


def test_queue_then_model_then_default():
    site = fake.site("q")
    site.models["special"] = answers.reply(status=503)
    site.queue(answers.reply(status=429), answers.reply(status=500))
    same([ask("special", site="q").reply().status for _ in range(3)], [429, 500, 503], "statuses")
    same(ask("other", site="q").reply().status, 200, "default")


def test_cut_at_every_byte_fin_and_rst():
    whole = answers.http_stream(answers.events(("a",)))
    site = fake.site("cut")
    for end, wanted in (("fin", "cut"), ("rst", "reset")):
        for cut in range(len(answers.head(200)), len(whole), 23):
            site.queue(answers.raw(whole, end, cut=cut))
            raw = ask(site="cut")
            try:
                reply = raw.reply()
            except BadReply as why:
                check(raw.ended == {"cut": "eof", "reset": "reset"}[wanted], cut, end, why)
                continue
            same(reply.end, wanted, f"end after {cut} bytes by {end}")
    site.queue(answers.raw(whole, cut=len(whole)))
    same(ask(site="cut").reply().end, "chunked", "uncut")


def test_pieces_are_read_one_by_one():
    site = fake.site("pieces")
    body = answers.chat("x" * 100)
    site.queue(answers.reply(body, pieces=1))
    raw = ask(site="pieces")
    sizes, got = set(), b""
    while len(got) < len(answers.http(body)):
        data = raw.sock.recv(4096)
        sizes.add(len(data))
        got += data
    same(got, answers.http(body), "bytes")
    same(sizes, {1}, "sizes of single reads")


def test_gate_and_stall_and_gone():
    gate = threading.Event()
    parts = answers.events(("a", "b"))
    site = fake.site("gate")
    site.queue(answers.gated(parts, [None, None, gate] + [None] * (len(parts) - 3)))
    raw = ask(stream=True, site="gate")
    reply = raw.head()
    check(raw.until_body(reply, b'"content":"a"'), "first word", reply)
    check(b'"content":"b"' not in reply.body, "the gate leaks")
    gate.set()
    check(raw.until_body(reply, answers.DONE), reply)
    site.queue(answers.refuse_by("stall"))
    raw = ask(site="gate")
    got = site.wait(2)
    check(not got.gone.is_set(), "gone too early")
    raw.close()
    check(got.gone.wait(5), "close not noticed")


def test_early_answer_before_the_body():
    site = fake.site("early")
    site.early = answers.reply(status=400, end="fin")
    raw = Raw(fake.port)
    raw.send(request("POST", "/early/v1/x", [("x-client-request-id", "7")], None,
                     host=f"127.0.0.1:{fake.port}")[:-2] + b"Content-Length: 9999\r\n\r\nabc")
    same(raw.reply().status, 400, "status")


def test_violations_are_noticed():
    broken = b"Transfer-Encoding: chunked\r\n\r\nx\r\n"         # the one that gets no answer
    for number, data in enumerate((
            b"POST /v/v1/x HTTP/1.1\r\nHost: wrong\r\nx-client-request-id: 1\r\n\r\n",
            b"POST  /v/v1/x HTTP/1.1\r\nHost: %s\r\nx-client-request-id: 2\r\n\r\n",
            b"POST /v/v1/x HTTP/1.1\r\nHost: %s\r\nx-client-request-id: 3\r\n"
            b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
            b"POST /v/v1/x HTTP/1.1\r\nHost: %s\r\n\r\n",
            b"POST /v/v1/x HTTP/1.1\r\nHost: %s\r\nx-client-request-id: 3\r\n\r\n",
            b"POST /v/v1/x HTTP/1.1\r\nHost: %s\r\nx-client-request-id: 5\r\n" + broken)):
        raw = Raw(fake.port)
        raw.send(data.replace(b"%s", b"127.0.0.1:%d" % fake.port))
        if not data.endswith(broken):
            raw.reply()
            until(lambda: fake.requests[-1].answered_at, "the id to count as used")
        until(lambda: fake.violations, f"violation {number} to be noticed")
        fake.violations.clear()
        raw.close()


def test_chunked_request_body():
    raw = Raw(fake.port)
    raw.send_split(b"POST /s/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                   b"x-client-request-id: 77777\r\nTransfer-Encoding: chunked\r\n\r\n" % fake.port
                   + chunked(b'{"model":"m","messages":[]}', [1, 5]), 30, 60, 150)
    same(raw.reply().status, 200, "status")
    same(fake.site("s").requests[-1].body, b'{"model":"m","messages":[]}', "body")


def test_split_is_seen_as_two_reads():
    listener = socket.create_server(("127.0.0.1", 0))
    raw = Raw(listener.getsockname()[1])
    got, seen = listener.accept()[0], []

    def reader():
        while data := got.recv(100):
            seen.append(data)
    threading.Thread(target=reader, daemon=True).start()
    raw.send_split(b"abcdef", 2, 3)
    raw.half_close()
    until(lambda: b"".join(seen) == b"abcdef", "all bytes")
    same(seen, [b"ab", b"c", b"def"], "reads")
    drained(raw.sock)


def test_refused_and_black_hole():
    refused, hole = Refused(), BlackHole()
    for address, timeout, wanted in ((refused, 5, ConnectionRefusedError), (hole, 1, TimeoutError)):
        port = int(address.url.split(":")[2].split("/")[0])
        sock = socket.socket()
        sock.settimeout(timeout)
        try:
            sock.connect(("127.0.0.1", port))
            raise AssertionError(f"connected to {wanted}")
        except wanted:
            pass
        address.stop()


def test_tls_right_expired_wrong_and_alone():
    certs = Certs()
    contexts = {"good": certs.server(), "expired": certs.server("expired", expired=True),
                "wrong": certs.server("wrong", names="DNS:elsewhere.test"),
                "alone": certs.self_signed()}
    for name, context in contexts.items():
        server = Fake(tls=context)
        try:
            raw = Raw(server.port, tls=certs.client())
            same(name, "good", "accepted certificate")
            raw.send(request("POST", "/s/v1/chat/completions", [("x-client-request-id", "9")],
                             b'{"model":"m","messages":[]}', host=f"127.0.0.1:{server.port}"))
            same(raw.reply().status, 200, "status over TLS")
        except ssl.SSLCertVerificationError as why:
            check(name != "good", why)
        server.stop()
    certs.remove()


def test_big_answer_and_slow_reader():
    site = fake.site("big")
    data = bytes(range(256)) * 65536                                # 16 MiB
    site.queue(answers.reply(data, kind="audio/mpeg"))
    raw = ask(site="big", raw=Raw(fake.port, rcvbuf=4096))
    got = site.wait(1)
    reply = raw.head()
    check(got.sent < len(data), "nothing held it back")
    while raw.more(reply):
        pass
    same(hashlib.sha256(reply.body).digest(), hashlib.sha256(data).digest(), "digest")


def test_strict_reply_reader_refuses():
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    bad = [good.replace(b"\r\n", b"\n"), good.replace(b"200", b"20"), good.replace(b": 2", b" : 2"),
           good.replace(b": 2", b": +2"), good.replace(b"Content-Length: 2", b"Transfer-Encoding: x"),
           good.replace(b": 2", b": 2\r\nTransfer-Encoding: chunked"), good[:20]]
    for data in [good, *bad]:
        listener = socket.create_server(("127.0.0.1", 0))
        raw = Raw(listener.getsockname()[1])
        peer = listener.accept()[0]
        peer.sendall(data)
        peer.close()
        try:
            reply = raw.reply()
            check(data is good and reply.body == b"hi", "accepted", data)
        except BadReply:
            check(data is not good, "refused a good reply")
        listener.close()


def test_comment_and_ids():
    body = b"data: [DONE]\n\n: sluice provider=a model=b/c attempts=2 cost_usd=0.000012\n\n"
    same(split_comment(body), (b"data: [DONE]\n\n", ("a", "b/c", 2)), "comment")
    same([attempt_id("00000000000000ff"), attempt_id("255"), attempt_id("f" * 16)],
         [255, 255, -1], "ids")


def test_private_network():
    def inside():
        listener = socket.create_server(("127.0.0.1", 8080))
        Raw(8080).close()
        listener.close()
    in_netns(inside)

    def fails():
        raise ValueError("seen outside")
    try:
        in_netns(fails)
    except AssertionError as why:
        check("seen outside" in str(why), why)
    else:
        raise AssertionError("the child's failure was lost")
