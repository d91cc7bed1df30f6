"""What a provider keeps: stored responses, files, conversations and encrypted items go to the
provider and the key that made them, and to nobody else, also after a restart.

`sluice mock` plays accounts that keep responses, each for its own credential; where the bytes
upstream matter, the raw provider does.
"""

import json
import socket
import subprocess

import answers
from fake_provider import Fake
from harness import Gateway, check, free_port, openai_error, route, same
from raw import SLOW, SLUICE, request, until

gateway = fake = mock = None
RESPONSES = "/v1/responses"


def line(name, url, form="openai-responses", keys="sk-one"):
    return f'  {name}: {{ format: {form}, url: "{url}", keys: [{keys}] }}\n'


def body(with_second=True):
    """Two accounts that keep responses, one of them with two keys; and others."""
    second = line("second", f"http://127.0.0.1:{mock.port}/v1", keys="sk-second") if with_second else ""
    return ("providers:\n" +
            line("first", f"http://127.0.0.1:{mock.port}/v1", keys="sk-first") + second +
            line("claude", f"http://127.0.0.1:{mock.port}/v1", "anthropic", "sk-claude") +
            line("one", fake.site("one").url, keys="sk-one, sk-one-more") +
            line("two", fake.site("two").url, keys="sk-two") +
            line("chats", fake.site("chats").url, "openai-chat", "sk-chats") +
            "routes:\n" +
            (route("swapped", "second/echo", "first/echo") +
             route("away", "second/echo", "claude/echo") if with_second else
             route("swapped", "claude/echo") + route("away", "claude/echo")) +
            route("foreign", "claude/echo") +
            route("raw", "one/m", "two/m", "chats/m") + route("turned", "two/m", "one/m") +
            route("chatty", "chats/m", "one/m") +
            route("hedged", "one/m", "two/m", more=", hedge: 100ms, hedge_share: 100%"))


class Mock:
    """A `sluice mock` in a process of its own: it keeps what it said while the gateway restarts."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen([SLUICE, "mock", "--listen", f"127.0.0.1:{self.port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens, "the mock to listen")

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait()


def setup():
    global gateway, fake, mock
    fake, mock = Fake(), Mock()
    gateway = Gateway(body())


def fresh():
    """A gateway that knows of nobody's failures."""
    global gateway
    gateway.remove()
    gateway = Gateway(body())


def teardown():
    if mock:
        mock.stop()


def ask(model, text="hi", key="test", **more):
    return gateway.post({"model": model, "input": text, **more}, path=RESPONSES, key=key)


def make(model, **more):
    """The id of a stored response."""
    reply = ask(model, **more)
    check(reply.status == 200, reply)
    if not more.get("stream"):
        return reply.json()["id"]
    for each in reply.body.decode().splitlines():
        if each.startswith("data: ") and '"response.created"' in each:
            return json.loads(each[6:])["response"]["id"]
    raise AssertionError(f"no response.created in {reply.body[:300]}")


def open_door(alone, method, path, body=None):
    """Of a gateway without keys, which answers its own host alone."""
    text, fields = None, []
    if body is not None:
        text, fields = json.dumps(body).encode(), [("Content-Type", "application/json")]
    with alone.open() as raw:
        raw.send(request(method, path, fields, text, host="localhost"))
        return raw.reply(method)


def delete(stored, key="test"):
    return gateway.get(f"{RESPONSES}/{stored}", method="DELETE", key=key)


# --- stored responses --------------------------------------------------------------------------------

def test_get_and_delete_go_to_who_made_it():
    for model in ("first/echo", "second/echo"):
        for stream in (False, True):
            stored = make(model, stream=stream)
            reply = gateway.get(f"{RESPONSES}/{stored}?include[]=usage")
            check(reply.status == 200, model, reply)
            same(reply.json()["id"], stored, "id")
            same(reply.header("x-sluice-provider"), model.split("/")[0], "provider")
            same(gateway.get(f"{RESPONSES}/{stored}/input_items").json()["object"], "list", "items")
            reply = gateway.post(None, f"/openai{RESPONSES}/{stored}/cancel")
            same(reply.json()["id"], stored, "cancelled")
            same(delete(stored).json(), {"id": stored, "object": "response", "deleted": True}, "deleted")
            openai_error(gateway.get(f"{RESPONSES}/{stored}"), 404)
            openai_error(delete(stored), 404)


