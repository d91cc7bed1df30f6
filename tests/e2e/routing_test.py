"""What the gateway learns of its providers, and what it does with it: breakers, keys that rotate,
limits and queues, strategies, conversations that stay where they are; and `sluice explain`, which
tells all that without sending anything.
"""

import json
import socket
import threading
import time

import answers
from answers import reply
from fake_provider import BlackHole, Fake, Refused
from harness import Gateway, check, openai_error, provider, route, same
from raw import until

gateway = fake = refused = hole = None


def site(name):
    return fake.site(name)


def setup():
    global gateway, fake, refused, hole
    fake, refused, hole = Fake(), Refused(), BlackHole()
    lines = "".join(provider(each, site(each).url) for each in "abcdefgh")
    lines += provider("refused", refused.url) + provider("hole", hole.url)
    lines += (f"  keyed: {{ format: openai-chat, url: \"{site('keyed').url}\", "
              "keys: [sk-one, sk-two, sk-three] }\n")
    lines += provider("lone", site("lone").url, more=", limits: { concurrent: 1 }, queue: 10s")
    lines += provider("few", site("few").url, more=", limits: { rpm: 2 }")
    lines += provider("small", site("small").url, more=", limits: { tpm: 1000 }")
    lines += provider("once", site("once").url, more=", retry: { same_target: 3 }")
    lines += provider("probed", refused.url, more=", probe: 1s")
    routes = route("down", "refused/m", "a/m") + route("holed", "hole/m", "a/m")
    routes += route("keys", "keyed/m", "a/m")
    routes += route("queue", "lone/m") + route("rpm", "few/m", "a/m") + route("rpm-alone", "few/m")
    routes += route("tpm", "small/m", "a/m")
    routes += route("weighted", "{ target: b/m, weight: 1 }", "{ target: c/m, weight: 9 }",
                    more=", strategy: weighted")
    routes += route("even", "b/m", "c/m", more=", strategy: weighted")
    routes += route("fastest", "d/m", "e/m", more=", strategy: fastest")
    routes += route("busy", "f/m", "g/m", more=", strategy: least-busy")
    routes += route("adaptive", "b/m", "refused/m", "c/m", more=", strategy: adaptive")
    routes += route("cheapest", "mock/echo", "b/m", more=", strategy: cheapest")
    routes += route("gallery", "artist/dear", "artist/plain", more=", strategy: cheapest")
    routes += route("again", "once/m")
    lines += provider("artist", site("artist").url, more=", prices: { dear: { image: $0.10 }, plain: { image: $0.01 } }")
    gateway = Gateway(f"providers:\n{lines}  mock: {{}}\nroutes:\n{routes}", top="workers: 1\n")
    gateway.key()


def teardown():
    refused.stop()
    hole.stop()


def ask(model, text="hi", status=200, headers=(), **more):
    got = gateway.post(gateway.chat(model, text, **more), headers=headers)
    check(got.status == status, model, got)
    return got


def explain(model):
    code, out, err = gateway.cli("explain", model, "--json")
    check(code == 0, err)
    return {f"{each['provider']}/{each['model']}": each for each in json.loads(out)["candidates"]}


def counts(*names):
    return [len(site(each).requests) for each in names]


# --- breakers ----------------------------------------------------------------------------------------

def test_refused_is_passed_over():
    for tries in (2, 2, 2, 1, 1):
        same(ask("down").header("x-sluice-attempts"), str(tries), "attempts")
    told = explain("down")
    same(list(told), ["refused/m", "a/m"][::-1], "the dead one is last")
    same(told["refused/m"]["answer"], "dead", told)
    same(told["refused/m"]["breaker_of"], "provider", told)
    check("nobody answers" in told["refused/m"]["reason"], told)
    same(told["a/m"]["answer"], "ok", told)


def test_black_hole_costs_three_requests():
    for _ in range(3):
        same(ask("holed").header("x-sluice-attempts"), "2", "attempts")
    for _ in range(10):
        same(ask("holed").header("x-sluice-attempts"), "1", "attempts")
    same(explain("holed")["hole/m"]["answer"], "dead", "explain")


