"""The catalogue: `sluice models update` checks, compares, writes and puts in force; a file with
anything wrong in it changes nothing; a running gateway prices the next request by the new facts,
also while one that began before is still under way; `unknown_price` decides about the rest; with
`discover` what a provider lists works at once."""

import json
import os
import signal
import threading
import time

import answers
from admin_world import over_socket
from certs import Certs
from fake_provider import Fake
from harness import CHAT, Gateway, check, openai_error, provider, route, same
from raw import SLOW, Raw, request, until

NOW = time.strftime("%Y%m%d", time.gmtime())
fake = site = gateway = None


def setup():
    global fake, site, gateway
    fake = Fake()
    site = fake.site("shop")
    gateway = Gateway(body())
    gateway.key()


def body(more=""):
    return more + "providers:\n" + provider("shop", site.url) + "routes:\n" + route("m", "shop/up-model")


def facts(given=1.0, made=2.0, **more):
    """models.dev's shape with one model of one provider."""
    return {"shop": {"id": "shop", "env": ["SHOP_KEY"], "api": "http://127.0.0.1:1/stolen", "models": {
        "up-model": {"id": "up-model", "name": "Up", "tool_call": True,
                     "limit": {"context": 1000, "output": 100},
                     "modalities": {"input": ["text"], "output": ["text"]},
                     "cost": {"input": given, "output": made}, **more}}}}


def update(what, *more, text=None):
    """`sluice models update --json` of a file with this; gives (code, answer or None, stderr)."""
    path = gateway.dir / "api.json"
    path.write_text(json.dumps(what) if text is None else text)
    code, out, err = gateway.cli("models", "update", path, "--json", *more)
    return code, json.loads(out) if out else None, err


def row(reply):
    found = []
    until(lambda: found.extend(each for each in gateway.tail()
                               if each["id"] == reply.header("x-request-id") and each not in found) or found,
          "the request in tail")
    return found[0]


def listed(model="shop/up-model"):
    code, out, err = gateway.cli("models", model, "--json")
    same(code, 0, err)
    return json.loads(out)


def told(reply):
    """The cost in nano-dollars, as the answer tells it."""
    return round(float(reply.header("x-sluice-cost-usd")) * 1e9)


def bill(reply, given, made):
    used = json.loads(reply.body)["usage"]
    return used["prompt_tokens"] * given + used["completion_tokens"] * made


# --- updating ----------------------------------------------------------------------------------------

def test_a_new_price_holds_for_the_next_request():
    reply = gateway.post(gateway.chat("m"))
    same(reply.status, 200, "before")
    same(reply.header("x-sluice-cost-usd"), "unknown", "the cost")
    code, said, err = update(facts())
    same(code, 0, err)
    same((said["new"], said["gone"], said["changed"]), (1, 0, 0), "counts")
    same(said["changes"], [{"what": "new", "model": "shop/up-model"}], "changes")
    same((said["written"], said["gateway_told"]), (True, True), "written and told")
    reply = gateway.post(gateway.chat("m"))
    same(reply.status, 200, "after")
    same(told(reply), bill(reply, 1000, 2000), "the cost")
    code, said, err = update(facts(given=3.5, limit={"context": 2000, "output": 100}))
    same(code, 0, err)
    same(said["changes"], [{"what": "changed", "model": "shop/up-model", "fields": [
        {"name": "input", "old": 1000000, "new": 3500000},
        {"name": "context", "old": 1000, "new": 2000}]}], "changes")
    reply = gateway.post(gateway.chat("m"))
    same(told(reply), bill(reply, 3500, 2000), "the new cost")


def test_models_say_where_they_come_from():
    same(update(facts())[0], 0, "update")
    found = listed()
    same([(each["provider"], each["id"], each["updated"]) for each in found],
         [("shop", "up-model", int(NOW))], "the updated row")
    same(listed("openai/gpt-5-mini")[0]["updated"], None, "a row of the program")
    code, out, _ = gateway.cli("models", "up-model", "--price")
    same((code, out.split()[-2:]), (0, ["updated", f"{NOW[:4]}-{NOW[4:6]}-{NOW[6:]}"]), "the line")
    code, out, _ = gateway.cli("models", "openai/gpt-5-mini", "--provider", "openai")
    check(out.rstrip().endswith("built in"), out)