def test_nobody_else_gets_it():
    stored = make("first/echo")
    message = openai_error(gateway.get(f"{RESPONSES}/{stored}", key="other"), 404)["message"]
    check("first" not in message, "who has it, in", message)
    openai_error(delete(stored, key="other"), 404)
    openai_error(gateway.post(None, f"{RESPONSES}/{stored}/cancel", key="other"), 404)
    openai_error(ask("first/echo", key="other", previous_response_id=stored), 400,
                 "previous_response_not_found")
    openai_error(gateway.get(f"{RESPONSES}/{stored}", key=None), 401)
    check(gateway.get(f"{RESPONSES}/{stored}").status == 200, "its own key")


def written(name, value, model="first/echo"):
    """A request with that member as it stands in the text."""
    return f'{{"model": "{model}", "input": "hi", {name}: {value}}}'.encode()


def test_an_id_is_what_its_provider_reads():
    stored = make("first/echo")
    escapes = "".join(f"\\u{ord(c):04x}" for c in stored)
    for name in ('"previous_response_id"', '"\\u0070revious_response_id"'):
        for value in (escapes, escapes[:6] + stored[1:]):
            same(gateway.post(written(name, f'"{value}"'), RESPONSES).status, 200, "its own key")
            openai_error(gateway.post(written(name, f'"{value}"'), RESPONSES, key="other"), 400,
                         "previous_response_not_found")
    for odd in (f'["{stored}"]', f'"{stored} "', f'"{stored}\\u0000"', '"' + stored * 40 + '"'):
        error = openai_error(gateway.post(written('"previous_response_id"', odd), RESPONSES), 400)
        check("is not an id" in error["message"], error)


def test_what_is_not_stored_is_not_known():
    stored = make("first/echo", store=False)
    openai_error(gateway.get(f"{RESPONSES}/{stored}"), 404)
    for wrong in ("resp_nobody", "a%2fb", "..", "resp.x", "x" * 300):
        openai_error(gateway.get(f"{RESPONSES}/{wrong}"), 404)
    # Between two formats the id is of our own making.
    openai_error(gateway.get(f"{RESPONSES}/{make('foreign')}"), 404)


def test_methods_of_a_stored_response():
    for method, path in (("PUT", "/resp_1"), ("POST", "/resp_1"), ("DELETE", "/resp_1/input_items"),
                         ("GET", "/resp_1/cancel")):
        reply = gateway.post(b"{}" if method in ("POST", "PUT") else None, RESPONSES + path,
                             method=method)
        openai_error(reply, 405)
        check(reply.header("allow"), method, path, reply)
    openai_error(gateway.get(f"{RESPONSES}/a/b"), 404)


def test_a_previous_response_overrides_the_order():
    """The route's first target is another account, which would not know the id."""
    stored = make("first/echo")
    for stream in (False, True):
        reply = ask("swapped", previous_response_id=stored, stream=stream)
        check(reply.status == 200, reply)
        same(reply.header("x-sluice-provider"), "first", "provider")
    same(ask("swapped").header("x-sluice-provider"), "second", "without it")


