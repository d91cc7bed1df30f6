"""What is no chat, between formats: embeddings, rankings, counts of tokens.

Every client's format against providers of every format. The providers are played here, from the
vendors' documents: they are strict about what they take, so a member that a vendor would refuse or
ignore fails the case. Nothing is shared with the gateway's own readers and writers. The mock
provider is asked in all its formats at the end.
"""

import base64
import json
import math
import struct
import subprocess
from urllib.parse import unquote

import answers
from fake_provider import Fake
from harness import Gateway, check, free_port, route, same
from raw import SLUICE

gateway = fake = None
SIZE = 5                         # of a vector when no other is asked for


def line(name, form, base):
    return f'  {name}: {{ format: {form}, url: "{fake.origin}/{base}", key: sk-upstream }}\n'


def setup():
    global gateway, fake
    fake = Fake()
    for name, script in (("oa", openai), ("gm", gemini), ("co", cohere), ("br", bedrock),
                         ("am", anthropic)):
        fake.site(name).default = script
    gateway = Gateway(
        "providers:\n" + line("oa", "openai-chat", "oa/v1") + line("gm", "gemini", "gm/v1beta") +
        line("co", "cohere", "co/v2") + line("br", "bedrock", "br") +
        line("am", "anthropic", "am/v1") +
        "routes:\n" + route("vectors", "gm/gemini-embedding-001") +
        route("ranks", "co/rerank-v4") + route("both", "br/amazon.titan-embed-text-v2:0", "oa/emb") +
        route("tokens", "gm/gemini-3-pro"))


# --- vectors -----------------------------------------------------------------------------------------

def vector(text, size):
    """Numbers with more digits than a float32 has."""
    return [math.sin(len(text) * 31 + i * 17 + sum(text.encode())) for i in range(size)]


def narrow(values):
    """As float32."""
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


def unpack(text):
    data = base64.b64decode(text, validate=True)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def need(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(each) for each in what))


def members(body, *allowed):
    need(set(body) <= set(allowed), "members", sorted(set(body) - set(allowed)))


# --- the providers -----------------------------------------------------------------------------------

def send(x, value, headers=()):
    x.send(answers.http(answers.dumps(value), headers=headers))
    x.bill.reported = True


def openai(x):
    body = x.request.json()
    if x.request.target == "/oa/v1/rerank":
        members(body, "model", "query", "documents", "top_n")
        send(x, {"object": "list", "model": "r", "data": ranks(body),
                 "usage": {"total_tokens": x.bill.input}})
        return
    same(x.request.target, "/oa/v1/embeddings", "target")
    members(body, "model", "input", "encoding_format", "dimensions", "user", "input_type")
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = []
    for index, text in enumerate(texts):
        values = vector(str(text), body.get("dimensions", SIZE))
        if body.get("encoding_format") == "base64":
            values = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
        data.append({"object": "embedding", "index": index, "embedding": values})
    send(x, {"object": "list", "model": "emb", "data": data[::-1],   # in any order
             "usage": {"prompt_tokens": x.bill.input, "total_tokens": x.bill.input}})


def gemini(x):
    body = x.request.json()
    path, _, verb = x.request.target.rpartition(":")
    name = "models/" + unquote(path.rpartition("/")[2])

    def values(one):
        members(one, "model", "content", "taskType", "title", "outputDimensionality")
        same(one.get("model", name), name, "model of the body")
        members(one["content"], "parts", "role")
        text = "\n".join(part["text"] for part in one["content"]["parts"])
        need(one.get("taskType", "CLUSTERING").isupper(), "taskType", one)
        return {"values": vector(text, one.get("outputDimensionality", SIZE))}

    if verb == "countTokens":
        inner = body.get("generateContentRequest")
        need(inner is None or inner["model"] == name, "model of the body", body)
        send(x, {"totalTokens": 4711})
    elif verb == "batchEmbedContents":
        need(all("model" in one for one in body["requests"]), "no model")
        send(x, {"embeddings": [values(one) for one in body["requests"]],
                 "usageMetadata": {"promptTokenCount": x.bill.input}})
    else:
        same(verb, "embedContent", "verb")
        send(x, {"embedding": values(body), "usageMetadata": {"promptTokenCount": x.bill.input}})


