"""What a provider says: bytes of the OpenAI format, and the scripts that send them.

The idea: builders (`chat`, `events`, `http`) give bytes, so a test can compare what the client
got with what was sent; scripts (`reply`, `stream`, `raw`, ...) take bytes and send them with the
wanted framing, cuts and end. `auto` is the well-behaved provider for every endpoint.
"""

import base64
import json
import struct

REASONS = {200: "OK", 204: "No Content", 301: "Moved Permanently", 304: "Not Modified",
           400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests",
           500: "Internal Server Error", 503: "Service Unavailable", 529: "Overloaded"}


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# --- bytes -----------------------------------------------------------------------------------------

def usage(given=3, made=4, **more):
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made, **more}


def chat(text="hello", model="up-model", spent=None, finish="stop", **more):
    """A unary chat answer. The odd blanks are on purpose: it must come through byte for byte."""
    value = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": model,
             "choices": [{"index": 0, "message": {"role": "assistant", "content": text,
                                                  "refusal": None}, "finish_reason": finish}],
             "usage": spent or usage(), "system_fingerprint": "fp_é", **more}
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def chunk(delta=None, finish=None, index=0, model="up-model", **more):
    """One event of a chat stream."""
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000,
             "model": model, "choices": [{"index": index, "delta": delta or {},
                                          "finish_reason": finish}], **more}
    return b"data: " + dumps(value) + b"\n\n"