def test_dry_run_changes_nothing():
    same(update(facts(given=1.0))[0], 0, "update")
    before = (gateway.data / "catalog").read_bytes()
    code, said, err = update(facts(given=9.0), "--dry-run")
    same((code, said["changed"], said["written"], said["gateway_told"]), (0, 1, False, False), err)
    same((gateway.data / "catalog").read_bytes(), before, "the file")
    code, said, _ = update(facts(given=9.0), "--dry-run")
    same(said["changed"], 1, "it is still to be changed")


def test_an_update_adds_to_earlier_ones():
    same(update(facts())[0], 0, "update")
    code, said, err = update({"other": {"models": {"x": {}}}})
    same((code, said["new"], said["gone"]), (0, 1, 0), err)
    same(len(listed()), 1, "the other provider's model")
    code, said, err = update({"other": {"models": {"y": {}}}})
    same((code, said["new"], said["gone"]), (0, 1, 1), err)
    same([each["model"] for each in said["changes"] if each["what"] == "gone"], ["other/x"], "gone")
    check((gateway.data / "catalog.previous").exists(), "the last one is kept")


def actions():
    return [each for each in json.loads("[" + ",".join(gateway.cli("audit", "export")[1].splitlines()) + "]") if each.get("action") == "catalog_update"]


def test_an_update_over_rest_is_what_the_command_does():
    same(update(facts())[0], 0, "update")
    until(lambda: over_socket(gateway, "GET", "/status")[0] == 200, "the socket")
    before = len(actions())
    status, said = over_socket(gateway, "POST", "/catalog?dry_run=true", facts(given=4.0))
    same((status, said["changed"], said["written"], said["gateway_told"]), (200, 1, False, False), said)
    same(len(actions()), before, "nothing was changed, nothing is written down")
    status, said = over_socket(gateway, "POST", "/catalog?lines=true", facts(given=4.0))
    same((status, said["written"], said["gateway_told"]), (200, True, True), said)
    check("shop/up-model  input 1.00 -> 4.00" in said["lines"], said["lines"])
    same(json.loads(json.dumps(actions()[before]["after"])), {"new": 0, "gone": 0, "changed": 1}, "the entry")
    reply = gateway.post(gateway.chat("m"))
    same(told(reply), bill(reply, 4000, 2000), "in force with the answer")
    status, said = over_socket(gateway, "POST", "/catalog", {"shop": {"models": []}})
    same((status, said["error"]["type"], "nothing was changed" in said["detail"]), (400, "invalid_body", True), said)


def test_an_update_is_the_same_without_a_gateway():
    same(update(facts())[0], 0, "update")
    path = gateway.dir / "next.json"
    path.write_text(json.dumps({"shop": {"models": {"up-model": {"cost": {"input": 7}}, "new-one": {}}}}))
    commands = [("models", "update", path, "--dry-run", *more) for more in ((), ("--json",))]
    beside = [gateway.cli(*each) for each in commands]
    before = len(actions())
    gateway.stop()
    try:
        for each, wanted in zip(commands, beside):
            same(gateway.cli(*each), wanted, f"{each} without a gateway")
        code, out, err = gateway.cli("models", "update", path)
        same((code, out), (0, beside[0][1]), err)
    finally:
        gateway.start()
    same([each["source"] for each in actions()[before:]], ["command"], "it is written down")
    gateway.stop()
    try:
        (gateway.data / "catalog").write_text("broken")
        code, out, err = gateway.cli("models", "update", path, "--json")
        same((code, json.loads(out)["written"], json.loads(out)["gateway_told"]), (0, True, False), err)
        check("warning" in err, "a broken one is replaced, and said:", err)
    finally:
        gateway.start()
    fresh = gateway.dir / "fresh"
    code, out, err = gateway.cli("models", "update", path, "--dry-run", "--data", str(fresh))
    check(code == 0 and "up-model" in out and not fresh.exists(), "a dry run makes no data directory", err)


def broken():
    good = json.dumps(facts())
    yield "empty", ""
    yield "cut", good[:-3]
    yield "html", "<html>not found</html>"
    yield "list", "[]"
    yield "no models", "{}"
    yield "price", json.dumps(facts(given="1"))
    yield "price over any sense", json.dumps(facts(given=1e9))
    yield "twice", good.replace('"name"', '"id": "up-model", "name"')
    yield "limits", json.dumps(facts(limit={"context": "many"}))
    yield "escape", json.dumps(facts(name="\x1b[2J"))
    yield "provider", good.replace('"shop": {', '"../shop": {')
    yield "mock", good.replace('"shop"', '"mock"')
    yield "deep", '{"shop":{"models":' + "[" * 100 + "]" * 100 + "}}"