def test_what_nobody_remembers_is_nobodys():
    """It may be somebody else's who is forgotten: the answer is the same as for what is another key's."""
    stored = make("first/echo")
    def said(reply, status):
        error = openai_error(reply, status)
        return error["message"].replace(stored, "ID").replace("resp_mock7777777", "ID"), error["code"]
    for key, name in (("test", "resp_mock7777777"), ("other", stored)):
        message, code = said(ask("swapped", previous_response_id=name, key=key), 400)
        same(code, "previous_response_not_found", "code")
        same(said(ask("swapped", previous_response_id="resp_mock7777777"), 400), (message, code), name)
        same(said(gateway.get(f"{RESPONSES}/{name}", key=key), 404),
             said(gateway.get(f"{RESPONSES}/resp_mock7777777"), 404), name)
    # Where there are no keys all is everybody's: the provider says what it is.
    alone = Gateway(body(), auth="open")
    error = openai_error(open_door(alone, "POST", RESPONSES, {
        "model": "swapped", "input": "hi", "previous_response_id": "resp_mock7777777"}), 400)
    check("not found" in error["message"].lower() and "this key" not in error["message"], error)
    alone.remove()


def test_a_previous_response_of_somewhere_else_is_400():
    stored = make("first/echo")
    for model in ("away", "foreign", "second/echo"):
        error = openai_error(ask(model, previous_response_id=stored), 400)
        same(error["param"], "previous_response_id", "param")
        check("provider first keeps it" in error["message"], error)
    error = openai_error(ask("foreign", previous_response_id="resp_unknown"), 400)
    check("previous_response_id" in error["message"], error)


def test_it_is_remembered_over_a_restart():
    stored, gone, other = make("first/echo"), make("first/echo"), make("second/echo")
    check(delete(gone).status == 200, "deleted")
    for end in (gateway.stop, gateway.kill):
        end()
        gateway.start()
        same(gateway.get(f"{RESPONSES}/{stored}").header("x-sluice-provider"), "first", "provider")
        same(gateway.get(f"{RESPONSES}/{other}").header("x-sluice-provider"), "second", "provider")
        same(ask("swapped", previous_response_id=stored).header("x-sluice-provider"), "first", "pinned")
        openai_error(gateway.get(f"{RESPONSES}/{stored}", key="other"), 404)
        openai_error(gateway.get(f"{RESPONSES}/{gone}"), 404)


def test_kill_before_it_is_in_the_ledger():
    """The journal has it, whatever the recorder did."""
    for _ in range(5):
        stored = make("second/echo")
        gateway.kill()
        gateway.start()
        same(gateway.get(f"{RESPONSES}/{stored}").header("x-sluice-provider"), "second", "provider")


def test_a_provider_that_is_gone_is_named():
    stored = make("second/echo")
    gateway.write(body(with_second=False))
    gateway.stop()
    gateway.start()
    try:
        message = openai_error(gateway.get(f"{RESPONSES}/{stored}"), 404)["message"]
        check("not in the configuration any more" in message, message)
        error = openai_error(ask("first/echo", previous_response_id=stored), 400)
        check("not in the configuration any more" in error["message"], error)
    finally:
        gateway.stop()
        gateway.write(body())
        gateway.start()
    check(gateway.get(f"{RESPONSES}/{stored}").status == 200, "when it is back")


def test_the_only_one_who_could_have_it_is_asked():
    """Not for a key: it may be another's."""
    only = ("providers:\n" + line("first", f"http://127.0.0.1:{mock.port}/v1", keys="sk-first") +
            line("claude", f"http://127.0.0.1:{mock.port}/v1", "anthropic", "sk-claude"))
    stored = make("first/echo")
    alone = Gateway(only, auth="open")
    same(open_door(alone, "GET", f"{RESPONSES}/{stored}").json()["id"], stored, "id")
    openai_error(open_door(alone, "GET", f"{RESPONSES}/resp_mock7777777"), 404)
    alone.remove()
    alone = Gateway(only)
    for method, path in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        error = openai_error(alone.post(None, f"{RESPONSES}/{stored}{path}", method=method), 404)
        check("this key" in error["message"], error)
    alone.remove()
    check(gateway.get(f"{RESPONSES}/{stored}").status == 200, "it is still there")


def test_the_ledger_has_it_for_nothing():
    stored = make("first/echo")
    same(gateway.get(f"{RESPONSES}/{stored}").status, 200, "status")
    rows = until(lambda: gateway.rows("operation = 'stored_response' AND state = 'done' AND asked = ''"
                                      " AND provider = 'first' AND status = 200"), "the row")
    same((rows[-1]["cost_nano"], rows[-1]["usage_kind"]), (0, "none"), "cost")


