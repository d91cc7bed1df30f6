"""Where nothing may be kept, nothing is: canaries in prompts, answers, errors and names are searched
byte by byte in everything the gateway has written. And only who may see them does."""

import json

from answers import DONE, chat, chunk, error_body, events, http_stream, raw, reply, stream
from fake_provider import Fake
from harness import Gateway, check, openai_error, provider, route, same
from raw import request, until

gateway = fake = alone = None
RESPONSES = "/v1/responses"


def setup():
    global gateway, fake
    fake = Fake()
    lines = "".join(provider(name, fake.site(name).url, more=more) for name, more in
                    (("good", ", phi: allowed"), ("better", ", phi: allowed"), ("open", "")))
    routes = (route("mixed", "open/m", "good/m", "better/m", more=", phi: on, retry: { same_target: 0 }") +
              route("hedged", "good/m", "open/m", more=", phi: on, hedge: 50ms, hedge_share: 100%") +
              route("none", "open/m", more=", phi: on") +
              route("usual", "open/m", "good/m") +
              route("tried", "good/m", more=", phi: on") +
              route("spied", "better/m", more=", phi: on") +
              route("open-route", "open/m") +
              route("dear", "priced/big") +
              route("cheap", "priced/small", more=", phi: on"))
    lines += provider("priced", fake.site("priced").url, more=", phi: allowed, prices: { "
                      "big: { input: $1000/1M, output: $1000/1M }, small: { input: $0.01/1M, output: $0.01/1M } }")
    gateway = Gateway(f"providers:\n{lines}routes:\n{routes}"
                      "log: { bodies: all }\n"
                      "trials:\n"
                      "  split: { route: tried, candidate: open-route, share: 100% }\n"
                      "  mirror: { route: spied, candidate: open-route, share: shadow }\n")
    code, out, err = gateway.cli("keys", "create", "--name", "clinic", "--phi", "--json")
    check(code == 0, err)
    gateway.keys["clinic"] = json.loads(out)["key"]


