"""Every endpoint of the pass lane, its prefixes and credential places, models, and body sizes."""

import base64
import hashlib
import json
import os
import struct

import answers
from fake_provider import Fake
from harness import (CHAT, Gateway, check, openai_error, provider, route, same)
from raw import chunked, request, show, until

gateway = fake = site = None


def setup():
    global gateway, fake, site
    fake = Fake()
    site = fake.site("e")
    gateway = Gateway("providers:\n" + provider("fake", site.url) + "routes:\n" + "".join(
        route(name, "fake/up-model") for name in
        ("m", "alpha-one", "alpha-two", "alpha-three", "zulu")))


# --- paths and credentials ---------------------------------------------------------------------------

PREFIXES = ["", "/openai", "/anthropic", "/gemini", "/api"]


def test_prefixes():
    for prefix in [*PREFIXES, "/v1"]:
        path = prefix + CHAT
        reply = gateway.post(gateway.chat("m"), path=path)
        check(reply.status == 200, path, reply)
        same(site.requests[-1].target, "/e/v1/chat/completions", f"target upstream for {path}")
        reply = gateway.get(prefix + "/v1/models")
        check(reply.status == 200 and reply.json()["object"] == "list", prefix, reply)
    reply = gateway.post(gateway.chat("m"), path=CHAT + "?api-version=1")
    check(reply.status == 200, "with a query", reply)


def test_wrong_paths_and_methods():
    for path in ("/v2/chat/completions", "/v1/chat", "/v1/chat/completion", "/v3/models", "/v1",
                 "/openai", "/v1/v1/v1/chat/completions", "/vertex/v1/chat/completions"):
        openai_error(gateway.post(gateway.chat("m"), path=path), 404)
    for method, path in (("GET", CHAT), ("PUT", CHAT), ("DELETE", "/v1/models"), ("PATCH", CHAT),
                         ("POST", "/v1/models"), ("GET", "/v1/embeddings")):
        reply = gateway.get(path, method=method)
        openai_error(reply, 405)
    same(len(site.requests), len([r for r in site.requests if r.target.startswith("/e/v1/")]),
         "targets upstream")


def test_refusals_of_paths_help():
    """In the dialect of who asks, with what the path has, or what paths there are."""
    for path, of in (("/v1/messages/batches", "anthropic"), ("/anthropic/v1/nothing", "anthropic"),
                     ("/v1beta/models/m:generatecontent", "gemini"), ("/v1/models/m:nothing", "gemini"),
                     ("/model/m/invoke", "bedrock"), ("/v2/classify", "cohere")):
        reply = gateway.post({}, path=path)
        same(reply.status, 404, path)
        said = reply.json()
        check({"anthropic": said.get("type") == "error", "cohere": set(said) <= {"message", "id"},
               "gemini": said.get("error", {}).get("status") == "NOT_FOUND" if isinstance(
                   said.get("error"), dict) else False,
               "bedrock": "message" in said and "error" not in said}[of], path, said)
        check("there is no such endpoint" in reply.body.decode() and ":streamGenerateContent" in reply.body.decode(), path, reply)
    for path, of in (("/v1/messages", "anthropic"), ("/model/m/converse", "bedrock"), ("/v2/chat", "cohere")):
        reply = gateway.get(path)
        check(reply.status == 405 and reply.header("allow") == "POST" and "not allowed here: POST" in reply.body.decode(),
              path, reply)
        check((of == "anthropic") == (reply.json().get("type") == "error"), path, reply)
    reply = gateway.get("/v1/models/alpha-on")
    check(reply.status == 404 and "nearest names are alpha-one" in reply.body.decode(), reply)
    code, _, err = gateway.cli("explain", "alpha-on")
    check(code == 1 and "nearest names are alpha-one" in err, err)
    for body, what in ((b"", "it is empty"), (b"[1]", "it does not begin with {"), (b'{"model"', "JSON object\"")):
        reply = gateway.post(body, path=CHAT)
        check(reply.status == 400 and what in reply.body.decode(), body, reply)


def test_credential_places():
    key = gateway.key()
    for name, value in (("Authorization", f"Bearer {key}"), ("authorization", f"bearer {key}"),
                        ("x-api-key", key), ("X-API-Key", key), ("x-goog-api-key", key),
                        ("api-key", key)):
        reply = gateway.post(gateway.chat("m"), key=None, headers=[(name, value)])
        check(reply.status == 200, f"{name}:", reply)
        check(key.encode() not in site.requests[-1].raw_head, f"{name}: our key went upstream")