# --- what goes upstream ------------------------------------------------------------------------------

def test_the_request_upstream():
    site = fake.site("two")
    site.default = response("resp_up1")
    stored = make("turned")
    site.queue(plain({"id": stored, "object": "response"}))
    reply = gateway.get(f"{RESPONSES}/{stored}?include[]=a&stream=false", headers=[("OpenAI-Beta", "x=1")])
    same(reply.json()["id"], stored, "id")
    up = site.requests[-1]
    same((up.method, up.target), ("GET", f"/two/v1/responses/{stored}?include[]=a&stream=false"), "line")
    same(up.header("authorization"), "Bearer sk-two", "credential")
    same((up.header("content-length"), up.header("content-type"), up.header("openai-beta")),
         (None, None, "x=1"), "headers")
    same(up.body, b"", "body")
    site.queue(plain({}))
    gateway.post({"x": 1}, f"{RESPONSES}/{stored}/cancel")
    same((site.requests[-1].method, site.requests[-1].body), ("POST", b'{"x": 1}'), "cancel")
    site.queue(plain({"error": {"message": "Not here.", "type": "t", "param": None, "code": None}}, 404))
    reply = gateway.get(f"{RESPONSES}/{stored}")
    same((reply.status, reply.json()["error"]["message"]), (404, "Not here."), "its own words")
    site.queue(plain({"error": {"message": "No."}}, 401))
    reply = gateway.get(f"{RESPONSES}/{stored}")
    openai_error(reply, 502, "upstream_auth")


def test_a_background_stream_is_resumed():
    site = fake.site("two")
    site.default = response("resp_up2")
    stored = make("turned")
    parts = stream_of("resp_up2")[1:]
    site.queue(lambda x: x.send(answers.http_stream(parts)))
    reply = gateway.get(f"{RESPONSES}/{stored}?stream=true&starting_after=0")
    check(reply.status == 200 and reply.body.startswith(b"".join(parts)), reply)
    same(site.requests[-1].target, f"/two/v1/responses/{stored}?stream=true&starting_after=0", "target")
    cut = answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked")
    site.queue(*[lambda x: (x.send(cut), x.close())] * 2)
    openai_error(gateway.get(f"{RESPONSES}/{stored}?stream=true"), 502)


# --- keys, files, encrypted items --------------------------------------------------------------------

def plain(value, status=200):
    return lambda x: x.send(answers.http(answers.dumps(value), status))


def whole(name, seal=None):
    output = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal}] if seal else []
    return {"id": name, "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [*output, {"type": "message", "id": "msg_1", "role": "assistant",
                                 "status": "completed", "content": [
                                     {"type": "output_text", "text": "hi", "annotations": []}]}],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}


def stream_of(name, seal=None):
    done = whole(name, seal)
    events = [{"type": "response.created", "response": {**done, "status": "in_progress", "output": []}}]
    for at, item in enumerate(done["output"]):
        events.append({"type": "response.output_item.added", "output_index": at, "item": item})
        if item["type"] == "message":
            events.append({"type": "response.output_text.delta", "output_index": at,
                           "content_index": 0, "item_id": item["id"], "delta": "hi"})
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    events.append({"type": "response.completed", "response": done})
    return [b"event: " + e["type"].encode() + b"\ndata: " +
            answers.dumps({**e, "sequence_number": n}) + b"\n\n" for n, e in enumerate(events)]


def items(name, item):
    """An answer with an item of that id."""
    def script(x):
        def say(data):
            return data.replace(b'"msg_1"', b'"%s"' % item.encode())
        if x.request.wants_stream():
            x.send(answers.http_stream([say(part) for part in stream_of(name)]))
        else:
            x.send(answers.http(say(answers.dumps(whole(name)))))
    return script