def test_probe_finds_out_without_requests():
    until(lambda: explain("probed/m")["probed/m"]["answer"] in ("dead", "probe"), "the probe", 10)
    code, out, _ = gateway.cli("providers", "--json")
    check(code == 0, out)
    health = {each["name"]: each["health"] for each in json.loads(out)["configured"]}
    check(health["probed"]["answer"] in ("dead", "probe"), health["probed"])
    same(health["probed"]["attempts"], 0, "no request found out")


# --- keys --------------------------------------------------------------------------------------------

def key_used():
    return site("keyed").requests[-1].header("authorization").split("-")[-1]


def test_keys_rotate_by_health():
    def limited(key):
        def script(x):
            if x.request.header("authorization").endswith(key):
                reply(answers.error_body(), 429, [("Retry-After", "60")])(x)
            else:
                answers.auto(x)
        return script

    ask("keys")
    same(key_used(), "one", "the first, as long as it is well")
    site("keyed").default = limited("one")
    same(ask("keys").header("x-sluice-attempts"), "2", "the next key")
    same(key_used(), "two", "key")
    for _ in range(4):
        same(ask("keys").header("x-sluice-attempts"), "1", "one is left alone")
        same(key_used(), "two", "key")
    site("keyed").default = lambda x: reply(answers.error_body(), 401)(x) \
        if x.request.header("authorization").endswith("two") else answers.auto(x)
    same(ask("keys").header("x-sluice-attempts"), "2", "a refused key")
    same(key_used(), "three", "key")
    ask("keys")
    same(key_used(), "three", "key")
    told = explain("keys")["keyed/m"]["keys"]
    same([each["answer"] for each in told], ["paced", "ill", "ok"], told)


def test_a_provider_that_refuses_its_only_key_is_told_as_that():
    site("h").default = reply(answers.error_body(), 401)
    gateway.post(gateway.chat("h/m"))
    check("refuses the key" in explain("h/m")["h/m"]["reason"], explain("h/m"))
    code, out, err = gateway.cli("providers")
    lines = [line for line in err.splitlines() + out.splitlines() if " h " in line]
    check(any("every key is refused" in line for line in lines), lines or err + out)
    site("h").default = answers.auto


# --- limits and queues -------------------------------------------------------------------------------

def test_queue_waits_for_room():
    gate = threading.Event()
    site("lone").queue(lambda x: (x.wait(gate), answers.auto(x)))
    got = []
    threads = [threading.Thread(target=lambda: got.append(ask("queue"))) for _ in range(4)]
    for each in threads:
        each.start()
    site("lone").wait(1)
    until(lambda: explain("queue")["lone/m"]["answer"] == "full", "the limit")
    same(counts("lone"), [1], "one at a time")
    gate.set()
    for each in threads:
        each.join()
    same([each.status for each in got], [200] * 4, "all were served")
    same(counts("lone"), [4], "requests")


def test_rpm_goes_to_the_next():
    for wanted in ("few", "few", "a", "a"):
        same(ask("rpm").header("x-sluice-provider"), wanted, "provider")
    got = ask("rpm-alone", status=429)
    openai_error(got, 429, "rate_limit_exceeded")
    check(int(got.header("retry-after")) >= 1, got)
    same(counts("few"), [2], "requests")


def test_tpm_counts_what_was_used():
    # 1,600 bytes are taken for some 420 tokens; the answer says that they were fewer.
    site("small").default = reply(answers.chat("ok", spent=answers.usage(50, 50)))
    for _ in range(3):
        same(ask("tpm", "x" * 1600).header("x-sluice-provider"), "small", "provider")
    same(ask("tpm", "x" * 1600, max_tokens=900).header("x-sluice-provider"), "a", "over it")


def test_provider_has_retries_of_its_own():
    site("once").queue(*[reply(answers.error_body(), 500)] * 2)
    same(ask("again").header("x-sluice-attempts"), "3", "attempts")


# --- strategies --------------------------------------------------------------------------------------

def test_weighted():
    before = counts("b", "c")
    for _ in range(60):
        ask("weighted", str(time.monotonic_ns()))
    b, c = (now - then for now, then in zip(counts("b", "c"), before))
    check(b + c == 60 and c > 35, b, c)
    before = counts("b", "c")
    for _ in range(60):
        ask("even", str(time.monotonic_ns()))
    b, c = (now - then for now, then in zip(counts("b", "c"), before))
    check(b + c == 60 and b > 10 and c > 10, b, c)