def test_a_broken_file_changes_nothing():
    def one(text):
        same(update(facts())[0], 0, "update")
        before = (gateway.data / "catalog").read_bytes()
        code, said, err = update(None, text=text)
        same((code, said), (1, None), err)
        check("nothing was changed" in err and "api.json" in err, err)
        same((gateway.data / "catalog").read_bytes(), before, "the file")
        same(len(listed()), 1, "the model")
    for name, text in broken():
        yield name, lambda text=text: one(text)


def test_usage():
    same(gateway.cli("models", "update")[0], 2, "no file")
    same(gateway.cli("models", "a", "b")[0], 2, "two patterns")
    code, _, err = gateway.cli("models", "update", gateway.dir / "none.json")
    same(code, 1, err)
    check("No such file" in err, err)


# --- a running gateway -------------------------------------------------------------------------------

def test_a_running_stream_ends_on_the_facts_it_began_with():
    same(update(facts(given=1.0, made=1.0))[0], 0, "update")
    gate = threading.Event()
    parts = [answers.chunk({"role": "assistant", "content": "a"}), answers.chunk({"content": "b"}),
             answers.chunk({}, "stop"), answers.usage_chunk(answers.usage(10, 10)), answers.DONE]
    site.queue(answers.gated(parts, [None, gate, None, None, None]))
    with Raw(gateway.port, timeout=30) as raw:
        raw.send(request("POST", "/v1/chat/completions",
                         [gateway.bearer(), ("Content-Type", "application/json")],
                         json.dumps(gateway.chat("m", stream=True,
                                                 stream_options={"include_usage": True})).encode()))
        reply = raw.head()
        check(raw.until_body(reply, parts[0]), "the stream's start", reply)
        same(update(facts(given=50.0, made=50.0))[0], 0, "update")
        gate.set()
        while raw.more(reply):
            pass
    check(b"cost_usd=0.00002" in reply.body, "the cost of 20 tokens at 1 USD a million:", reply.body[-200:])


def test_sighup_reads_the_file():
    same(update(facts(given=1.0))[0], 0, "update")
    file = gateway.data / "catalog"
    new = file.read_bytes()
    reply = gateway.post(gateway.chat("m"))
    check(reply.header("x-sluice-cost-usd") != "unknown", "a cost")
    file.unlink()
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: gateway.post(gateway.chat("m")).header("x-sluice-cost-usd") == "unknown",
          "the program's own facts after SIGHUP", 10)
    before = len(gateway.stderr())
    file.write_bytes(new.replace(b"up-model", b"up-mudel"))
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: "W048" in gateway.stderr()[before:], "a warning about the damaged file", 10)
    same(gateway.post(gateway.chat("m")).status, 200, "requests with a damaged file")
    code, _, err = gateway.cli("check", gateway.file)
    same(code, 0, "check: a warning only")
    check("W048" in err, err)
    code, _, err = gateway.cli("models", "gpt-5-mini", "--provider", "openai")
    same(code, 0, err)
    check("damaged" in err, err)
    code, said, err = update(facts(given=2.0))
    same((code, said["gateway_told"]), (0, True), err)
    check(gateway.post(gateway.chat("m")).header("x-sluice-cost-usd") != "unknown", "a cost again")


def test_the_next_start_reads_it():
    same(update(facts())[0], 0, "update")
    same(gateway.stop(), 0, "stop")
    code, said, err = update(facts(given=4.0))
    same((code, said["written"], said["gateway_told"]), (0, True, False), err)
    gateway.start()
    check(gateway.post(gateway.chat("m")).header("x-sluice-cost-usd") != "unknown", "a cost")


def test_the_address_is_never_taken_from_the_file():
    same(update(facts())[0], 0, "update")
    before = len(site.requests)
    same(gateway.post(gateway.chat("shop/up-model")).status, 200, "request")
    same(len(site.requests), before + 1, "requests at the configured address")


# --- unknown prices ----------------------------------------------------------------------------------

