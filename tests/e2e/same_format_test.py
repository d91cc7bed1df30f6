"""The pass lane of every format: the provider gets the client's own bytes, but for the model's name,
and the client gets the provider's, also what Sluice has never heard of.
"""

import base64
import copy
import json

import answers
from dialects import ALL, Turn
from fake_provider import Fake
from harness import Gateway, check, same, split_comment

gateway = fake = None
WHOLE = {
    "openai-chat": {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
    "openai-responses": {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}},
    "anthropic": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                  "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
                  "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4}},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]},
                               "finishReason": "STOP", "index": 0}], "modelVersion": "m",
               "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}},
    "bedrock": {"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
                "stopReason": "end_turn", "metrics": {"latencyMs": 1},
                "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}},
    "cohere": {"id": "c", "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
               "finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 4}}},
}
FEATURES = {
    "openai-chat": ("OpenAI-Beta", "assistants=v2"), "openai-responses": ("OpenAI-Beta", "x=1"),
    "anthropic": ("anthropic-beta", "context-1m-2025-08-07,made-up-2099-01-01"),
    "gemini": ("x-goog-api-client", "gl-node/22"),
}


def coded(text):
    return base64.b64encode(text.encode()).decode()


def setup():
    global gateway, fake
    fake = Fake()
    lines = [f"  p-{each.name}: {{ format: {each.name}, url: \"{fake.site(each.name).url.removesuffix('/v1')}"
             f"{each.base}\", key: sk-upstream-SECRET }}" for each in ALL]
    gateway = Gateway("providers:\n" + "\n".join(lines) + "\n")


def odd(body):
    """The request with white space, odd numbers, escapes and members nobody knows."""
    body = dict(body, made_up={"b": 1e2, "a": [1.50, 10176929106694746000]}, zz_last="\\u00e9")
    return json.dumps(body, indent=1).replace("hello", "h\\u0065llo").encode()


def test_requests():
    for client in ALL:
        def run(client=client):
            site = fake.site(client.name)
            path, body = client.request(f"p-{client.name}/up-model", Turn("hello", system="s"), False)
            sent = odd(body)
            site.queue(answers.reply(json.dumps(dict(WHOLE[client.name], made_up=[1.50])).encode()))
            name, value = FEATURES.get(client.name, ("X-Custom", "1"))
            others = [each for key, each in FEATURES.items() if each[0] != name]
            reply = gateway.post(sent, path=path, headers=[(name, value), *others])
            check(reply.status == 200, client.name, reply)
            got = site.requests[-1]
            same(got.body, sent.replace(f'"p-{client.name}/up-model"'.encode(), b'"up-model"'), "body upstream")
            same(got.all(name), [value], f"{name} upstream")
            for other, _ in others:
                check(got.header(other) is None, f"{other} reached a provider of {client.name}")
            check(b"sk-upstream-SECRET" not in reply.body and "up-model" in got.target + got.body.decode(),
                  "model", got.target)
            same(json.loads(reply.body)["made_up"], [1.5], "unknown member of the answer")
            check(b"1.5" in reply.body, "number as written", reply)
            row = gateway.row(got.id)
            same((row["input_tokens"], row["output_tokens"], row["usage_kind"]), (3, 4, "reported"), "usage")
        yield client.name, run


def test_anthropic_needs_a_version():
    site = fake.site("anthropic")
    client = next(each for each in ALL if each.name == "anthropic")
    for headers, wanted in (([], "2023-06-01"), ([("anthropic-version", "2026-10-21")], "2026-10-21")):
        path, body = client.request("p-anthropic/m", Turn(), False)
        site.queue(answers.reply(json.dumps(WHOLE["anthropic"]).encode()))
        reply = gateway.post(json.dumps(body).encode(), path=path, headers=headers)
        check(reply.status == 200, reply)
        same(site.requests[-1].all("anthropic-version"), [wanted], "anthropic-version")
    path, body = ALL[0].request("p-anthropic/m", Turn(), False)
    site.queue(answers.reply(json.dumps(WHOLE["anthropic"]).encode()))
    check(gateway.post(json.dumps(body).encode(), path=path, headers=[
        ("openai-beta", "x"), ("anthropic-version", "9")]).status == 200, "translated")
    same(site.requests[-1].all("anthropic-version"), ["2023-06-01"], "anthropic-version, translated")
    check(site.requests[-1].header("openai-beta") is None, "openai-beta reached another format")


def test_streams():
    """Events pass byte for byte, with names, odd spacing and unknown members."""
    event = b'event: message_start\r\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",' \
            b'"role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}},"new":1.50}   \r\n\r\n'
    parts = [event, b'event: ping\ndata: {"type": "ping"}\n\n',
             b'event: made_up\ndata: {"type":"made_up","x":[1]}\n\n',
             b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
             b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"h\\u0069"}}\n\n',
             b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
             b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}\n\n',
             b'event: message_stop\ndata: {"type":"message_stop"}\n\n']
    client = next(each for each in ALL if each.name == "anthropic")
    site = fake.site("anthropic")
    path, body = client.request("p-anthropic/m", Turn(), True)
    site.queue(answers.stream(parts))
    reply = gateway.post(json.dumps(body).encode(), path=path)
    stream, comment = split_comment(reply.body)
    same(stream, b"".join(parts), "stream")
    row = gateway.row(site.requests[-1].id)
    same((row["input_tokens"], row["output_tokens"], row["finish"]), (3, 4, "stop"), "ledger")