def cohere(x):
    body = x.request.json()
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": x.bill.input}}
    if x.request.target == "/co/v2/rerank":
        members(body, "model", "query", "documents", "top_n", "max_tokens_per_doc")
        need(all(isinstance(each, str) for each in body["documents"]), "documents", body)
        send(x, {"id": "r1", "results": ranks(body),
                 "meta": {"billed_units": {"search_units": 1}}})
        return
    same(x.request.target, "/co/v2/embed", "target")
    members(body, "model", "texts", "input_type", "embedding_types", "truncate", "output_dimension")
    need(body["input_type"] in ("search_document", "search_query", "classification", "clustering"),
         "input_type", body)
    need("float" in body.get("embedding_types", ["float"]), "embedding_types", body)
    send(x, {"id": "e1", "texts": body["texts"], "meta": meta, "embeddings": {
        "float": [vector(text, body.get("output_dimension", SIZE)) for text in body["texts"]]}})


def bedrock(x):
    body = x.request.json()
    model, _, verb = x.request.target.removeprefix("/br/model/").rpartition("/")
    model = unquote(model)
    count = [("x-amzn-bedrock-input-token-count", str(x.bill.input))]
    if verb == "count-tokens":
        same(set(body["input"]["converse"]) - {"messages", "system", "toolConfig"}, set(), "converse")
        need(not model.startswith("us."), "an inference profile", model)
        send(x, {"inputTokens": 815})
        return
    same(verb, "invoke", "verb")
    if "cohere" in model:
        members(body, "texts", "input_type", "truncate", "output_dimension")
        made = [vector(text, body.get("output_dimension", SIZE)) for text in body["texts"]]
        if "v4" in model:
            made = {"float": made}
        else:
            need("output_dimension" not in body, "output_dimension")
        send(x, {"id": "e", "embeddings": made, "texts": body["texts"]}, count)
    elif "nova" in model:
        same(body["taskType"], "SINGLE_EMBEDDING", "taskType")
        params = body["singleEmbeddingParams"]
        members(params, "embeddingPurpose", "embeddingDimension", "text")
        same(set(params["text"]), {"truncationMode", "value"}, "text")
        send(x, {"embeddings": [{"embeddingType": "TEXT", "embedding": vector(
            params["text"]["value"], params.get("embeddingDimension", SIZE))}]}, count)
    else:
        members(body, "inputText", *(["dimensions", "normalize"] if "v2" in model else []))
        send(x, {"embedding": vector(body["inputText"], body.get("dimensions", SIZE)),
                 "inputTextTokenCount": x.bill.input})


def anthropic(x):
    same(x.request.target, "/am/v1/messages/count_tokens", "target")
    members(x.request.json(), "model", "messages", "system", "tools", "tool_choice", "thinking")
    send(x, {"input_tokens": 42})


def ranks(body):
    """The longest document is the best."""
    order = sorted(range(len(body["documents"])), key=lambda i: -len(body["documents"][i]))
    return [{"index": i, "relevance_score": len(body["documents"][i]) / 64}
            for i in order[:body.get("top_n")]]


# --- the clients: what is posted, and the vectors and tokens of an answer ----------------------------

def ask_openai(model, texts, size, packed):
    body = {"model": model, "input": texts if len(texts) > 1 else texts[0], "input_type": "query"}
    if size:
        body["dimensions"] = size
    if packed is not None:
        body["encoding_format"] = "base64" if packed else "float"
    return "/v1/embeddings", body


def told_openai(value, packed):
    same(value["object"], "list", "object")
    data = sorted(value["data"], key=lambda each: each["index"])
    same([each["index"] for each in data], list(range(len(data))), "indexes")
    need(value["model"], "model")
    vectors = [each["embedding"] for each in data]
    return [unpack(each) for each in vectors] if packed else vectors, value["usage"]["prompt_tokens"]