def test_unknown_price_deny():
    other = Gateway(body("unknown_price: deny\n") + route("both", "shop/nobody-knows", "shop/up-model"))
    (other.dir / "api.json").write_text(json.dumps(facts()))
    same(other.cli("models", "update", other.dir / "api.json")[0], 0, "update")
    before = len(site.requests)
    openai_error(other.post(other.chat("shop/nobody-knows")), 403, "price_unknown")
    same(len(site.requests), before, "nothing was sent")
    same(other.tail()[-1]["fault"], "PRICE_UNKNOWN", "the record")
    reply = other.post(other.chat("both"))
    same((reply.status, reply.header("x-sluice-model")), (200, "up-model"), "the next target")
    other.remove()


def test_unknown_price_allow():
    reply = gateway.post(gateway.chat("shop/nobody-knows"))
    same(reply.status, 200, "it passes through")
    same(row(reply)["cost_nano"], None, "the cost")


# --- over the network --------------------------------------------------------------------------------

def fetch(url, **env):
    gateway.env.update(env)
    try:
        return gateway.cli("models", "update", url, "--json", "--dry-run")
    finally:
        for name in env:
            del gateway.env[name]


def serve(text, status=200, **more):
    def script(x):
        x.send(answers.http(text.encode(), status))
        x.close()
    return script


def test_a_url_is_fetched_and_its_certificate_checked():
    certs = Certs()
    good, alone = Fake(tls=certs.server()), Fake(tls=certs.self_signed())
    late = Fake(tls=certs.server("late", expired=True))
    for each in (good, alone, late):
        each.mute = True
        each.site("api").queue(serve(json.dumps(facts(given=7.0))))
    trust = {"SSL_CERT_FILE": str(certs.ca)}
    code, out, err = fetch(f"{good.origin}/api/api.json", **trust)
    same(code, 0, err)
    check(json.loads(out)["changes"], out)
    for each in (alone, late):
        code, out, err = fetch(f"{each.origin}/api/api.json", **trust)
        same((code, out), (1, ""), err)
        check("no trusted TLS connection" in err and "nothing was changed" in err, err)
    for each in (good, alone, late):
        each.stop()
    certs.remove()


def test_what_is_no_whole_answer_is_refused():
    text = json.dumps(facts())
    plain = Fake()
    plain.mute = True
    page = plain.site("api")
    url = f"{plain.origin}/api/api.json"
    page.queue(serve(text, 404))
    check("status is 404" in fetch(url)[2], "404")
    page.queue(serve(text, 302))
    check("not followed" in fetch(url)[2], "redirect")

    def cut(x):
        x.send(answers.http(text.encode())[:-10])
        x.close()
    page.queue(cut)
    code, out, err = fetch(url)
    same((code, out), (1, ""), err)
    check("broke off" in err, err)
    plain.stop()
    code, _, err = fetch(url)
    same(code, 1, err)
    check("could not be reached" in err, err)


def test_plain_http_beyond_this_network_is_refused():
    code, out, err = fetch("http://models.example/api.json")
    same((code, out), (1, ""), err)
    check("only https://" in err, err)


# --- discovery ---------------------------------------------------------------------------------------

def lists(fake, name, answer):
    """A site whose GET .../models is answered with this; everything else as usual."""
    where = fake.site(name)
    where.list, where.asked = answer, []

    def script(x):
        if x.request.method != "GET":
            return answers.auto(x)
        where.asked.append(x.request)
        status, value = where.list
        x.send(answers.http(json.dumps(value).encode(), status))
        return None
    where.default = script
    return where