def response(name, seal=None):
    def script(x):
        if x.request.wants_stream():
            x.send(answers.http_stream(stream_of(name, seal)))
        else:
            x.send(answers.http(answers.dumps(whole(name, seal))))
    return script


def last_of():
    """(site, credential) of the newest request."""
    up = fake.requests[-1]
    return up.target.split("/")[1], up.header("authorization")


def test_the_key_that_made_it():
    """The first key was refused when it was made, so the second has it; and the other way."""
    fresh()
    one = fake.site("one")
    one.default = response("resp_key2")
    one.queue(plain({"error": {"message": "no"}}, 401))
    stored = make("one/m")
    same(last_of(), ("one", "Bearer sk-one-more"), "made by")
    one.queue(plain(whole(stored)))
    gateway.get(f"{RESPONSES}/{stored}")
    same(last_of(), ("one", "Bearer sk-one-more"), "asked for")
    ask("turned", previous_response_id=stored)
    same(last_of(), ("one", "Bearer sk-one-more"), "goes on")
    # It would be refused by all others: nobody else is asked.
    count = len(fake.requests)
    for status, code in ((401, 502), (500, 502), (429, 429)):
        one.queue(plain({"error": {"message": "no"}}, status), plain({"error": {"message": "no"}}, status))
        same(ask("turned", previous_response_id=stored).status, code, f"after {status}")
        one.pending.clear()
    same({r.target.split("/")[1] + r.header("authorization") for r in fake.requests[count:]},
         {"oneBearer sk-one-more"}, "asked")


def test_a_file_goes_where_it_was_used():
    fresh()
    one, two = fake.site("one"), fake.site("two")
    one.default, two.default = response("resp_f1"), response("resp_f2")
    file = [{"role": "user", "content": [{"type": "input_file", "file_id": "file-abc"},
                                         {"type": "input_text", "text": 'not "file_id": "file-zzz"'}]}]
    same(gateway.post({"model": "raw", "input": file}, RESPONSES).status, 200, "first use")
    same(last_of()[0], "one", "in order")
    gateway.post({"model": "turned", "input": file}, RESPONSES, key="other")
    same(last_of()[0], "one", "pinned, for every key")
    gateway.post({"model": "turned", "input": "hi"}, RESPONSES)
    same(last_of()[0], "two", "without it")
    gateway.post({"model": "turned", "input": [{"role": "user", "content": [
        {"type": "input_image", "file_id": "file-two"}]}]}, RESPONSES)
    both = [{"role": "user", "content": [{"type": "input_file", "file_id": "file-abc"},
                                         {"type": "input_image", "file_id": "file-two"}]}]
    error = openai_error(gateway.post({"model": "raw", "input": both}, RESPONSES), 400)
    check("one provider and key" in error["message"], error)
    same(gateway.post({"model": "turned", "input": "hi", "conversation": {"id": "conv_1"}},
                      RESPONSES).status, 200, "a conversation")
    gateway.post({"model": "raw", "input": "hi", "conversation": "conv_1"}, RESPONSES)
    same(last_of()[0], "two", "goes on")


def test_references_to_items_go_where_they_are():
    one, two = fake.site("one"), fake.site("two")
    for stream in (False, True):
        one.default, two.default = items("resp_i1", f"msg_one{stream}"), items("resp_i2", f"msg_two{stream}")
        for model, home in (("raw", "one"), ("turned", "two")):
            check(ask(model, stream=stream).status == 200, model)
            same(last_of()[0], home, "made by")
            turn = [{"id": f"msg_{home}{stream}", "type": "item_reference"},
                    {"role": "user", "content": 'no {"type":"item_reference","id":"msg_i9"}'}]
            for other in ("raw", "turned"):
                same(ask(other, turn).status, 200, "next turn")
                same(last_of()[0], home, f"next turn on {other}")
        openai_error(ask("raw", turn, key="other"), 400, "previous_response_not_found")