def ask_gemini(model, texts, size, packed):
    more = {"taskType": "RETRIEVAL_QUERY", **({"outputDimensionality": size} if size else {})}
    each = [{"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **more}
            for text in texts]
    path = f"/v1beta/models/{model.replace('/', '%2F')}:"
    if len(texts) == 1:
        return path + "embedContent", each[0]
    return path + "batchEmbedContents", {"requests": each}


def told_gemini(value, packed):
    vectors = [value["embedding"]] if "embedding" in value else value["embeddings"]
    return [each["values"] for each in vectors], value["usageMetadata"]["promptTokenCount"]


def ask_cohere(model, texts, size, packed):
    body = {"model": model, "texts": texts, "input_type": "search_query",
            "embedding_types": ["base64" if packed else "float"]}
    if size:
        body["output_dimension"] = size
    return "/v2/embed", body


def told_cohere(value, packed):
    check(value["id"] and value["meta"]["api_version"]["version"] == "2", value)
    vectors = value["embeddings"]["base64" if packed else "float"]
    return ([unpack(each) for each in vectors] if packed else vectors,
            value["meta"]["billed_units"]["input_tokens"])


CLIENTS = {"openai": (ask_openai, told_openai), "gemini": (ask_gemini, told_gemini),
           "cohere": (ask_cohere, told_cohere)}
# name -> takes several texts, takes a size
MODELS = {"oa/emb": (True, True), "gm/gemini-embedding-001": (True, True), "co/embed-v4.0": (True, True),
          "br/amazon.titan-embed-text-v1": (False, False),
          "br/amazon.titan-embed-text-v2:0": (False, True),
          "br/cohere.embed-english-v3": (True, False), "br/us.cohere.embed-v4:0": (True, True),
          "br/amazon.nova-2-multimodal-embeddings-v1:0": (False, True)}
OWN = {"oa": "openai", "gm": "gemini", "co": "cohere"}
TEXTS = ['héllo "wörld" 🙂 \\ \n end', "two", "a third / text"]


def embeds(client, model, texts, size, packed):
    several, sizes = MODELS[model]
    ask, told = CLIENTS[client]
    path, body = ask(model, texts, size, packed)
    if packed and model.startswith("co/") and client == "cohere":
        return                                   # passes as it is; the provider here has no base64
    reply = gateway.post(body, path=path)
    if (len(texts) > 1 and not several) or (size and not sizes):
        check(reply.status == 400, "one text, one size", reply)
        word = b"inputs" if len(texts) > 1 and not several else b"imension"
        check(word in reply.body, "is not named:", reply)
        return
    check(reply.status == 200, reply)
    got, tokens = told(reply.json(), packed)
    wanted = [vector(text, size or SIZE) for text in texts]
    same([narrow(each) for each in got], [narrow(each) for each in wanted], "vectors")
    request = fake.requests[-1]
    bill = fake.bill[request.id]
    same(tokens, bill.input, "tokens")
    lost = {each.strip() for each in (reply.header("x-sluice-dropped") or "").split(",")} - {""}
    if OWN.get(model[:2]) == client:
        same(lost, set(), "lost")
    elif "titan" in model or model.startswith("oa/"):
        same(len(lost), 1, f"lost {lost}")       # what the vectors are for
    else:
        same(lost, set(), "lost")
    if len(texts) == 1 and not size:
        row = gateway.row(request.id)
        same((row["usage_kind"], row["input_tokens"], row["output_tokens"], row["operation"]),
             ("reported", bill.input, 0, "embeddings"), "row")


def test_embeddings():
    for client in CLIENTS:
        for model in MODELS:
            for texts in (TEXTS[:1], TEXTS):
                for size in (0, 3):
                    for packed in (False, True) if client != "gemini" else (False,):
                        def run(a=(client, model, texts, size, packed)):
                            embeds(*a)
                        yield f"{client}->{model}/{len(texts)}/{size}/{'packed' if packed else 'floats'}", run


def test_the_same_format_passes_as_it_is():
    """All bytes but those of the model's name, in a batch in each of its requests."""
    post = gateway.post
    body = b'{ "requests":[{"model" : "models/vectors","x":1,"content":{"parts":[{"text":"a"}]}}, ' \
           b'{"model":"models\\/vectors","content":{"parts":[{"text":"model"}],"role":"user"}}] }\n'
    fake.site("gm").queue(lambda x: send(x, {"embeddings": [], "odd": 1.0}))
    reply = post(body, path="/v1beta/models/vectors:batchEmbedContents")
    same(reply.body, answers.dumps({"embeddings": [], "odd": 1.0}), "answer")
    same(fake.requests[-1].body,
         body.replace(b'"models/vectors"', b'"models/gemini-embedding-001"').replace(
             b'"models\\/vectors"', b'"models/gemini-embedding-001"'), "body")
    same(fake.requests[-1].target, "/gm/v1beta/models/gemini-embedding-001:batchEmbedContents", "target")
    body = b'{"content": {"parts":[{"text":"a"}]} ,"taskType":"CLUSTERING"}'
    reply = post(body, path="/v1beta/models/vectors:embedContent")
    check(reply.status == 200, reply)
    same(fake.requests[-1].body, body, "body")
    body = b'{"texts":["a"],"model":"co/embed-v4.0", "input_type":"search_query"}'
    reply = post(body, path="/v2/embed")
    check(reply.status == 200, reply)
    same(fake.requests[-1].body, body.replace(b"co/embed", b"embed"), "body")


def test_what_cannot_cross_is_refused_by_name():
    for path, body, word in (
            ("/v1/embeddings", {"model": "vectors", "input": [1, 2, 3]}, "token"),
            ("/v1/embeddings", {"model": "vectors", "input": [[1, 2], [3]]}, "token"),
            ("/v1/embeddings", {"model": "vectors", "input": []}, "input"),
            ("/v1/embeddings", {"model": "vectors", "input": ["a", 7]}, "input"),
            ("/v1/embeddings", {"model": "vectors", "input": "a", "dimensions": 0}, "dimensions"),
            ("/v1/embeddings", {"model": "vectors", "input": "a", "encoding_format": "int8"},
             "encoding_format"),
            ("/v1/embeddings", {"model": "vectors", "input": "a", "input_type": "poem"}, "input_type"),
            ("/v2/embed", {"model": "vectors", "texts": ["a"], "input_type": "search_query",
                           "embedding_types": ["int8"]}, "int8"),
            ("/v2/embed", {"model": "vectors", "images": ["data:x"], "input_type": "image"}, "images"),
            ("/v1beta/models/co%2Fe:embedContent",
             {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}},
             "content"),
            ("/v1beta/models/co%2Fe:batchEmbedContents", {"requests": [
                {"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING"},
                {"content": {"parts": [{"text": "a"}]}}]}, "taskType")):
        before = len(fake.requests)
        reply = gateway.post(body, path=path)
        check(reply.status == 400 and word in reply.body.decode(), path, body, reply)
        same(len(fake.requests), before, "requests at a provider")
    # token numbers go on to a provider that understands them
    reply = gateway.post({"model": "both", "input": [1, 2]}, path="/v1/embeddings")
    check(reply.status in (200, 502), reply)
    same(fake.requests[-1].json()["input"], [1, 2], "tokens")
    reply = gateway.post({"model": "am/x", "input": "a"}, path="/v1/embeddings")
    check(reply.status == 400, "a provider without embeddings", reply)