def test_credentials_that_differ():
    key, other = gateway.key(), gateway.key("other")
    places = {"Authorization": "Bearer {}", "x-api-key": "{}", "x-goog-api-key": "{}", "api-key": "{}"}
    for one, form in places.items():
        for two, form_two in places.items():
            if one >= two:
                continue
            for second, status in ((key, 200), (other, 400), ("sk-unknown", 400)):
                reply = gateway.post(gateway.chat("m"), key=None, headers=[
                    (one, form.format(key)), (two, form_two.format(second))])
                check(reply.status == status, f"{one} and {two} {status}:", reply)
                if status == 400:
                    message = openai_error(reply, 400)["message"]
                    check(key not in message and other not in message, "a key in", message)


def test_no_wrong_and_revoked_key():
    openai_error(gateway.post(gateway.chat("m"), key=None), 401, "invalid_api_key")
    for path in ("/v1/models", "/v1/models/m"):
        openai_error(gateway.get(path, key=None), 401)
    code, out, _ = gateway.cli("keys", "create", "--name", "short-lived", "--json")
    made = json.loads(out)
    bearer = [("Authorization", f"Bearer {made['key']}")]
    check(gateway.post(gateway.chat("m"), key=None, headers=bearer).status == 200, "before revoke")
    code, out, err = gateway.cli("keys", "revoke", made["id"])
    same(code, 0, f"exit of keys revoke {made['id']}: {err}")
    until(lambda: gateway.post(gateway.chat("m"), key=None, headers=bearer).status == 401,
          "the revoked key to be refused", 1.5)


def test_one_connection_many_keys():
    """What a connection remembers of its last good key opens nothing for another one."""
    good = gateway.key()
    name, secret = good[:18], good[18:]
    changed = name + ("B" if secret[0] == "A" else "A") + secret[1:]
    code, out, _ = gateway.cli("keys", "create", "--name", "kept-alive", "--json")
    made = json.loads(out)
    with gateway.open() as client:
        def status(key):
            client.send(request("GET", "/v1/models/m", [("Authorization", f"Bearer {key}")]))
            return client.reply("GET").status
        for key, wanted in ((changed, 401), (good, 200), (changed, 401), (good[:-1], 401),
                            (good + "A", 401), (good, 200), (made["key"], 200), (good, 200),
                            (made["key"], 200), (made["key"], 200), (name + made["key"][18:], 401)):
            same(status(key), wanted, f"status with {key[:20]}...")
        same(status(made["key"]), 200, "before revoke")
        code, _, err = gateway.cli("keys", "revoke", made["id"])
        same(code, 0, f"exit of keys revoke: {err}")
        until(lambda: status(made["key"]) == 401, "the remembered key to be refused", 1.5)
        same(status(good), 200, "another key on the same connection")


def test_query_key_is_for_gemini_only():
    reply = gateway.post(gateway.chat("m"), path=f"{CHAT}?key={gateway.key()}", key=None)
    openai_error(reply, 401)


# --- models ------------------------------------------------------------------------------------------

def test_models_list_and_one():
    reply = gateway.get("/v1/models")
    check(reply.status == 200, reply)
    value = reply.json()
    same(value["object"], "list", "object")
    ids = [each["id"] for each in value["data"]]
    for name in ("m", "alpha-one", "zulu"):
        check(name in ids, f"{name} not in", ids[:20])
    for each in value["data"]:
        check(each.get("object") == "model" and isinstance(each.get("created"), int)
              and isinstance(each.get("owned_by"), str), each)
    reply = gateway.get("/v1/models/alpha-two")
    check(reply.status == 200 and reply.json()["id"] == "alpha-two", reply)
    openai_error(gateway.get("/v1/models/nothing"), 404, "model_not_found")


def test_model_with_a_slash():
    for path in ("/v1/models/fake%2Fup-model", "/v1/models/fake/up-model"):
        reply = gateway.get(path)
        check(reply.status in (200, 404), path, reply)
        if reply.status == 200:
            same(reply.json()["id"], "fake/up-model", f"id at {path}")