REFERENCES = {                  # all of them the same to a provider: the item that it keeps
    "typed": '{"type": "item_reference", "id": "%s"}',
    "untyped": '{"id": "%s"}',
    "null": '{"id": "%s", "type": null, "role": "user", "content": null}',
    "escaped type": '{"type": "item_referenc\\u0065", "id": "%s"}',
    "escaped names": '{"\\u0074ype": "item_reference", "\\u0069d": "%s"}',
    "another behind it": '{"id": "%s"}, {"type": "item_reference", "id": "msg_mine"}',
    "another before it": '{"type": "item_reference", "id": "msg_mine"}, {"id": "%s"}',
    "reasoning": '{"type": "reasoning", "id": "%s", "summary": []}',
    "a picture": '{"type": "image_generation_call", "id": "%s"}',
    "a search": '{"type": "web_search_call", "id": "%s", "action": {"type": "search", "query": "x"}}',
    "an approval": '{"type": "mcp_approval_response", "approval_request_id": "%s", "approve": true}',
}


def refer(gateway, text, key, model="o/m"):
    return gateway.post(f'{{"model": "{model}", "input": [{text}]}}'.encode(), RESPONSES, key=key)


def test_items_are_for_the_key_that_made_them():
    site = fake.site("o")
    for keys in ("sk-a1", "sk-a1, sk-a2"):
        alone = Gateway("providers:\n" + line("o", site.url, keys=keys))
        for key, item in (("test", "msg_hers"), ("other", "msg_mine")):
            site.default = items("resp_" + item, item)
            same(alone.post({"model": "o/m", "input": "x"}, RESPONSES, key=key).status, 200, "made")
        for again in False, True:
            for name, text in REFERENCES.items():
                count = len(site.requests)
                mine = text.replace("msg_mine", "msg_hers") % "msg_hers"
                same(refer(alone, mine, "test").status, 200, f"her own, {name}")
                for item in "msg_hers", "\\u006dsg_hers":
                    error = openai_error(refer(alone, text % item, "other"), 400, "previous_response_not_found")
                    check("msg_hers" not in json.dumps(error), error)
                # What nobody remembers may be anybody's, where nothing else is said.
                same(refer(alone, text % "msg_nobodys", "other").status,
                     200 if name in ("a search", "an approval") else 400, f"nobody's, {name}")
                same(len(site.requests) - count, 2 if name in ("a search", "an approval") else 1, name)
            if not again:
                alone.stop()
                alone.start()
        # Words of one's own are one's own, whatever their id.
        for text in ('{"type": "message", "role": "assistant", "id": "msg_hers", "content": "x"}',
                     '{"role": "assistant", "id": "msg_hers", "content": "x"}',
                     '{"type": "reasoning", "id": "msg_hers", "summary": [], "encrypted_content": "g"}',
                     '{"type": "function_call", "id": "msg_hers", "call_id": "c", "name": "f", "arguments": ""}'):
            same(refer(alone, text, "other").status, 200, text)
        # An id that a provider gives to several tells nobody apart.
        site.default = items("resp_3", "msg_hers")
        alone.post({"model": "o/m", "input": "x"}, RESPONSES, key="other")
        for key in "test", "other":
            same(refer(alone, REFERENCES["typed"] % "msg_hers", key).status, 200, "of many")
        alone.remove()