def test_defaults_and_what_is_lost():
    reply = gateway.post({"model": "co/e", "input": "a", "user": "bob", "odd": 1}, path="/v1/embeddings")
    same(fake.requests[-1].json(), {"model": "e", "texts": ["a"], "input_type": "search_document",
                                    "truncate": "NONE", "embedding_types": ["float"]}, "body")
    lost = {each.strip() for each in reply.header("x-sluice-dropped").split(",")}
    same(lost, {"user", "odd"}, "lost")
    gateway.post({"model": "vectors", "input": "a"}, path="/v1/embeddings")
    same(fake.requests[-1].json(), {"requests": [{"model": "models/gemini-embedding-001", "content": {
        "parts": [{"text": "a"}]}}]}, "body")
    reply = gateway.post({"model": "co/e", "input": "a", "user": "bob"}, path="/v1/embeddings",
                         headers=[("x-sluice-strict", "1")])
    check(reply.status == 400 and b"user" in reply.body, reply)


def test_a_lying_provider():
    for value in ({"embeddings": []}, {"embeddings": [{"values": [1]}, {"values": [2]}]}, {},
                  {"embeddings": [{"values": ["x"]}]}, {"embeddings": [{"values": "x"}]},
                  {"embeddings": [{"values": [None]}]}, {"embeddings": [{"values": [1e999]}]}):
        for form in ("float", "base64"):
            if form == "float" and "1e999" in repr(value):
                continue
            body = json.dumps(value).replace("Infinity", "1e999").encode()
            fake.site("gm").queue(answers.reply(body))
            reply = gateway.post({"model": "vectors", "input": "a", "encoding_format": form},
                                 path="/v1/embeddings")
            if form == "float" and b"1e999" in body:
                continue
            check(reply.status == 502, value, reply)


# --- rankings ----------------------------------------------------------------------------------------

def test_rankings():
    for path in ("/v1/rerank", "/v2/rerank"):
        for model in ("oa/r", "ranks"):
            body = {"model": model, "query": "q", "documents": ["a", "bbb", "cc"], "top_n": 2}
            reply = gateway.post(body, path=path)
            check(reply.status == 200, path, model, reply)
            value = reply.json()
            found = [(each["index"], each["relevance_score"])
                     for each in value.get("results", value.get("data"))]
            same(found, [(1, 3 / 64), (2, 2 / 64)], f"{path} {model}")
            if model == "ranks":                    # billed by the search, in both lanes
                row = gateway.row(fake.requests[-1].id)
                same((row["usage_kind"], row["searches"], row["input_tokens"], row["cost_nano"]),
                     ("reported", 1, 0, None), "row")
    reply = gateway.post({"model": "ranks", "query": "q", "documents": [{"text": "a"}, "bb"],
                          "return_documents": True}, path="/v1/rerank")
    same([each["document"]["text"] for each in reply.json()["results"]], ["bb", "a"], "documents")
    reply = gateway.post({"model": "oa/r", "query": "q", "documents": ["a"], "max_tokens_per_doc": 9,
                          "priority": 1}, path="/v2/rerank")
    same(reply.header("x-sluice-dropped"), "priority, max_tokens_per_doc", "lost")
    row = gateway.row(fake.requests[-1].id)
    same((row["usage_kind"], row["input_tokens"]), ("reported", fake.bill[fake.requests[-1].id].input),
         "row")