def test_discovered_models_work_at_once():
    shop = Fake()
    where = lists(shop, "d", (200, {"object": "list", "data": [{"id": "first"}]}))
    other = Gateway("providers:\n" + provider("d", where.url, more=", discover: 1s"))
    try:
        until(lambda: b'"d/first"' in other.get("/v1/models").body, "the first list", 10)
        asked = where.asked[0]
        same(asked.target, "/d/v1/models", "the path")
        same(asked.header("authorization"), "Bearer sk-upstream-SECRET", "the credential")
        reply = other.post(other.chat("first"))
        same((reply.status, reply.header("x-sluice-cost-usd")), (200, "unknown"), "a bare name")
        openai_error(other.post(other.chat("second")), 404, "model_not_found")
        where.list = (200, {"data": [{"id": "first"}, {"id": "second"}, {"id": "b a d"}]})
        until(lambda: other.post(other.chat("second")).status == 200, "the second model", 10)

        def listed():
            return [(each["id"], each["discovered"])
                    for each in json.loads(other.cli("models", "--provider", "d", "--json")[1])]
        until(lambda: listed() == [("first", True), ("second", True)], "sluice models", 10)
        code, out, _ = other.cli("providers")
        check("2 new models" in out, out)
        code, out, _ = other.cli("providers", "--json")
        shown = json.loads(out)["configured"][0]
        same((shown["new_models"], shown["new_model_ids"]), (2, ["first", "second"]), "sluice providers")
        # A provider that fails changes nothing, and is named once.
        where.list = (500, {"error": "no"})
        until(lambda: "does not tell its models" in other.stderr(), "a warning", 10)
        count = len(where.asked)
        until(lambda: len(where.asked) > count + 1, "two more tries", 10)
        same(other.stderr().count("does not tell its models"), 1, "warnings")
        same(other.post(other.chat("second")).status, 200, "the second model")
        # The next start knows them before anybody is asked.
        same(other.stop(), 0, "stop")
        other.start()
        same(other.post(other.chat("second")).status, 200, "after a restart")
        # What the catalogue learns is not new any more.
        (other.dir / "api.json").write_text(json.dumps({"d": {"models": {"first": {}, "second": {}}}}))
        same(other.cli("models", "update", other.dir / "api.json")[0], 0, "update")
        code, out, _ = other.cli("models", "--provider", "d", "--json")
        same([each["discovered"] for each in json.loads(out)], [False, False], "known now")
        ids = [each["id"] for each in json.loads(other.get("/v1/models").body)["data"]]
        same(ids.count("d/first"), 1, "how often it is listed")
    finally:
        other.remove()
        shop.stop()


def test_a_long_list_leaves_room_for_others():
    """Of one provider so many are remembered; what is left out is said, once."""
    shop = Fake()
    large = lists(shop, "large", (200, {"data": [{"id": f"m{n}"} for n in range(2060)]}))
    small = lists(shop, "small", (200, {"data": [{"id": "only"}]}))
    other = Gateway("providers:\n" + provider("large", large.url, more=", discover: 1s") +
                    provider("small", small.url, more=", discover: 1s"))
    try:
        until(lambda: "lists 12 models more than are remembered" in other.stderr(), "a warning", 20)
        until(lambda: other.post(other.chat("only")).status == 200, "the other's model", 10)
        count = len(large.asked)
        until(lambda: len(large.asked) > count + 1, "two more rounds", 10)
        same(other.stderr().count("more than are remembered"), 1, "warnings")
    finally:
        other.remove()
        shop.stop()


def test_nobody_is_asked_without_discover():
    shop = Fake()
    where = lists(shop, "q", (200, {"data": [{"id": "first"}]}))
    other = Gateway("providers:\n" + provider("q", where.url))
    time.sleep(2)
    same(where.asked, [], "requests for a list")
    openai_error(other.post(other.chat("first")), 404, "model_not_found")
    other.remove()
    shop.stop()


def test_a_silent_provider_does_not_delay_the_end():
    shop = Fake()
    where = shop.site("s")
    gate = threading.Event()

    def script(x):
        gate.set()
        x.hold(20)
    where.default = script
    other = Gateway("providers:\n" + provider("s", where.url, more=", discover: 1s"))
    until(gate.is_set, "the question", 10)
    began = time.monotonic()
    same(other.stop(), 0, "stop")
    check(time.monotonic() - began < 3 * SLOW, "time to stop")
    other.remove()
    shop.stop()