def usage_chunk(spent=None, model="up-model"):
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000,
             "model": model, "choices": [], "usage": spent or usage()}
    return b"data: " + dumps(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"
FIRST = {"role": "assistant", "content": "", "refusal": None}


def events(words=("Hel", "lo ", "wörld", " 🙂", "."), spent=None, finish="stop", asked=False,
           done=True, model="up-model"):
    """A whole chat stream as a list of events; `asked`: include_usage was in the request."""
    more = {"usage": None} if asked else {}
    out = [chunk(FIRST, model=model, **more)]
    out += [chunk({"content": word}, model=model, **more) for word in words]
    out.append(chunk({}, finish, model=model, **more))
    if asked:
        out.append(usage_chunk(spent, model))
    if done:
        out.append(DONE)
    return out


def error_body(message="it broke", kind="server_error", code=None, param=None):
    return dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def error_event(**more):
    return b"data: " + error_body(**more) + b"\n\n"


def head(status=200, headers=(), length=None, framing=None, reason=None):
    """Status line and headers; framing: None, "chunked" or "close" (then no length)."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status') if reason is None else reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    if framing == "close":
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin1") + b"\r\n\r\n"


def http(body, status=200, headers=(), kind="application/json"):
    """A whole unary response."""
    return head(status, [("Content-Type", kind), *headers], len(body)) + body


def http_stream(parts, headers=(), framing="chunked", status=200):
    """A whole streamed response: each part in a chunk of its own, or as one counted body."""
    headers = [("Content-Type", "text/event-stream; charset=utf-8"), *headers]
    body = b"".join(parts)
    if framing == "chunked":
        return head(status, headers, framing="chunked") + \
            b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
    if framing == "one":
        return head(status, headers, framing="chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    if framing == "length":
        return head(status, headers, len(body)) + body
    return head(status, headers, framing="close") + body


# --- scripts -----------------------------------------------------------------------------------------

def raw(data, end="keep", pieces=None, cut=None):
    """Exactly these bytes, `cut` after so many of them, then `end` (keep, fin, rst, stall)."""
    def script(x):
        x.send(data if cut is None else data[:cut], pieces)
        x.end(end)
    return script


def reply(body=None, status=200, headers=(), kind="application/json", pieces=None, end="keep"):
    """A unary answer with this body; without one a chat answer, or an error for a bad status."""
    if body is None:
        body = chat() if status < 300 else error_body(f"status {status}", code=f"c{status}")
    return raw(http(body, status, headers, kind), end, pieces)


def stream(parts=None, headers=(), framing="chunked", end=None, pieces=None):
    """A stream of these events. Without `end` it is whole; with one the last chunk is missing."""
    def script(x):
        data = http_stream(events(asked=x.request.wants_usage()) if parts is None else parts,
                           headers, framing)
        if end is None:
            x.send(data, pieces)
            if framing == "close":
                x.close()
            return
        x.send(data[:-5] if framing in ("chunked", "one") else data, pieces)
        x.end(end)
    return script


def refuse_by(end):
    """Reads the request, says nothing, ends by fin, rst or stall."""
    return lambda x: x.end(end)


def gated(parts, gates, headers=(), end="keep"):
    """A stream that sends parts[i] when gates[i] (a threading.Event or None) is open."""
    def script(x):
        x.send(head(200, [("Content-Type", "text/event-stream"), *headers], framing="chunked"))
        for part, gate in zip(parts, gates):
            if gate is not None:
                x.wait(gate)
            x.send(b"%x\r\n%s\r\n" % (len(part), part))
        if end == "keep":
            x.send(b"0\r\n\r\n")
        x.end(end)
    return script


def then(*scripts):
    """One script after the other on the same exchange."""
    def script(x):
        for each in scripts:
            each(x)
    return script


# --- the well-behaved provider -------------------------------------------------------------------------

def vector(text, size=8):
    """A deterministic embedding of a text."""
    return [((hash_of(text) >> (4 * i)) % 16 - 8) / 8 for i in range(size)]


def hash_of(text):
    value = 1469598103934665603
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2 ** 64
    return value


def said(request):
    """The last user text of a chat request: what `auto` echoes, so that answers can be told apart."""
    try:
        content = request.json()["messages"][-1]["content"]
        return content.encode(errors="replace").decode() if isinstance(content, str) else "parts"
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def auto(x):
    """The right answer for every endpoint; usage is what stands on the bill."""
    spent = usage(x.bill.input, x.bill.output)
    path = x.request.target.split("?")[0]
    model = "up-model"
    if path.endswith("/chat/completions"):
        text = "echo: " + said(x.request)
        if x.request.wants_stream():
            parts = events([text[:6], text[6:]], spent, asked=x.request.wants_usage())
            x.send(http_stream(parts))
            x.bill.reported = x.request.wants_usage()
            return
        body = chat(text, spent=spent)
    elif path.endswith("/completions"):
        body = dumps({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": model,
                      "choices": [{"text": "done", "index": 0, "logprobs": None,
                                   "finish_reason": "stop"}], "usage": spent})
    elif path.endswith("/embeddings"):
        body = embeddings(x.request.json(), x.bill.input)
    elif path.endswith("/moderations"):
        body = dumps({"id": "modr-1", "model": model, "results": [
            {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 1e-7}}]})
    elif "/images/" in path:
        body = dumps({"created": 1, "data": [{"b64_json": "aGk="}],
                      "usage": {"input_tokens": x.bill.input, "output_tokens": x.bill.output,
                                "total_tokens": x.bill.input + x.bill.output}})
    elif path.endswith("/audio/speech"):
        x.send(http_stream([bytes(range(256)) * 40] * 5).replace(
            b"text/event-stream; charset=utf-8", b"audio/mpeg"))
        return
    elif "/audio/" in path:
        body = dumps({"text": "héllo", "usage": {"type": "duration", "seconds": 2}})
    elif path.endswith("/rerank"):
        body = dumps({"results": [{"index": 1, "relevance_score": 0.75}],
                      "usage": {"total_tokens": x.bill.input}})
    elif path.endswith("/models"):
        body = dumps({"object": "list", "data": [{"id": model, "object": "model"}]})
    else:
        x.send(http(error_body("no such path", code="nowhere"), 404))
        return
    x.send(http(body))
    x.bill.reported = True


def embeddings(request, tokens):
    """Vectors for the inputs, as base64 of little-endian float32 unless floats were asked for."""
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
    data = []
    for index, text in enumerate(texts):
        value = vector(str(text))
        if request.get("encoding_format") == "base64":
            value = base64.b64encode(struct.pack(f"<{len(value)}f", *value)).decode()
        data.append({"object": "embedding", "index": index, "embedding": value})
    return dumps({"object": "list", "data": data, "model": "up-model",
                  "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