# --- counts ------------------------------------------------------------------------------------------

TEXT = "so many words " * 20


def counts(model):
    """(path, body, where the answer says the number) for each format that counts."""
    name = model.replace("/", "%2F")
    turn = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}
    return [
        ("/v1/messages/count_tokens",
         {"model": model, "messages": [{"role": "user", "content": TEXT}], "system": "Be brief.",
          "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}]},
         "input_tokens"),
        ("/v1/responses/input_tokens", {"model": model, "input": TEXT}, "input_tokens"),
        (f"/v1beta/models/{name}:countTokens", turn, "totalTokens"),
        (f"/v1beta/models/{name}:countTokens",
         {"generateContentRequest": {"model": f"models/{model}", **turn}}, "totalTokens"),
        (f"/model/{name}/count-tokens",
         {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": TEXT}]}]}}},
         "inputTokens"),
    ]


def test_counts_are_asked_of_the_provider():
    for model, number in (("am/claude-x", 42), ("gm/gemini-3-pro", 4711), ("tokens", 4711),
                          ("br/us.amazon.nova-lite-v1:0", 815)):
        for path, body, member in counts(model):
            reply = gateway.post(body, path=path)
            check(reply.status == 200, path, model, reply)
            same(reply.json()[member], number, f"{path} {model}")
            same(reply.header("x-sluice-estimated"), None, "x-sluice-estimated")
    row = gateway.row(fake.requests[-1].id)
    same((row["usage_kind"], row["operation"]), ("none", "count_tokens"), "row")


def test_counts_are_guessed_where_nobody_counts():
    for path, body, member in counts("oa/gpt"):
        reply = gateway.post(body, path=path)
        check(reply.status == 200, path, reply)
        check(len(TEXT) // 4 <= reply.json()[member] <= len(TEXT) // 4 + 30, path, reply)
        same(reply.header("x-sluice-estimated"), "1", "x-sluice-estimated")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                         "data": "A" * 400000}}
    path, body, _ = counts("oa/gpt")[0]
    body["messages"][0]["content"] = [image]
    reply = gateway.post(body, path=path)
    check(reply.json()["input_tokens"] < 2000, "a picture is no text:", reply)
    # a provider of another format that does not count this model
    fake.site("br").queue(answers.reply(b'{"message":"The provided model doesn\'t support counting"}',
                                        status=400))
    path, body, _ = counts("br/x")[0]
    reply = gateway.post(body, path=path)
    check(reply.status == 200 and reply.header("x-sluice-estimated") == "1", reply)


# --- the mock ----------------------------------------------------------------------------------------

def test_the_mock_in_every_format():
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    there = Gateway("providers:\n" + "".join(
        f'  {name}: {{ format: {form}, url: "http://127.0.0.1:{port}{base}", key: sk }}\n'
        for name, form, base in (("oa", "openai-chat", "/v1"), ("gm", "gemini", "/v1beta"),
                                 ("co", "cohere", "/v2"), ("br", "bedrock", ""))))
    try:
        seen = []
        for client, (ask, told) in CLIENTS.items():
            for provider in ("oa", "gm", "co", "br"):
                path, body = ask(f"{provider}/embed", TEXTS[:1], 7, False)
                reply = there.post(body, path=path)
                check(reply.status == 200, client, provider, reply)
                vectors, tokens = told(reply.json(), False)
                seen.append((narrow(vectors[0]), tokens))
        check(all(each == seen[0] for each in seen) and len(seen[0][0]) == 7, seen)
        for path in ("/v1/rerank", "/v2/rerank"):
            for provider in ("oa", "co"):
                reply = there.post({"model": f"{provider}/rerank", "query": "red cat",
                                    "documents": ["a dog", "a red cat"]}, path=path)
                same(reply.json()["results"][0]["index"], 1, f"{path} {provider}")
    finally:
        there.remove()
        mock.terminate()
        mock.wait()
