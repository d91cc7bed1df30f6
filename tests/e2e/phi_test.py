"""Where nothing may be kept, nothing is: canaries in prompts, answers, errors and names are searched
byte by byte in everything the gateway has written. And only who may see them does."""

import json

from answers import DONE, chat, chunk, error_body, events, http_stream, raw, reply, stream
from fake_provider import Fake
from harness import Gateway, check, openai_error, provider, route, same
from raw import until

gateway = fake = None


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