def test_unknown_model_names_the_three_nearest():
    for asked in ("alpha-oen", "Alpha-One", "alpha_one"):
        reply = gateway.post(gateway.chat(asked))
        message = openai_error(reply, 404, "model_not_found")["message"]
        for name in ("alpha-one", "alpha-two", "alpha-three"):
            check(name in message, f"{asked}: no {name} in {message!r}")
        check("zulu" not in message, message)
    for asked in ("nowhere/model", "", "m\u0000", "m\r\nx: y", "m" * 5000):
        reply = gateway.post(gateway.chat(asked))
        check(reply.status in (400, 404), repr(asked[:20]), reply)
        openai_error(reply, (400, 404))
    for body in (b'{"messages":[]}', b'{"model":null,"messages":[]}', b'{"model":7,"messages":[]}',
                 b'{"model":["m"],"messages":[]}'):
        openai_error(gateway.post(body), 400)


# --- without a key -----------------------------------------------------------------------------------

def test_health_and_heads():
    same(gateway.get("/health", key=None).status, 200, "GET /health")
    for path in ("/", "/api/hello", "/health"):
        with gateway.open() as raw:
            raw.send(request("HEAD", path))
            reply = raw.reply("HEAD")
            check(reply.status == 200, f"HEAD {path}", reply)
            raw.send(request("GET", "/health"))           # nothing of a body may be in between
            same(raw.reply().status, 200, f"GET behind HEAD {path}")


def test_head_of_models():
    with gateway.open() as raw:
        raw.send(request("HEAD", "/v1/models", [gateway.bearer()]))
        reply = raw.reply("HEAD")
        check(reply.status in (200, 405), reply)
        raw.send(request("GET", "/v1/models", [gateway.bearer()]))
        same(raw.reply().status, 200, "GET behind it")


# --- JSON endpoints ----------------------------------------------------------------------------------

def passes(path, body, tokens=True, **more):
    """The endpoint exists, both bodies are byte-exact, the attempt is in the ledger."""
    raw_body = body if isinstance(body, bytes) else answers.dumps(body)
    reply = gateway.post(raw_body, path=path, **more)
    check(reply.status == 200, path, reply)
    got = site.requests[-1]
    same(got.target, "/e" + path, "target upstream")
    same(got.body, raw_body.replace(b'"m"', b'"up-model"', 1), f"body upstream of {path}")
    row = gateway.row(got.id)
    same((row["state"], row["status"]), ("done", 200), f"row of {path}: {row}")
    if tokens:
        bill = fake.bill[got.id]
        same((row["usage_kind"], row["input_tokens"]), ("reported", bill.input), f"{path}: {row}")
    same(reply.header("x-sluice-provider"), "fake", "x-sluice-provider")
    return reply


def test_embeddings():
    for more in ({}, {"encoding_format": "base64"}, {"encoding_format": "float"}):
        reply = passes("/v1/embeddings", {"model": "m", "input": ["a", "b"], **more})
        data = reply.json()["data"]
        vectors = [each["embedding"] for each in data]
        if more.get("encoding_format") == "base64":
            vectors = [list(struct.unpack("<8f", base64.b64decode(each))) for each in vectors]
        same(vectors, [answers.vector("a"), answers.vector("b")], "vectors")
    passes("/v1/embeddings", {"model": "m", "input": list(range(2000))})
    passes("/v1/embeddings", {"model": "m", "input": [[1, 2, 3], [4, 5]]})


def test_other_json_endpoints():
    passes("/v1/completions", {"model": "m", "prompt": "once"})
    passes("/v1/moderations", {"model": "m", "input": "x"}, tokens=False)
    passes("/v1/images/generations", {"model": "m", "prompt": "a cat", "n": 1})
    passes("/v1/rerank", {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1}, tokens=False)


def test_speech_is_binary_and_streamed():
    reply = passes("/v1/audio/speech", {"model": "m", "input": "hi", "voice": "alloy"}, tokens=False)
    same(hashlib.sha256(reply.body).hexdigest(),
         hashlib.sha256(bytes(range(256)) * 200).hexdigest(), "audio")
    same(reply.header("content-type"), "audio/mpeg", "content-type")
    check(b": sluice" not in reply.body, "a comment inside audio")


# --- multipart ---------------------------------------------------------------------------------------

EDGE = b"----sluiceTest7MA4YWxk"


