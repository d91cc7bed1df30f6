"""All 36 pairs: every client's format against providers of every format, whole and streamed.

One stand-alone mock speaks all formats; the gateway has a provider for each. What the client gets is
read by dialects.py, which shares nothing with the gateway. `make pairs` prints the table of
results as it stands in docs/formats.md.
"""

import json
import os
import subprocess

import answers
import dialects
from dialects import Call, Turn
from fake_provider import Fake
from harness import Gateway, attempt_id, check, free_port, same
from raw import SLOW, SLUICE, until

gateway = mock = fake = None
results = {}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
          "required": ["city", "days"], "additionalProperties": False}


def setup():
    global gateway, mock, fake
    fake = Fake()
    port = free_port()
    mock = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{port}"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = [f"  {each.name}: {{ format: {each.name}, url: \"http://127.0.0.1:{port}{each.base}\", "
             f"key: sk-upstream }}" for each in dialects.ALL]
    lines += [f"  own-{name}: {{ format: {name}, url: \"{fake.site(name).url}\", key: sk-upstream }}"
              for name in ("openai-chat", "anthropic")]
    gateway = Gateway("providers:\n" + "\n".join(lines) + "\n")


def teardown():
    mock.terminate()
    mock.wait()
    if os.environ.get("E2E_TABLE"):
        with open(os.environ["E2E_TABLE"], "w") as out:
            write_table(out)


def write_table(out):
    """Rows: clients; columns: providers; a cell: whole / streamed."""
    names = [each.name for each in dialects.ALL]
    out.write("| client \\ provider | " + " | ".join(names) + " |\n")
    out.write("|---|" + "---|" * len(names) + "\n")
    for client in names:
        cells = [" / ".join("ok" if results.get((client, provider, stream)) else "FAILS"
                            for stream in (False, True)) for provider in names]
        out.write(f"| {client} | " + " | ".join(cells) + " |\n")


def ask(client, provider, model, turn, stream):
    path, body = client.request(f"{provider.name}/{model}", turn, stream)
    reply = gateway.post(json.dumps(body).encode(), path=path)
    check(reply.status == 200, client.name, provider.name, model, reply)
    answer = client.stream(reply.body) if stream else client.whole(reply.body)
    return reply, answer


def says_text(client, provider, stream):
    said = 'héllo "wörld" 🙂 \\ \n end'
    _, answer = ask(client, provider, "echo", Turn(said, system="Be brief."), stream)
    same((answer.text, answer.finish, answer.calls), ("You said: " + said, "stop", []), "text")
    check(answer.given > 0 and answer.made > 0, "usage", answer)


def is_cut(client, provider, stream):
    _, answer = ask(client, provider, "echo", Turn("so many words " * 30, most=20), stream)
    same(answer.finish, "length", "finish")


def calls_a_tool(client, provider, stream):
    turn = Turn("What is the weather?", tools={"weather": SCHEMA})
    _, answer = ask(client, provider, "tools", turn, stream)
    same((answer.finish, [call.name for call in answer.calls]), ("calls", ["weather"]), "call")
    call = answer.calls[0]
    check(set(call.arguments) == {"city", "days"}, "arguments", call)
    turn = Turn("What is the weather?", tools={"weather": SCHEMA},
                past=((Call(call.id or "call_1", call.name, call.arguments), "sunny"),))
    _, answer = ask(client, provider, "tools", turn, stream)
    check("sunny" in answer.text and answer.finish == "stop", "second turn", answer)


def thinks(client, provider, stream):
    reply, answer = ask(client, provider, "think", Turn("why?", effort="low"), stream)
    same((answer.text, answer.finish), ("You said: why?", "stop"), "text")
    same(answer.reasoning, "I am asked: why?", "reasoning")


def obeys_a_schema(client, provider, stream):
    _, answer = ask(client, provider, "json", Turn("plan", schema=SCHEMA), stream)
    same(set(json.loads(answer.text)), {"city", "days"}, "members")


def takes_an_image(client, provider, stream):
    _, answer = ask(client, provider, "echo", Turn("look", image=True), stream)
    same(answer.text, "You said: look", "text")


CASES = [says_text, is_cut, calls_a_tool, thinks, obeys_a_schema, takes_an_image]


def test_pairs():
    for client in dialects.ALL:
        for provider in dialects.ALL:
            for stream in (False, True):
                key = client.name, provider.name, stream
                for case in CASES:
                    def run(case=case, key=key, client=client, provider=provider, stream=stream):
                        good = results.setdefault(key, True)
                        results[key] = False
                        case(client, provider, stream)
                        results[key] = good
                    yield (f"{client.name}->{provider.name}/{'stream' if stream else 'whole'}/"
                           f"{case.__name__}"), run


def test_gemini_stream_as_an_array():
    client = dialects.Gemini(array=True)
    for provider in dialects.ALL:
        says_text(client, provider, True)
        calls_a_tool(client, provider, True)


def test_comments_stand_where_clients_know_them():
    """Gemini CLI and LangChain take a comment for a broken event."""
    for client in dialects.ALL:
        reply, _ = ask(client, dialects.ALL[0], "echo", Turn("hi"), True)
        same(b": sluice provider=" in reply.body, client.name not in ("gemini", "bedrock"),
             f"a comment of ours to {client.name}")


def test_what_is_lost_is_named():
    body = {"model": "anthropic/echo", "seed": 7, "logit_bias": {"1": 2}, "made_up": True,
            "messages": [{"role": "user", "content": "hi", "name": "bob"}]}
    reply = gateway.post(json.dumps(body).encode())
    lost = {each.strip() for each in (reply.header("x-sluice-dropped") or "").split(",")}
    same(reply.status, 200, "status")
    check({"seed", "logit_bias", "made_up"} <= lost, "x-sluice-dropped", lost)
    reply = gateway.post(json.dumps(body).encode(), headers=[("x-sluice-strict", "1")])
    check(reply.status == 400 and b"seed" in reply.body, reply)
    body = {"model": "openai-chat/echo", "seed": 7, "made_up": True,
            "messages": [{"role": "user", "content": "hi"}]}
    reply = gateway.post(json.dumps(body).encode(), headers=[("x-sluice-strict", "1")])
    check(reply.status == 200 and reply.header("x-sluice-dropped") is None, reply)


def test_errors_are_in_the_client_s_words():
    shapes = {"openai-chat": lambda e: e["error"]["message"],
              "openai-responses": lambda e: e["error"]["message"],
              "anthropic": lambda e: e["type"] == "error" and e["error"]["message"],
              "gemini": lambda e: e["error"]["code"] and e["error"]["status"] and e["error"]["message"],
              "bedrock": lambda e: e["message"], "cohere": lambda e: e["message"]}
    for client in dialects.ALL:
        for provider in dialects.ALL:
            for model, status in (("429", 429), ("500", 502), ("nothing", 502)):
                if model == "429" and provider.name not in (client.name, "openai-chat"):
                    continue  # each waits a second, as the provider asks
                path, body = client.request(f"{provider.name}/{model}", Turn(), False)
                reply = gateway.post(json.dumps(body).encode(), path=path)
                check(reply.status == status, client.name, provider.name, model, reply)
                check(shapes[client.name](json.loads(reply.body)), client.name, reply)


def test_a_cut_stream_is_no_success():
    for client in dialects.ALL:
        for provider in dialects.ALL:
            path, body = client.request(f"{provider.name}/cut", Turn(), True)
            reply = gateway.post(json.dumps(body).encode(), path=path, timeout=20 * SLOW)
            try:
                client.stream(reply.body)
            except (AssertionError, KeyError, ValueError):
                continue
            check(False, "a cut stream looks whole", client.name, provider.name, reply)


def test_the_last_words_have_room_for_a_long_request():
    """A failed response repeats its instructions."""
    for client in dialects.ALL:
        path, body = client.request("openai-chat/cut", Turn(system="be brief " * 5000), True)
        reply = gateway.post(json.dumps(body).encode(), path=path, timeout=20 * SLOW)
        check(b"broke off" in reply.body, client.name, "ends without a word:", reply.body[-300:])


def test_names_of_tools_that_a_format_cannot_hold():
    """A client's name comes back in the call, and its call finds its result in the next turn."""
    for client, name in ((dialects.Gemini(), "files.read:all"), (dialects.Chat(), "été/" + "long_" * 20),
                         (dialects.Gemini(), "mcp-" + "long_" * 20)):
        for provider in dialects.ALL:
            if client.name == provider.name:
                continue
            for stream in (False, True):
                turn = Turn("go", tools={"other": SCHEMA, name: SCHEMA} if stream else {name: SCHEMA})
                _, answer = ask(client, provider, "tools", turn, stream)
                call, = answer.calls
                same(call.name, "other" if stream else name, f"the name by {provider.name}")
                turn = Turn("go", tools=turn.tools, past=((Call(call.id or "c", name, call.arguments), "sunny"),))
                _, answer = ask(client, provider, "tools", turn, stream)
                check("sunny" in answer.text, "second turn", provider.name, answer)


def test_usage_and_cost_as_openrouter_tells_them():
    """`usage: {include: true}` of a chat client, answered by a provider of another format."""
    def ask_cost(provider, stream):
        body = {"model": provider + "/echo", "stream": stream, "usage": {"include": True},
                "messages": [{"role": "user", "content": "hi"}], "reasoning": {"max_tokens": 2000}}
        reply = gateway.post(json.dumps(body).encode())
        same(reply.status, 200, reply)
        check("usage" not in (reply.header("x-sluice-dropped") or ""), reply)
        if not stream:
            return json.loads(reply.body)["usage"]
        events = [json.loads(data) for _, data in dialects.sse(reply.body) if data != "[DONE]"]
        return events[-1]["usage"]

    check(ask_cost("cohere", False)["cost"] is None, "no price is known")
    path = gateway.dir / "prices.json"
    path.write_text(json.dumps({"anthropic": {"id": "anthropic", "models": {"echo": {
        "id": "echo", "name": "Echo", "reasoning": True, "limit": {"context": 9000, "output": 900},
        "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0.1, "output": 3}}}}}))
    code, _, err = gateway.cli("models", "update", path)
    same(code, 0, err)
    for stream in (False, True):
        used = ask_cost("anthropic", stream)
        same(round(used["cost"] * 1e9), used["prompt_tokens"] * 100 + used["completion_tokens"] * 3000, "the cost")


def test_counts_that_the_provider_does_not_give():
    """The client is told what the ledger has: an estimate, whichever way the answer ends."""
    site = fake.site("openai-chat")
    said = [answers.chunk(answers.FIRST), answers.chunk({"content": "Hello there, my friend"}),
            answers.chunk({}, "stop")]
    whole = json.loads(answers.chat("Hello there, my friend"))
    del whole["usage"]
    for client in dialects.ALL[1:]:
        for script in (answers.stream([*said, answers.DONE]), answers.stream(said),
                       answers.reply(json.dumps(whole).encode())):
            site.queue(script)
            path, body = client.request("own-openai-chat/m", Turn("hello"), True)
            reply = gateway.post(json.dumps(body).encode(), path=path)
            answer = client.stream(reply.body)
            same(answer.text, "Hello there, my friend", client.name)
            row = gateway.row(site.requests[-1].id)
            same((row["usage_kind"], row["input_tokens"], row["output_tokens"]),
                 ("estimated", answer.given, answer.made), f"the ledger and {client.name}")
            check(answer.given > 0 and answer.made > 0, client.name, answer)


def test_input_that_anthropic_told_before_it_broke_off():
    site = fake.site("anthropic")
    start = {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 1000, "cache_read_input_tokens": 500, "output_tokens": 1}}}
    said = [start, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "The quick brown fox"}}]
    parts = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in said]
    for client in dialects.ALL:
        site.clear()
        site.queue(answers.stream(parts), answers.stream(parts))  # it may be asked again
        path, body = client.request("own-anthropic/m", Turn("hello"), True)
        gateway.post(json.dumps(body).encode(), path=path)
        row = gateway.row(site.requests[0].id)
        same((row["usage_kind"], row["input_tokens"], row["cache_read_tokens"]), ("estimated", 1500, 500), client.name)
        check(1 < row["output_tokens"] < 20, client.name, row)


STOPPERS = [each for each in dialects.ALL if each.name != "openai-responses"]


def test_stop_sequences_where_the_provider_has_none():
    """The mock knows no stop sequences, so whoever cuts the text is the gateway."""
    provider = next(each for each in dialects.ALL if each.name == "openai-responses")
    said = 'one "é\n🙂 STOP two'
    for client in STOPPERS:
        for stream in (False, True):
            for stop, want in (("🙂 S", 'You said: one "é\n'), ('"é\n', "You said: one "),
                               ("STOPP", "You said: " + said), ("You said", "")):
                reply, answer = ask(client, provider, "echo", Turn(said, stops=("never", stop)), stream)
                same((answer.text, answer.finish), (want, "stop"), f"{client.name} {stream} {stop}")
                check(answer.given > 0 and answer.made > 0, "usage", answer)
                if client.name == "anthropic":
                    same(answer.stop, "" if stop == "STOPP" else stop, "the sequence")


def test_more_stop_sequences_than_the_provider_takes():
    stops = ("a1", "b2", "c3", "d4", "e5", "wörld", "g7")
    for client in STOPPERS:
        for provider in dialects.ALL:
            if client.name == provider.name or provider.name == "anthropic":
                continue
            for stream in (False, True):
                _, answer = ask(client, provider, "echo", Turn("héllo wörld", stops=stops), stream)
                same((answer.text, answer.finish), ("You said: héllo ", "stop"),
                     f"{client.name} {provider.name}")


def test_a_stream_that_is_cut_is_broken_off_at_the_provider():
    provider = next(each for each in dialects.ALL if each.name == "openai-responses")
    _, whole = ask(STOPPERS[0], provider, "lorem", Turn("go"), True)
    reply, answer = ask(STOPPERS[0], provider, "lorem", Turn("go", stops=("ipsum",)), True)
    same(answer.text, whole.text.split("ipsum")[0], "text")
    check(0 < answer.made < whole.made, "an estimate of what was made", answer, whole)
    row = until(lambda: gateway.rows("id = ? AND state = 'done'", attempt_id(reply.header("x-request-id"))),
                "the row in the ledger")[0]
    same((row["usage_kind"], row["output_tokens"], row["finish"]), ("estimated", answer.made, "stop_sequence"),
         "the ledger")