def test_items_that_come_later():
    """Of a response made in the background, of one whose stream the client has left, of a large one."""
    site = fake.site("o")
    alone = Gateway("providers:\n" + line("o", site.url))
    site.queue(plain({**whole("resp_b1"), "status": "queued", "output": []}))
    alone.post({"model": "o/m", "input": "x", "background": True}, RESPONSES)
    openai_error(refer(alone, REFERENCES["typed"] % "msg_1", "test"), 400, "previous_response_not_found")
    site.queue(plain({"object": "list", "data": [{"type": "message", "id": "msg_1"}]}))
    same(alone.get(f"{RESPONSES}/resp_b1/input_items").status, 200, "what was asked")
    openai_error(refer(alone, REFERENCES["typed"] % "msg_1", "test"), 400, "previous_response_not_found")
    site.queue(plain(whole("resp_b1")))
    same(alone.get(f"{RESPONSES}/resp_b1").status, 200, "done")
    site.default = response("resp_b2")
    same(refer(alone, REFERENCES["typed"] % "msg_1", "test").status, 200, "its item")
    openai_error(refer(alone, REFERENCES["typed"] % "msg_1", "other"), 400, "previous_response_not_found")

    parts = stream_of("resp_b3")
    item = next(n for n, part in enumerate(parts) if b"output_item.added" in part)
    begun = answers.head(200, [("Content-Type", "text/event-stream")], framing="chunked")
    parts = [part.replace(b"msg_1", b"msg_cut") for part in parts[:item + 2]]
    site.queue(*[lambda x: (x.send(begun + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)),
                            x.close())] * 3)
    alone.post({"model": "o/m", "input": "x", "stream": True}, RESPONSES)
    site.pending.clear()
    same(refer(alone, REFERENCES["typed"] % "msg_cut", "test").status, 200, "of a stream that was cut")

    large = whole("resp_b4")
    large["output"].insert(0, {"id": "ig_1", "type": "image_generation_call", "result": "A" * (9 << 20)})
    site.queue(plain(large), plain(large))
    same(alone.post({"model": "o/m", "input": "x"}, RESPONSES).status, 200, "large")
    same(refer(alone, REFERENCES["a picture"] % "ig_1", "test").status, 200, "a picture")
    same(alone.post({"model": "o/m", "input": "x", "previous_response_id": "resp_b4"}, RESPONSES).status, 200, "large")
    alone.remove()


def test_a_conversation_is_for_the_key_that_uses_it():
    site = fake.site("o")
    site.default = response("resp_c")
    for keys in ("sk-a1", "sk-a1, sk-a2"):
        alone = Gateway("providers:\n" + line("o", site.url, keys=keys))
        def say(conversation, key):
            return alone.post(f'{{"model": "o/m", "input": "x", "conversation": {conversation}}}'.encode(), RESPONSES,
                              key=key)
        for _ in range(2):
            for text in ('"conv_%s"', '{"id": "conv_%s"}', '{"\\u0069d": "\\u0063onv_%s"}'):
                same(say(text % "hers", "test").status, 200, "her own")
                error = openai_error(say(text % "hers", "other"), 400, "previous_response_not_found")
                same(error["param"], "conversation", "param")
                same(say(text % "mine", "other").status, 200, "my own")
            alone.stop()
            alone.start()
        alone.remove()


def test_encrypted_items_go_to_who_can_read_them():
    one, two, chats = (fake.site(name) for name in ("one", "two", "chats"))
    one.default, two.default = response("resp_s1", "gAAA" * 40 + "one"), response("resp_s2", "gAAA" * 40 + "two")
    chats.default = answers.auto
    for stream in (False, True):
        for model, home in (("raw", "one"), ("turned", "two")):
            fresh()
            site = fake.site(home)
            reply = ask(model, store=False, stream=stream)
            check(reply.status == 200, reply)
            same(last_of()[0], home, "made by")
            turn = [*whole("x", "gAAA" * 40 + home)["output"], {"role": "user", "content": "on"}]
            other = "turned" if model == "raw" else "raw"
            same(ask(other, turn, store=False, stream=stream).status, 200, "next turn")
            same(last_of()[0], home, f"next turn on {other}")
            # Another format can go on without it; another account of this one cannot.
            count = len(fake.requests)
            site.queue(*[plain({"error": {"message": "no"}}, 429)] * 2)
            reply = ask("raw", turn, store=False, stream=stream)
            check(reply.status == 200, reply)
            same([r.target.split("/")[1] for r in fake.requests[count:]], [home, "chats"], "asked")
            site.pending.clear()
            site.queue(*[plain({"error": {"message": "no"}}, 429)] * 2)
            same(ask("turned", turn, store=False).status, 429, "nobody else")
            site.pending.clear()