def test_conversation_stays():
    """By a header, by prompt_cache_key, by what stands at its beginning."""
    for headers, more in (([("x-claude-code-session-id", "s-1")], {}), ([("session-id", "s-2")], {}),
                          ([], {"prompt_cache_key": "s-3"})):
        seen = {ask("weighted", str(number), headers=headers, **more).header("x-sluice-provider")
                for number in range(20)}
        same(len(seen), 1, headers)
    turns = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "begin"}]
    seen = set()
    for number in range(20):
        got = gateway.post({"model": "weighted", "messages": turns, "temperature": number % 2})
        seen.add(got.header("x-sluice-provider"))
        turns += [{"role": "assistant", "content": "ok"}, {"role": "user", "content": str(number)}]
    same(len(seen), 1, "one conversation")


def test_fastest_learns():
    site("d").default = lambda x: (time.sleep(0.05), answers.auto(x))
    for _ in range(60):
        ask("fastest", str(time.monotonic_ns()), stream=True)
    slow, fast = counts("d", "e")
    check(20 <= slow <= 30 and fast >= 30, slow, fast)
    told = explain("fastest")
    same(list(told)[0], "e/m", told)
    check(told["d/m"]["first_token_p50_ms"] >= 50, told)
    check("ms to the first token" in told["e/m"]["reason"], told)


def test_least_busy():
    gate = threading.Event()
    for each in "fg":
        site(each).default = lambda x: (x.wait(gate), answers.auto(x))
    threads = [threading.Thread(target=ask, args=("busy", str(number))) for number in range(6)]
    for number, each in enumerate(threads):
        each.start()
        until(lambda: sum(counts("f", "g")) == number + 1, "a request")
    same(counts("f", "g"), [3, 3], "in turn")
    gate.set()
    for each in threads:
        each.join()


def test_adaptive_goes_round_the_dead():
    for _ in range(20):
        ask("adaptive", str(time.monotonic_ns()))
    told = explain("adaptive")
    same(list(told)[-1], "refused/m", told)
    check("score" in told["b/m"]["reason"], told)


def test_cheapest_knows_prices():
    same(ask("cheapest").header("x-sluice-provider"), "mock", "unknown prices are last")
    told = explain("cheapest")
    check("price is not known" in told["b/m"]["reason"], told)


def test_cheapest_counts_pictures():
    """The dear one is written first, and both cost nothing by tokens."""
    reply = gateway.post({"model": "gallery", "prompt": "a cat", "n": 2}, path="/v1/images/generations")
    same((reply.status, reply.header("x-sluice-model")), (200, "plain"), reply)


# --- explain -----------------------------------------------------------------------------------------

def test_explain_sends_nothing():
    before = counts("a", "b", "c", "h")
    code, out, err = gateway.cli("explain", "weighted")
    check(code == 0 and "route weighted, strategy weighted" in out and "b/m" in out, out, err)
    code, out, err = gateway.cli("explain", "h/some-model")
    check(code == 0 and "named directly" in out, out, err)
    code, out, err = gateway.cli("explain", "no-such-model")
    check(code == 1 and "not known" in err, out, err)
    code, out, err = gateway.cli("explain")
    check(code == 2, out, err)
    same(counts("a", "b", "c", "h"), before, "requests")


def over_http(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(gateway.dir / "data" / "admin.sock"))
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n\r\n".encode())
        got = b"".join(iter(lambda: sock.recv(65536), b""))
    head, body = got.split(b"\r\n\r\n", 1)
    return int(head.split()[1]), body


def test_explain_over_http():
    status, body = over_http("/admin/v1/explain?model=weighted")
    same(status, 200, body)
    same(json.loads(body)["strategy"], "weighted", body)
    status, body = over_http("/admin/v1/explain?model=h%2Fm")
    same(json.loads(body)["candidates"][0]["provider"], "h", body)
    for path, wanted in (("/admin/v1/explain?model=no-such", 404), ("/admin/v1/explain", 400), ("/", 404),
                         ("/admin/explain?model=weighted", 404)):
        same(over_http(path)[0], wanted, path)
    status, body = over_http("/admin/v1/providers")
    check("weighted" not in body.decode() and len(json.loads(body)["providers"]) > 10, body)