YES = {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}
ECHOED = {  # the assistant's turn, as a client has it from an answer of another vendor, and what is left of it
    "openai-chat": ({"role": "assistant", "content": "yes", "reasoning_content": "hm", "reasoning_details": [
        {"type": "reasoning.encrypted", "data": "sluice1.anthropic.QUJD", "id": "think-0-0-2", "index": 0}]},
        {"role": "assistant", "content": "yes", "reasoning_content": "hm"}),
    "anthropic": (dict(YES, content=[
        {"type": "thinking", "thinking": "hm", "signature": "sluice1.gemini.QUJD"}, *YES["content"]]), YES),
    "gemini": ({"role": "model", "parts": [
        {"text": "hm", "thought": True}, {"text": "yes", "thoughtSignature": coded("sluice1.anthropic.QUJD")}]},
        {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "yes"}]}),
    "bedrock": ({"role": "assistant", "content": [
        {"reasoningContent": {"redactedContent": coded("sluice1.gemini-redacted.QUJD")}}, {"text": "yes"}]},
        {"role": "assistant", "content": [{"text": "yes"}]}),
    "openai-responses": ({"type": "reasoning", "id": "rs_1", "summary": [],
                          "encrypted_content": "sluice1.anthropic.QUJD"}, None),
}
TURNS = {"gemini": "contents", "openai-responses": "input"}


def echoing(name):
    """(path, body) of a second turn, and the turns that are to reach the provider."""
    client = next(each for each in ALL if each.name == name)
    path, body = client.request(f"p-{name}/m", Turn("go on"), False)
    turns, (echoed, left) = body[TURNS.get(name, "messages")], copy.deepcopy(ECHOED[name])
    if isinstance(turns, str):
        turns = body[TURNS[name]] = [{"role": "user", "content": turns}]
    turns[:0] = [dict(turns[0]), echoed]
    return path, body, [turns[0], *([left] if left else []), *turns[2:]]


def test_seals_of_others_never_reach_a_vendor():
    """What another vendor thought is cut out of what a client echoes; the rest of request and answer passes as it
    is, as for one who never asked another vendor.
    """
    for name in ECHOED:
        def run(name=name):
            path, body, left = echoing(name)
            site = fake.site(name)
            site.queue(answers.reply(json.dumps(dict(WHOLE[name], made_up=[1.50])).encode()))
            reply = gateway.post(odd(body), path=path, headers=[("x-sluice-strict", "1")])
            check(reply.status == 200, reply)
            wanted = json.loads(odd(body).replace(f'"p-{name}/m"'.encode(), b'"m"'))
            wanted[TURNS.get(name, "messages")] = left
            same(json.loads(site.requests[-1].body), wanted, "body upstream")
            same(json.loads(reply.body)["made_up"], [1.5], "unknown member of the answer")
            same(reply.header("x-sluice-dropped"), None, "x-sluice-dropped")
        yield name, run