def multipart(fields, model_last=False, edge=EDGE):
    """fields: (name, value, filename or None) in order."""
    out = []
    for name, value, filename in fields:
        out.append(b"--" + edge + b'\r\nContent-Disposition: form-data; name="' + name + b'"' +
                   (b'; filename="' + filename + b'"\r\nContent-Type: application/octet-stream'
                    if filename else b"") + b"\r\n\r\n" + value + b"\r\n")
    return b"".join(out) + b"--" + edge + b"--\r\n"


def form(fields, path, edge=EDGE):
    """Sends a form and compares what the provider got: the model value changed, nothing else."""
    body = multipart(fields, edge=edge)
    kind = "multipart/form-data; boundary=" + edge.decode()
    reply = gateway.post(body, path=path, kind=kind)
    check(reply.status == 200, path, reply)
    got = site.requests[-1]
    wanted = multipart([(name, b"up-model" if name == b"model" else value, filename)
                        for name, value, filename in fields], edge=edge)
    same(hashlib.sha256(got.body).hexdigest() if len(wanted) > 9999 else got.body,
         hashlib.sha256(wanted).hexdigest() if len(wanted) > 9999 else wanted, f"form at {path}")
    same(got.all("content-type"), [kind], "content-type upstream")
    same(gateway.row(got.id)["status"], 200, "status in the ledger")
    return reply


def test_transcriptions():
    audio = os.urandom(50000) + b"\r\n--" + EDGE[:-1] + b"\r\nnot quite the boundary"
    file, model = (b"file", audio, b"a b.mp3"), (b"model", b"m", None)
    for fields in ([file, model], [model, file], [(b"language", b"en", None), file, model,
                                                  (b"response_format", b"json", None)]):
        reply = form(fields, "/v1/audio/transcriptions")
        same(reply.json()["text"], "héllo", "text")
    form([file, model], "/v1/audio/translations")
    site.queue(answers.reply("1\n00:00 héllo\n".encode(), kind="text/plain; charset=utf-8"))
    reply = form([file, model], "/v1/audio/transcriptions")
    same((bytes(reply.body), reply.header("content-type")),
         ("1\n00:00 héllo\n".encode(), "text/plain; charset=utf-8"), "plain text answer")


def test_image_edits():
    form([(b"image[]", os.urandom(9000), b"a.png"), (b"image[]", os.urandom(10), b"b.png"),
          (b"prompt", "ein Bär".encode(), None), (b"model", b"m", None)], "/v1/images/edits")


def test_bad_multipart():
    good = multipart([(b"model", b"m", None), (b"file", b"x", b"a")])
    before = len(site.requests)
    for name, body, kind in (
            ("no model", multipart([(b"file", b"x", b"a")]), "multipart/form-data; boundary=%s"),
            ("two models", multipart([(b"model", b"m", None), (b"model", b"zulu", None)]),
             "multipart/form-data; boundary=%s"),
            ("no boundary", good, "multipart/form-data"),
            ("another boundary", good, "multipart/form-data; boundary=other"),
            ("unknown model", multipart([(b"model", b"nothing", None)]),
             "multipart/form-data; boundary=%s"),
            ("empty", b"", "multipart/form-data; boundary=%s")):
        reply = gateway.post(body, path="/v1/audio/transcriptions", kind=kind.replace("%s", EDGE.decode()))
        check(reply.status in (400, 404, 415), name, reply)
        openai_error(reply, reply.status)
    same(len(site.requests), before, "requests at the provider")


# --- sizes -------------------------------------------------------------------------------------------

def test_large_json_both_ways():
    body = answers.dumps(gateway.chat("m", "x" * (5 * 2 ** 20)))
    answer = answers.chat("y" * (5 * 2 ** 20))
    site.queue(answers.reply(answer))
    reply = gateway.post(body)
    check(reply.status == 200, reply)
    same(hashlib.sha256(site.requests[-1].body).digest(),
         hashlib.sha256(body.replace(b'"m"', b'"up-model"')).digest(), "5 MiB upstream")
    same(hashlib.sha256(reply.body).digest(), hashlib.sha256(answer).digest(), "5 MiB back")