def test_all_pages_of_a_list_are_read():
    """Anthropic's and Gemini's lists have pages; one that leads to itself ends the list."""
    pages = {
        "am": ({"": {"data": [{"id": "a1"}], "has_more": True, "last_id": "a1"},
                "a1": {"data": [{"id": "a/2"}], "has_more": True, "last_id": "a/2"},
                "a%2F2": {"data": [{"id": "a3"}], "has_more": False, "last_id": "a3"}}, "after_id"),
        "gm": ({"": {"models": [{"name": "models/g1"}], "nextPageToken": "t=2"},
                "t%3D2": {"models": [{"name": "models/g2"}], "nextPageToken": "t=2"}}, "pageToken"),
    }
    shop = Fake()
    for name, (lists_of, word) in pages.items():
        def script(x, lists_of=lists_of, word=word):
            query = dict(each.split("=", 1) for each in x.request.target.split("?")[1].split("&"))
            x.send(answers.http(json.dumps(lists_of[query.get(word, "")]).encode()))
        shop.site(name).default = script
    other = Gateway("providers:\n" + "".join(
        f'  {name}: {{ format: {form}, url: "{shop.site(name).url}", key: sk, discover: 1s }}\n'
        for name, form in (("am", "anthropic"), ("gm", "gemini"))))
    try:
        for name, ids in (("am", ["a1", "a/2", "a3"]), ("gm", ["g1", "g2"])):
            def seen(name=name):
                return [each["id"] for each in json.loads(other.get("/v1/models").body)["data"]
                        if each["id"].startswith(name + "/")]
            until(lambda: len(seen()) >= len(ids), f"all models of {name}", 10)
            same(seen(), [f"{name}/{each}" for each in ids], name)
        until(lambda: len(shop.site("gm").requests) > 2, "a second round", 10)
        page = "/gm/v1/models?pageSize=1000"
        same([r.target for r in shop.site("gm").requests][:3], [page, page + "&pageToken=t%3D2", page],
             "asked")
    finally:
        other.remove()
        shop.stop()


# --- what no format knows ----------------------------------------------------------------------------

def test_unknown_events_are_counted_and_shown():
    """Also after a restart, and after a kill; whatever is done to a terminal is not."""
    shop = Fake()
    chats, claude = shop.site("chats"), shop.site("claude")
    odd = [b'data: {"object":"chat.news","id":"x"}\n\n', b'data: {"n\\u001b[2J":1}\n\n']
    chats.default = lambda x: x.send(answers.http_stream([odd[0], *answers.events()[:2], odd[0], odd[1],
                                                          *answers.events()[2:]]))
    start = {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}}
    events = [start, {"type": "message_news"}, {"type": "content_block_start", "index": 0,
                                                "content_block": {"type": "text", "text": ""}},
              {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
              {"type": "content_block_stop", "index": 0},
              {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
              {"type": "message_stop"}]
    claude.default = lambda x: x.send(answers.http_stream(
        [b"event: %s\ndata: %s\n\n" % (e["type"].encode(), answers.dumps(e)) for e in events]))
    other = Gateway("providers:\n" + provider("chats", chats.url) + provider("quiet", chats.url) +
                    f'  claude: {{ format: anthropic, url: "{claude.url}", key: sk }}\n')

    def shown():
        code, out, err = other.cli("providers", "--json")
        same(code, 0, err)
        return {each["name"]: each["unknown"] for each in json.loads(out)["configured"]}

    def counts(what):
        return what["count"], {each["name"]: each["count"] for each in what["names"]}
    try:
        same(shown(), {"chats": None, "quiet": None, "claude": None}, "at first")
        for _ in range(2):
            same(other.post(other.chat("chats/m", stream=True)).status, 200, "chats")
            for path in ("/v1/messages", CHAT):       # the pass lane, and the other one
                body = {**other.chat("claude/m", stream=True), "max_tokens": 9}
                same(other.post(body, path).status, 200, path)
        name = 'n\\u001b[2J'
        until(lambda: shown()["claude"] and shown()["claude"]["count"] == 4, "the last of them")
        same(counts(shown()["chats"]), (6, {"chat.news": 4, name: 2}), "chats")
        same(counts(shown()["claude"]), (4, {"message_news": 4}), "claude")
        same(shown()["quiet"], None, "quiet")
        check(0 < shown()["claude"]["first"] < shown()["claude"]["last"] < 5e15, shown()["claude"])
        for end in (other.stop, other.kill):
            end()
            same(counts(shown()["claude"])[0], 4, "while nothing runs")
            other.start()
        other.post({**other.chat("claude/m", stream=True), "max_tokens": 9}, "/v1/messages")
        until(lambda: counts(shown()["claude"]) == (5, {"message_news": 5}), "it to go on counting")
        code, out, _ = other.cli("providers")
        check("sent 5 events or members unknown to its format" in out and "message_news (5)" in out, out)
    finally:
        other.remove()
        shop.stop()