# --- WebSocket ---------------------------------------------------------------------------------------

# --- what a continued answer would do to what is kept ------------------------------------------------

SAID = "The quick brown fox jumps over the lazy dog while seven wizards watch"


def broken_off(name):
    """A stream that dies behind SAID."""
    said = [part.replace(b'"hi"', json.dumps(SAID).encode()) for part in stream_of(name)[:3]]
    return answers.gated(said, [None] * len(said), end="rst")


def rest_of(name):
    """Repeats what it is asked for and goes on; a request that asks for nothing is answered SAID."""
    def script(x):
        asked = json.dumps(x.request.json()["input"], ensure_ascii=False)
        anchor = asked.split("<<<")[-1].split(">>>")[0] if "<<<" in asked else SAID
        text = json.dumps(anchor + " and sleep.").encode()
        x.send(answers.http_stream([part.replace(b'"hi"', text) for part in stream_of(name)]))
    return script


def test_what_has_effects_is_not_continued():
    """A conversation would have the turn twice, and our words in it; a background answer goes on by itself."""
    for what, more in (("a conversation", {"conversation": "conv_cut"}), ("background", {"background": True})):
        def run(more=more):
            fresh()
            one, two = fake.site("one"), fake.site("two")
            one.default = two.default = rest_of("resp_more")
            one.queue(broken_off("resp_cut"))
            count = len(fake.requests)
            reply = ask("raw", stream=True, **more)
            check(SAID.encode() in reply.body and b"response.completed" not in reply.body, reply)
            check(b'"error"' in reply.body, "no word of it", reply)
            same([up.target.split("/")[1] for up in fake.requests[count:]], ["one"], "who was asked")
        yield what, run


def test_what_has_effects_is_not_hedged():
    """Both would be made, and kept; without that the second is asked."""
    for what, more, asked in (("background", {"background": True}, ["one"]), ("nothing", {}, ["one", "two"])):
        def run(more=more, asked=asked):
            fresh()
            one, two = fake.site("one"), fake.site("two")
            one.default = two.default = rest_of("resp_late")
            one.queue(lambda x: (x.peer_is_gone(0.8 * SLOW), rest_of("resp_late")(x)))
            count = len(fake.requests)
            reply = ask("hedged", stream=True, **more)
            check(b"response.completed" in reply.body, reply)
            same([up.target.split("/")[1] for up in fake.requests[count:]], asked, "who was asked")
        yield what, run


def test_a_continued_answer_is_not_stored():
    """Two providers have said it, neither keeps it: its id is nobody's, and that is said."""
    fresh()
    one, two = fake.site("one"), fake.site("two")
    one.default = two.default = rest_of("resp_more")
    for name, more in (("resp_unsaid", {}), ("resp_said", {"store": True})):
        one.queue(broken_off(name))
        count = len(fake.requests)
        reply = ask("raw", stream=True, **more)
        check(b"response.completed" in reply.body and b" and sleep." in reply.body, reply)
        same([up.json().get("store") for up in fake.requests[count:]], [more.get("store"), False], "store")
        comment = reply.body[reply.body.index(b": sluice resumed"):].split(b"\n")[0]
        check(b"dropped=store" in comment, comment)
        count = len(fake.requests)
        openai_error(ask("raw", previous_response_id=name), 400, "previous_response_not_found")
        openai_error(gateway.get(f"{RESPONSES}/{name}"), 404)
        same(len(fake.requests), count, "nobody is asked for it")
    # What nobody wanted to be kept is not said to be lost.
    one.queue(broken_off("resp_never"))
    reply = ask("raw", stream=True, store=False)
    check(b": sluice resumed" in reply.body and b"dropped=" not in reply.body, reply)


def test_a_websocket_is_426():
    with gateway.open() as raw:
        raw.send(request("GET", RESPONSES, [gateway.bearer(), ("Connection", "Upgrade"),
                                            ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                                            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")], None))
        openai_error(raw.reply("GET"), 426)
    openai_error(gateway.get(RESPONSES), 404)