def test_a_loop_of_tools_loses_the_thinking_with_its_thoughts():
    """Anthropic refuses calls without the thoughts that led to them while it is to think."""
    path, body, _ = echoing("anthropic")
    body["messages"][1]["content"].append({"type": "tool_use", "id": "t", "name": "f", "input": {}})
    body["messages"][2]["content"] = [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]
    body.update(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=4096,
                tools=[{"name": "f", "input_schema": {"type": "object"}}])
    site = fake.site("anthropic")
    cited = {"type": "text", "text": "hi", "citations": [
        {"type": "char_location", "cited_text": "h", "document_index": 1, "start_char_index": 0, "end_char_index": 1},
        {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "h", "encrypted_index": "REAL"}]}
    site.queue(answers.reply(json.dumps(dict(WHOLE["anthropic"], content=[cited]), indent=1).encode()))
    reply = gateway.post(json.dumps(body).encode(), path=path)
    check(reply.status == 200, reply)
    sent = json.loads(site.requests[-1].body)
    check("thinking" not in sent and "sluice1" not in str(sent), sent)
    same(reply.json()["content"], [cited], "the answer's citations are the provider's")


def test_the_mark_in_a_text_is_no_seal():
    """Who asks about it gets the provider's answer as it is, and the provider their bytes."""
    for client in ALL:
        def run(client=client):
            site = fake.site(client.name)
            text = f"what does sluice1. mean, and {coded('sluice1.anthropic.QUJD')}?"
            path, body = client.request(f"p-{client.name}/m", Turn(text), False)
            sent = odd(body)
            site.queue(answers.reply(json.dumps(dict(WHOLE[client.name], made_up=[1.50])).encode()))
            reply = gateway.post(sent, path=path, headers=[("x-sluice-strict", "1")])
            check(reply.status == 200, reply)
            same(site.requests[-1].body, sent.replace(f'"p-{client.name}/m"'.encode(), b'"m"'), "body upstream")
            same(json.loads(reply.body)["made_up"], [1.5], "unknown member of the answer")
        yield client.name, run


def test_a_seal_goes_alone():
    """Of a chat completion the rest stays as it is, and so does where the model and the options stand."""
    path, body, _ = echoing("openai-chat")
    site = fake.site("openai-chat")
    body.update(model="p-openai-chat/m", stream=True, provider={"order": ["made-up"]})
    sent = json.loads(json.dumps(dict(body, model="m", stream_options={"include_usage": True})))
    del sent["messages"][1]["reasoning_details"]
    site.queue(answers.stream(answers.events()))
    reply = gateway.post(json.dumps({"messages": body.pop("messages"), **body}).encode(), path=path)
    check(reply.status == 200, reply)
    same(json.loads(site.requests[-1].body), sent, "request")


def test_calls_of_others_go_to_gemini_3_as_such():
    client = next(each for each in ALL if each.name == "gemini")
    path, body = client.request("p-gemini/gemini-3-pro-preview", Turn("go on"), False)
    call = {"functionCall": {"name": "f", "args": {}}}
    result = {"functionResponse": {"name": "f", "response": {}}}
    body["contents"] += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [result]}]
    site = fake.site("gemini")
    for _ in range(2):
        site.queue(answers.reply(json.dumps(WHOLE["gemini"]).encode()))
    same(gateway.post(json.dumps(body).encode(), path=path).status, 200, "status")
    signed = {"thoughtSignature": coded("skip_thought_signature_validator"), **call}
    same(json.loads(site.requests[-1].body)["contents"][1]["parts"], [signed], "parts")
    path = path.replace("gemini-3-pro-preview", "gemini-2.5-flash")
    same(gateway.post(json.dumps(body).encode(), path=path).status, 200, "status")
    same(json.loads(site.requests[-1].body), body, "for an older model")


def test_seals_of_others_are_not_counted():
    path, body, left = echoing("anthropic")
    site = fake.site("anthropic")
    site.queue(answers.reply(b'{"input_tokens":9}'))
    del body["max_tokens"]
    reply = gateway.post(json.dumps(body).encode(), path="/v1/messages/count_tokens")
    same((reply.status, reply.json()["input_tokens"]), (200, 9), "answer")
    same(json.loads(site.requests[-1].body)["messages"], left, "what is counted")