def content_of(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:               # files come and go while it runs
        return b""


def nowhere(*texts):
    """No file of the data directory has any of these bytes, now and after the gateway has ended."""
    for stopped in False, True:
        if stopped:
            gateway.stop()
        for path in gateway.data.rglob("*"):
            if path.is_file():
                content = content_of(path)
                for text in texts:
                    check(text.encode() not in content, f"{text!r} stands in {path}")
    for text in texts:
        check(text not in gateway.stderr(), f"{text!r} was logged")
    gateway.start()


def asked(site):
    return len(fake.site(site).requests)


def test_route():
    fake.site("good").default = reply(chat(text="canary-answer"))
    before = asked("open")
    got = gateway.post(gateway.chat("mixed", "canary-prompt"))
    same((got.status, got.header("x-sluice-provider")), (200, "good"), "who answers")
    same(asked("open"), before, "one that is not marked was asked")
    nowhere("canary-prompt", "canary-answer")
    code, out, err = gateway.cli("show", got.header("x-request-id"), "--body")
    same(code, 1, "bodies were kept")


def test_none():
    before = asked("open")
    got = gateway.post(gateway.chat("none", "canary-refused"))
    error = openai_error(got, 403, "phi_not_allowed")
    check("phi: allowed" in error["message"], error)
    same(asked("open"), before, "it was asked nevertheless")
    nowhere("canary-refused")


def test_key():
    fake.site("good").default = reply(chat(text="canary-of-the-key"))
    before = asked("open")
    got = gateway.post(gateway.chat("usual", "canary-key-prompt"), key="clinic")
    same((got.status, got.header("x-sluice-provider")), (200, "good"), "who answers")
    openai_error(gateway.post(gateway.chat("open/m", "direct"), key="clinic"), 403, "phi_not_allowed")
    same(asked("open"), before, "one that is not marked was asked")
    # Somebody else's is as it was.
    fake.site("open").default = reply(chat())
    got = gateway.post(gateway.chat("usual", "not secret"))
    same(got.header("x-sluice-provider"), "open", "without phi")
    nowhere("canary-of-the-key", "canary-key-prompt")


def test_a_name_may_be_anything():
    got = gateway.post(gateway.chat("canary-as-a-model-name", "hi"), key="clinic")
    same(got.status, 404, "status")
    nowhere("canary-as-a-model-name")


def test_a_name_may_be_anything_also_when_refused():
    code, out, err = gateway.cli("keys", "create", "--name", "busy", "--phi", "--rpm", "1", "--json")
    check(code == 0, err)
    gateway.keys["busy"] = json.loads(out)["key"]
    same([gateway.post(gateway.chat("canary-of-a-busy-ward", "hi"), key="busy").status for _ in range(3)],
         [404, 429, 429], "statuses")
    code, out, err = gateway.cli("users", "create", "gone", "--of", "busy", "--expires", "1s")
    check(code == 0, err)

    def status():
        return gateway.post(gateway.chat("canary-of-a-busy-ward", "hi", user="gone"), key="busy").status
    until(lambda: status() == 401, "the user to expire")
    # Before anything but the key is known.
    got = gateway.post(b'{"model": "canary-of-a-busy-ward", "messages": [], "messages": []}', key="busy")
    same(got.status, 400, "malformed")
    nowhere("canary-of-a-busy-ward")


def test_what_providers_say_of_it():
    """They repeat what they refuse."""
    fake.site("good").default = reply(error_body("you said canary-repeated"), status=400)
    got = gateway.post(gateway.chat("mixed", "canary-repeated"))
    check(got.status == 400 and b"canary-repeated" in got.body, "the client reads it", got)
    rows = until(lambda: gateway.rows("status = 400"), "the row")
    same(rows[-1]["detail"], "", "detail")
    nowhere("canary-repeated")


def whole(name, text, item="msg_1"):
    return json.dumps({"id": name, "object": "response", "created_at": 1, "status": "completed", "model": "m",
                       "output": [{"type": "message", "id": item, "status": "completed", "role": "assistant",
                                   "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                       "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}).encode()


def account(allowed=True, keys="sk-o", more=""):
    """One account that keeps responses, a route that says phi, and one that does not."""
    mark = ", phi: allowed" if allowed else ""
    return (f'providers:\n  o: {{ format: openai-responses, url: "{fake.site("o").url}", keys: [{keys}]{mark} }}\n'
            "routes:\n" + route("clinic", "o/m", more=", phi: on") + route("plain", "o/m") +
            more + "log: { bodies: all }\n")


def is_kept(reply):
    """Are bodies kept of that request?  Those of the first are there when those of the next are."""
    code, _, err = alone.cli("show", reply.header("x-request-id"), "--body")
    check(code in (0, 1), err)
    return code == 0


def said(model, key="test", **more):
    return alone.post({"model": model, **more}, RESPONSES, key=key)


def known_to_be_kept(reply):
    until(lambda: is_kept(reply), "a body that may be kept")


def test_what_was_made_of_it_is_treated_as_it_was():
    """Whatever names it: nothing of the answer, and of the provider's words, is written."""
    global alone
    site = fake.site("o")
    for keys in ("sk-o", "sk-o, sk-p"):
        alone = Gateway(account(keys=keys))
        site.default = reply(whole("resp_phi", "canary-stored", "msg_phi"))
        same(said("clinic", input="canary-prompt").status, 200, "made")
        site.default = reply(whole("resp_phi2", "canary-stored"))
        file = [{"role": "user", "content": [{"type": "input_file", "file_id": "file-phi"}]}]
        same(said("clinic", input=file, conversation="conv_phi").status, 200, "made")
        for again in False, True:
            site.default = reply(whole("resp_phi", "canary-stored"))
            secret = [alone.get(f"{RESPONSES}/resp_phi"), alone.get(f"{RESPONSES}/resp_phi/input_items"),
                      alone.post(None, f"{RESPONSES}/resp_phi/cancel")]
            site.default = reply(whole("resp_next", "canary-stored", "msg_next"))
            secret += [said("plain", input="canary-next", previous_response_id="resp_phi"),
                       said("plain", input="canary-after", previous_response_id="resp_next"),
                       said("plain", input=[{"id": "msg_phi"}, {"role": "user", "content": "canary-item"}]),
                       said("plain", input="canary-conversed", conversation={"id": "conv_phi"}),
                       said("plain", input=[{"role": "user", "content": [
                           {"type": "input_text", "text": "canary-file"},
                           {"type": "input_file", "file_id": "\u0066ile-phi"}]}])]
            same([r.status for r in secret], [200] * len(secret), "statuses")
            site.default = reply(error_body("you said canary-repeated"), status=400)
            secret += [alone.get(f"{RESPONSES}/resp_phi"), said("plain", input="x", previous_response_id="resp_phi")]
            site.default = reply(whole("resp_plain", "not secret", "msg_plain"))
            open_ones = [said("plain", input="not secret"),
                         said("plain", input="on", previous_response_id="resp_plain"),
                         alone.get(f"{RESPONSES}/resp_plain")]
            for each in open_ones:
                known_to_be_kept(each)
            for n, each in enumerate(secret):
                check(not is_kept(each), f"bodies of request {n} were kept")
            if not again:
                alone.stop()
                alone.start()
        alone.stop()
        for path in alone.data.rglob("*"):
            if path.is_file():
                check(b"canary" not in content_of(path), f"a canary stands in {path}")
        alone.remove()


def test_what_was_made_of_it_goes_to_allowed_providers_alone():
    global alone
    site = fake.site("o")
    site.default = reply(whole("resp_phi", "canary-stored"))
    alone = Gateway(account())
    same(said("clinic", input="canary-prompt").status, 200, "made")
    alone.write(account(allowed=False).replace("  clinic: { targets: [o/m], phi: on }\n", ""))
    alone.stop()
    alone.start()
    count = len(site.requests)
    openai_error(alone.get(f"{RESPONSES}/resp_phi"), 403, "phi_not_allowed")
    openai_error(said("plain", input="x", previous_response_id="resp_phi"), 403, "phi_not_allowed")
    same(len(site.requests), count, "it was asked nevertheless")
    same(said("plain", input="x").status, 200, "anything else")
    alone.remove()


def test_what_nobody_remembers_may_be_of_it():
    """Without keys it is passed on; where a route says phi, nothing is kept of it."""
    global alone
    site = fake.site("o")
    site.default = reply(whole("resp_old", "canary-old"))

    def ask(method, path, body=None):
        text = None if body is None else json.dumps(body).encode()
        with alone.open() as raw:
            raw.send(request(method, path, [("Content-Type", "application/json")] if text else [], text,
                             host="localhost"))
            return raw.reply(method)
    for has_route in True, False:
        text = account() if has_route else account().replace(", phi: on", "")
        alone = Gateway(text, auth="open")
        asked = [ask("GET", f"{RESPONSES}/resp_old"),
                 ask("POST", RESPONSES, {"model": "plain", "input": "x", "previous_response_id": "resp_old"}),
                 ask("POST", RESPONSES, {"model": "plain", "input": [{"id": "msg_old"}]})]
        same([r.status for r in asked], [200] * 3, "statuses")
        known_to_be_kept(ask("POST", RESPONSES, {"model": "plain", "input": "not secret"}))
        for each in asked:
            same(is_kept(each), not has_route, "kept")
        alone.remove()


def test_a_stream_that_dies_goes_on_where_it_may():
    parts = events(("canary-one ", "canary-two ", "and ", "canary-three "))
    fake.site("good").default = raw(http_stream(parts)[:-400], end="rst")
    fake.site("better").default = stream(parts)
    before = asked("open")
    got = gateway.post(gateway.chat("mixed", "canary-streamed", stream=True))
    same(got.status, 200, "status")
    same(asked("open"), before, "one that is not marked was asked")
    nowhere("canary-one", "canary-two", "canary-streamed")


def test_hedge():
    def slowly(x):
        x.fake.stopped.wait(0.4)
        reply(chat())(x)
    fake.site("good").default = slowly
    before = asked("open")
    got = gateway.post(gateway.chat("hedged", "canary-hedged"))
    same((got.status, got.header("x-sluice-provider")), (200, "good"), "who answers")
    same(asked("open"), before, "one that is not marked was asked")
    nowhere("canary-hedged")


def test_a_downgrade():
    """The budget leads from a route that may be kept to one that may not."""
    code, out, err = gateway.cli("keys", "create", "--name", "poor", "--json", "--budget", "0.01/month",
                                 "--on-budget", "downgrade:cheap")
    check(code == 0, err)
    gateway.keys["poor"] = json.loads(out)["key"]
    fake.site("priced").default = reply(chat(text="canary-cheap-answer"))
    got = gateway.post(gateway.chat("dear", "canary-cheap-prompt", max_tokens=1000), key="poor")
    same((got.status, got.header("x-sluice-downgraded")), (200, "cheap"), "where it went")
    nowhere("canary-cheap-answer", "canary-cheap-prompt")
    code, out, err = gateway.cli("show", got.header("x-request-id"), "--body")
    same(code, 1, "bodies were kept")
    # One that is not led there is kept.
    got = gateway.post(gateway.chat("dear", "to be kept"))
    same(got.status, 200, "direct")
    until(lambda: "to be kept" in gateway.cli("show", got.header("x-request-id"), "--body")[1], "the bodies")


def test_trials():
    fake.site("good").default = reply(chat())
    fake.site("better").default = reply(chat())
    before = asked("open")
    for model, who in ("tried", "good"), ("spied", "better"):
        for n in range(3):
            got = gateway.post(gateway.chat(model, f"canary-trial {n}"))
            same((got.status, got.header("x-sluice-provider")), (200, who), model)
    same(asked("open"), before, "a candidate that is not marked was asked")
    nowhere("canary-trial")


def test_large_bodies_are_in_no_file():
    """Beyond 256 KiB a body lies in a mapping; it is nobody's file."""
    held = []

    def look(x):
        maps = open(f"/proc/{gateway.process.pid}/maps").read()
        held.extend(line for line in maps.splitlines()
                    if line.split()[1].startswith("rw") and len(line.split()) > 5 and
                    str(gateway.data) in line and "/journal/" not in line and "-shm" not in line)
        reply(chat())(x)
    fake.site("good").default = look
    got = gateway.post(gateway.chat("mixed", "canary-large " * 100000))
    same(got.status, 200, "status")
    same(held, [], "mappings of files")
    nowhere("canary-large")


def test_explain():
    code, out, err = gateway.cli("explain", "mixed", "--json")
    said = json.loads(out)
    check(said["phi"] is True, said)
    by_name = {c["provider"]: c for c in said["candidates"]}
    check("phi" in by_name["open"]["reason"] and by_name["open"]["allowed"] is False, by_name["open"])
    check("not a candidate" not in by_name["good"]["reason"], by_name["good"])