def test_large_multipart():
    form([(b"model", b"m", None), (b"file", os.urandom(2 ** 20) * 20, b"big.wav")],
         "/v1/audio/transcriptions")
    form([(b"file", os.urandom(2 ** 20) * 20, b"big.wav"), (b"model", b"m", None)],
         "/v1/audio/transcriptions")


def test_large_binary_answer():
    data = os.urandom(2 ** 20) * 12
    for framing in ("chunked", "length", "close"):
        site.queue(answers.raw(answers.http_stream([data[:9], data[9:]], framing=framing).replace(
            b"text/event-stream; charset=utf-8", b"audio/mpeg"),
            "fin" if framing == "close" else "keep"))
        reply = gateway.post({"model": "m", "input": "x", "voice": "a"}, path="/v1/audio/speech")
        same(hashlib.sha256(reply.body).digest(), hashlib.sha256(data).digest(), f"12 MiB, {framing}")


def test_over_the_limit_is_413():
    before = len(site.requests)
    with gateway.open() as raw:
        raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json"),
                                        ("Content-Length", 32 * 2 ** 20 + 1)]))
        openai_error(raw.reply(), 413)
    with gateway.open() as raw:
        raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json"),
                                        ("Transfer-Encoding", "chunked")]))
        piece = chunked(b" " * 2 ** 20, last=b"")
        for _ in range(33):
            if not raw.send(piece):
                break
        openai_error(raw.reply(), 413)
        check(raw.left_over(3)[0] != "open", "connection still open")
    same(len(site.requests), before, "requests at the provider")


def test_upload_without_a_length_over_the_limit_is_413():
    """It could be sent on only with a length, which nobody knows: it is held, up to the limit."""
    before = len(site.requests)
    start = multipart([(b"model", b"m", None), (b"file", b"", b"a")])[:-len(EDGE) - 8]
    with gateway.open() as raw:
        raw.send(request("POST", "/v1/audio/transcriptions",
                         [gateway.bearer(), ("Transfer-Encoding", "chunked"),
                          ("Content-Type", "multipart/form-data; boundary=" + EDGE.decode())]))
        raw.send(chunked(start, last=b""))
        piece = chunked(b"x" * 2 ** 20, last=b"")
        for _ in range(34):
            if not raw.send(piece):
                break
        openai_error(raw.reply(), 413)
    same(len(site.requests), before, "requests at the provider")


def test_just_below_the_limit_passes():
    body = answers.dumps(gateway.chat("m", "x"))
    body = body + b" " * (32 * 2 ** 20 - len(body))
    reply = gateway.post(body)
    check(reply.status == 200, reply)
    same(len(site.requests[-1].body), len(body) + len("up-model") - 1, "bytes upstream")


def test_expect_continue_for_a_large_body():
    body = answers.dumps(gateway.chat("m", "x" * 200000))
    with gateway.open() as raw:
        raw.send(request("POST", CHAT, [gateway.bearer(), ("Content-Type", "application/json"),
                                        ("Expect", "100-continue"), ("Content-Length", len(body))]))
        until(lambda: b"\r\n\r\n" in raw.buffer or raw._fill(), "100 Continue")
        check(raw.buffer.startswith(b"HTTP/1.1 100"), show(raw.buffer))
        raw.send(body)
        same(raw.reply().status, 200, "status")


def test_models_for_geminis_clients():
    """One route of theirs had OpenAI's shape, and the list was 404."""
    listed = gateway.get("/v1/models").json()["data"]
    for path, headers in (("/v1beta/models?pageSize=50", [gateway.bearer()]),
                          (f"/gemini/v1beta/models?key={gateway.key()}", [])):
        reply = gateway.get(path, key=None, headers=headers)
        same(reply.status, 200, path)
        same([model["name"] for model in reply.json()["models"]], ["models/" + model["id"] for model in listed], path)
        check("nextPageToken" not in reply.json(), reply)
    one = gateway.get("/v1beta/models/" + listed[0]["id"]).json()
    same(one["name"], "models/" + listed[0]["id"], one)
    check("generateContent" in one["supportedGenerationMethods"] and "object" not in one, one)
    reply = gateway.get("/v1beta/models/nobodys")
    check(reply.status == 404 and reply.json()["error"]["status"] == "NOT_FOUND", reply)
    same(gateway.get("/v1beta/models", method="POST").status, 405, "POST")
    same(gateway.get("/v1beta/models", key=None).status, 401, "without a key")
