"""Limits and budgets of keys and teams, as clients and providers see them.

Promised (G7): spent + reserved never exceeds a limit, with a thousand requests at once and over
`kill -9`; what is refused says so in one sentence, in the client's format, with the status its
clients read (ux 5.4). Unit and sim tests have the invariant after each step; here it is whole.
"""

import json
import random
import threading
import time

import answers
from admin_world import over_socket, serving
from fake_provider import Fake
from harness import CHAT, FEW, NIGHT, Gateway, attempt_id, check, provider, route
from raw import SLOW, BadReply, Raw, request, until

DOLLAR = 10 ** 9
ROUNDS = 60 if NIGHT else 3 if FEW else 8

# A dollar for a thousand tokens, in or out; or a dime for each request.
PRICES = ('prices:\n  "fake/tokens*": { input: $1000/1M, output: $1000/1M }\n'
          '  "fake/dime": { request: $0.10 }\n  "fake/free": { input: free, output: free }\n')

fake = site = gateway = None


def setup():
    global fake, site, gateway
    fake = Fake()
    site = fake.site("b")
    site.default = exact
    gateway = make()


def make():
    return Gateway("providers:\n" + provider("fake", site.url) + PRICES + "routes:\n"
                   + route("m", "fake/tokens") + route("dime", "fake/dime")
                   + route("cheap", "fake/free") + route("unpriced", "fake/nobody-knows"))


def exact(x):
    """Ten tokens of prompt, and as many of an answer as the bill says, within the limit."""
    body = x.request.json()
    most = body.get("max_tokens") or body.get("max_completion_tokens") or 100
    x.bill.input, x.bill.output = 10, x.bill.output % most + 1
    spent = answers.usage(x.bill.input, x.bill.output)
    if body.get("stream"):
        answers.stream(answers.events(spent=spent, asked=x.request.wants_usage()))(x)
    else:
        answers.reply(answers.chat(spent=spent))(x)
    x.bill.reported = True


def limited(gate, name, *options, command="keys"):
    """A key of that name with these options."""
    gate.key(name)
    code, out, err = gate.cli(command, "limit", gate.key_ids[name], *options)
    check(code == 0, f"keys limit {options}: {code} {err or out}")
    return name


def charged(gate, where="1"):
    """What the ledger says was charged, once nothing is open."""
    until(lambda: not gate.rows(f"state = 'open' AND {where}"), "the ledger to be settled", 10)
    return gate.total("charged_nano", where)


def sentence(reply):
    check(reply.header("x-should-retry") == "false", "no x-should-retry: false:", reply.headers)
    return json.dumps(reply.json(), ensure_ascii=False)


def hold_dimes(gate):
    """Answers of that model wait for the event; `del site.models["dime"]` ends it."""
    def slow(x):
        gate.wait(30 * SLOW)
        answers.reply()(x)
    site.models["dime"] = slow


def ask_for_dime(raw, name, **more):
    raw.send(request("POST", CHAT, [gateway.bearer(name), ("Content-Type", "application/json")],
                     json.dumps(gateway.chat("dime", **more)).encode()))


def test_a_thousand_at_once():
    """1,000 requests of exactly $0.10 against $5.00: fifty pass."""
    gate = make()
    limited(gate, "crowd", "--budget", "5/day")
    held = threading.Event()

    hold_dimes(held)
    body = json.dumps(gate.chat("dime", max_tokens=5)).encode()
    data = request("POST", CHAT, [gate.bearer("crowd"), ("Content-Type", "application/json")], body)
    raws = [Raw(gate.port, timeout=60) for _ in range(1000)]
    before = len(site.requests)
    for raw in raws:
        raw.send(data)
    until(lambda: len(site.requests) >= before + 50, "fifty requests to arrive", 30)
    held.set()
    statuses = {}
    for raw in raws:
        status = raw.reply().status
        statuses[status] = statuses.get(status, 0) + 1
        raw.close()
    # Spent, or set aside for those that run.
    check(statuses.pop(200) == 50 and set(statuses) <= {402, 429} and sum(statuses.values()) == 950, statuses)
    check(len(site.requests) == before + 50, len(site.requests) - before, "reached the provider")
    check(charged(gate) == 5 * DOLLAR, charged(gate))
    del site.models["dime"]
    gate.remove()


test_a_thousand_at_once.seconds = 240


def test_budgets_survive_kill_9():
    """Random costs from many clients, killed again and again: never above the limit."""
    gate = make()
    limited(gate, "victim", "--budget", "3/day")
    pick = random.Random(5)
    stop = threading.Event()

    def client(number):
        chance = random.Random(number)
        while not stop.is_set():
            try:
                with Raw(gate.port) as raw:
                    body = json.dumps(gate.chat("m", max_tokens=chance.randrange(1, 60),
                                                stream=chance.random() < 0.5)).encode()
                    raw.send(request("POST", CHAT, [gate.bearer("victim"), (
                        "Content-Type", "application/json")], body))
                    if chance.random() < 0.1:
                        raw.reset()
                        continue
                    raw.reply()
            except (OSError, BadReply):
                time.sleep(0.01)                       # the gateway is being killed
    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(8)]
    for each in threads:
        each.start()
    for number in range(ROUNDS):
        threading.Event().wait(pick.uniform(0.05, 0.3))
        gate.kill()
        gate.start()
        total = gate.total("charged_nano")
        check(total <= 3 * DOLLAR, f"round {number}: {total} of {3 * DOLLAR} were charged")
    stop.set()
    for each in threads:
        each.join(20 * SLOW)
    # what is left is used up to the last request that fits, and no further
    charged(gate)                                      # nothing is held any more
    for _ in range(400):
        if gate.post(gate.chat("m", max_tokens=60), key="victim").status == 402:
            break
    total = charged(gate)
    check(total <= 3 * DOLLAR, total)
    check(total > 3 * DOLLAR - (60 + 100) * DOLLAR // 1000, total, "much of the budget is lost")
    # What nobody heard to its end is estimated; all else is charged at least as it is billed.
    rows = {row["id"]: row for row in gate.rows()}
    billed = 0
    for each in fake.bill.values():
        row = rows.get(attempt_id(each.id))
        if row is None or not each.reported:
            continue
        bill = (each.input + each.output) * DOLLAR // 1000
        if row["usage_kind"] != "estimated":
            check(row["charged_nano"] >= bill, f"billed {bill}:", row)
            billed += bill
    check(DOLLAR < billed <= 3 * DOLLAR, billed, "were billed by the provider")
    gate.remove()


test_budgets_survive_kill_9.seconds = 240


def test_without_max_tokens_a_limit_is_set_and_named():
    limited(gateway, "capped", "--budget", "1000/month")
    reply = gateway.post(gateway.chat("m"), key="capped")
    check(reply.status == 200, reply)
    check(reply.header("x-sluice-max-tokens") == "4096", reply.headers)
    check(site.requests[-1].json()["max_tokens"] == 4096, site.requests[-1].body)
    reply = gateway.post(gateway.chat("m", max_tokens=7), key="capped")
    check(reply.header("x-sluice-max-tokens") is None, reply.headers)
    check(site.requests[-1].json()["max_tokens"] == 7, site.requests[-1].body)
    # in another format
    reply = gateway.post({"model": "m", "input": "hi"}, path="/v1/responses", key="capped")
    check(reply.status == 200 and reply.header("x-sluice-max-tokens") == "4096", reply)
    check(site.requests[-1].json()["max_tokens"] == 4096, site.requests[-1].body)
    # nobody without a budget is capped
    reply = gateway.post(gateway.chat("m"))
    check(reply.header("x-sluice-max-tokens") is None, reply.headers)


def test_of_two_limits_the_greater_holds():
    limited(gateway, "two", "--budget", "1/day")
    reply = gateway.post(gateway.chat("m", max_tokens=4000, max_completion_tokens=1), key="two")
    check(reply.status == 402, reply)
    # a limit of zero is none
    limited(gateway, "zero", "--budget", "1000/day")
    reply = gateway.post(gateway.chat("m", max_tokens=0), key="zero")
    check(reply.header("x-sluice-max-tokens") == "4096", reply.headers)
    check(site.requests[-1].json()["max_tokens"] == 4096, site.requests[-1].body)


def test_each_answer_that_is_generated_is_paid():
    limited(gateway, "many", "--budget", "1/day")
    for more in ({"prompt": "hi", "best_of": 20}, {"prompt": ["a"] * 20}, {"prompt": [[1, 2]] * 20}):
        reply = gateway.post({"model": "m", "max_tokens": 50, **more}, path="/v1/completions", key="many")
        check(reply.status == 402, more, reply)


def test_pictures_cost_more_than_their_bytes():
    """Under a budget each is the tokens it may be; what nobody can tell fills the context."""
    limited(gateway, "seer", "--budget", "100/day")
    for url, status in (("data:image/png;base64,iVBO", 200), ("HTTPS://x/y.png", 402),
                        ("\thttps://x/y.png", 402), ("data:application/pdf;base64,JVBE", 402)):
        body = gateway.chat("m", max_tokens=5)
        body["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": url}}]
        reply = gateway.post(body, key="seer")
        check(reply.status == status, url, reply)
    row = until(lambda: gateway.rows("key = ? AND state = 'done'", int(gateway.key_ids["seer"], 16)), "its row", 10)[0]
    check(48 * DOLLAR < row["reserved_nano"] < 50 * DOLLAR, row)


def test_what_bytes_do_not_tell_teaches_nothing():
    """How many bytes a token has is learned from plain prompts: soft budgets go by it."""
    def likely(gate, name):
        limited(gate, name, "--budget", "100/day", "--soft")
        check(gate.post(gate.chat("m", "x" * 4000, max_tokens=5), key=name).status == 200)
        return until(lambda: gate.rows("key = ? AND state = 'done'", int(gate.key_ids[name], 16)), "its row", 10)[0]["reserved_nano"]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBO" * 5000}}
    for name, part, tokens in (("seen", picture, 100), ("read", {"type": "file", "file": {"file_id": "file-1"}}, 5000)):
        site.models[name] = answers.reply(answers.chat(spent=answers.usage(tokens, 1)))
        gate = Gateway("providers:\n" + provider("fake", site.url) + 'prices:\n  "fake/*": { input: $1000/1M, output: $1000/1M }\n'
                       "routes:\n" + route("m", f"fake/{name}"))
        body = gate.chat("m", max_tokens=5)
        body["messages"][0]["content"] = [part]
        for _ in range(3):
            check(gate.post(body).status == 200)
        amount = likely(gate, name)
        check(DOLLAR <= amount < 1.2 * DOLLAR, name, amount)
        gate.remove()


def form(*parts, edge="edge"):
    """A form of (name, value), or (name, value, file name)."""
    return "".join(f'--{edge}\r\nContent-Disposition: form-data; name="{name}"'
                   + "".join(f'; filename="{one}"' for one in file) + f"\r\n\r\n{value}\r\n"
                   for name, value, *file in parts).encode()


def test_pictures_that_are_made():
    """A dime each: a form says how many, or may still say it; else by the tokens they may be."""
    draw = fake.site("draw")
    gate = Gateway("providers:\n" + provider("fake", draw.url) +
                   'prices:\n  "fake/dime": { image: $0.10 }\n'
                   '  "fake/tokens": { input: $1000/1M, output: $1000/1M }\nroutes:\n'
                   + route("dime", "fake/dime") + route("tokens", "fake/tokens"))
    kind = "multipart/form-data; boundary=edge"
    end = b"--edge--\r\n"
    picture = ("image", "x" * 1000, "a.png")

    def ask(budget, *parts):
        key = limited(gate, f"painter{len(gate.keys)}", "--budget", f"{budget}/day")
        return gate.post(form(*parts) + end, path="/v1/images/edits", kind=kind, key=key).status
    for parts, count in ((["model"], 1), (["n", "model"], 4), (["model", "n"], 4)):
        values = {"model": "dime", "n": "4"}
        parts = [picture] + [(name, values[name]) for name in parts]
        check(ask(f"{count / 10 - .01:.2f}", *parts) == 402, count, "pictures fit")
        check(ask(f"{count / 10:.2f}", *parts) == 200, count, "pictures do not fit")
    check(ask(1000, picture, ("n", "1"), ("model", "dime"), ("n", "4")) == 400, "of two numbers one is taken")
    # What has not come may be the number: as many as are made at most.
    begun = form(("model", "dime")) + form(picture)[:500]
    for budget, status in ((.99, 402), (1, 200)):
        limited(gate, "slow", "--budget", f"{budget}/day")
        raw = Raw(gate.port, timeout=60)
        whole = begun + form(picture)[500:] + end
        sent = request("POST", "/v1/images/edits", [gate.bearer("slow"), ("Content-Type", kind)], whole)
        raw.send(sent[:len(sent) - len(whole) + len(begun)])
        if status == 200:
            raw.send(sent[len(sent) - len(whole) + len(begun):])
        check(raw.reply().status == status, budget)
        raw.close()
    # By tokens: a made one is up to 6,540, a given one up to 48,169.
    limited(gate, "prompter", "--budget", "6/day")
    body = {"model": "tokens", "prompt": "a cat"}
    check(gate.post(body, path="/v1/images/generations", key="prompter").status == 402, "a picture fits")
    limited(gate, "prompter", "--budget", "7/day")
    check(gate.post(body, path="/v1/images/generations", key="prompter").status == 200, "it does not fit")
    check(ask(50, picture, ("model", "tokens")) == 402, "an edit fits")
    check(ask(60, picture, ("model", "tokens")) == 200, "it does not fit")
    gate.remove()


def test_a_stored_prompt_fills_the_context():
    kept = fake.site("kept")
    gate = Gateway(f'providers:\n  fake: {{ format: openai-responses, url: "{kept.url}", key: sk-a }}\n'
                   + PRICES + "routes:\n" + route("m", "fake/tokens"))
    limited(gate, "keeper", "--budget", "100/day")
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}]}
    kept.default = answers.reply(json.dumps({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "tokens",
        "output": [said], "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}).encode())
    for more, status in (({"prompt": {"id": "pmpt_1"}}, 400), ({"prompt": None}, 200), ({"metadata": {"prompt": "x"}}, 200)):
        reply = gate.post({"model": "m", "input": "hi", "max_output_tokens": 9, **more}, path="/v1/responses", key="keeper")
        check(reply.status == status, more, reply)
    gate.remove()


def test_rankings_are_paid_by_the_search():
    """A dime for each search unit: a hundred documents, and a long one counts as several."""
    def ranked(x):
        found = [{"index": 0, "relevance_score": 0.5}]
        answers.reply(json.dumps({"id": "r", "results": found,
                                  "meta": {"billed_units": {"search_units": 1}}}).encode())(x)
    ranks = fake.site("ranks")
    ranks.default = ranked
    gate = Gateway(f'providers:\n  fake: {{ format: cohere, url: "{fake.origin}/ranks", key: sk-a }}\n'
                   'prices:\n  "fake/rr": { search: $0.10 }\nroutes:\n' + route("rr", "fake/rr"))
    limited(gate, "ranker", "--budget", "0.25/day")

    def ask(documents):
        return gate.post({"model": "rr", "query": "q", "documents": documents}, path="/v2/rerank",
                         key="ranker").status
    check(ask(["a"] * 201) == 402, "three units fit")
    check(ask(["a " * 1000] * 90) == 402, "long documents fit")
    check([ask(["a"] * 100), ask(["a"]), ask(["a"])] == [200, 200, 402], "of one unit each")
    until(lambda: charged(gate) == DOLLAR // 5, "two units to be charged", 10)
    gate.remove()


def test_what_is_not_told_is_unknown_not_free():
    """Search units of a ranking, seconds of a recording: charged as reserved, not as nothing."""
    silent = fake.site("silent")
    silent.default = answers.reply(json.dumps({"results": [{"index": 0, "relevance_score": 0.5}], "usage":
                                               {"total_tokens": 7}}).encode())
    gate = Gateway("providers:\n" + provider("fake", silent.url) + '  co: { format: cohere, url: "'
                   f'{fake.origin}/silent", key: k }}\n'
                   'prices:\n  "*/rr": { search: $0.10 }\n  "fake/asr": { input: $1/1M, output: $1/1M }\n'
                   "routes:\n" + route("rr", "fake/rr") + route("cr", "co/rr") + route("asr", "fake/asr"))
    limited(gate, "ranker", "--budget", "0.25/day")
    for model, path, total in (("rr", "/v1/rerank", 1), ("cr", "/v2/rerank", 2)):
        reply = gate.post({"model": model, "query": "q", "documents": ["a"]}, path=path, key="ranker")
        check(reply.status == 200 and reply.header("x-sluice-cost-usd") == "unknown", reply)
        until(lambda t=total: charged(gate) == t * DOLLAR // 10, "a unit to be charged", 10)
    check(gate.total("1", "cost_nano IS NULL AND usage_kind = 'unknown'") == 2, gate.rows())

    silent.default = answers.reply(json.dumps({"results": [{"index": 0, "relevance_score": 0.5}], "meta": {
        "billed_units": {"search_units": 1}}}).encode())
    reply = gate.post({"model": "rr", "query": "q", "documents": ["a"]}, path="/v1/rerank")
    check(reply.header("x-sluice-cost-usd") == "0.100000000", "a unit of a compatible host:", reply)
    silent.default = answers.reply(json.dumps({"text": "hi", "usage": {"type": "duration", "seconds": 90}}).encode())
    reply = gate.post(form(("model", "asr"), ("file", "RIFF", "a.wav")) + b"--edge--\r\n",
                      path="/v1/audio/transcriptions", kind="multipart/form-data; boundary=edge")
    check(reply.header("x-sluice-cost-usd") == "unknown", "seconds of a recording:", reply)
    gate.remove()


def test_a_cost_beyond_the_reservation_is_a_debt():
    limited(gateway, "debtor", "--budget", "1/day")
    site.models["tokens"] = answers.reply(answers.chat(spent=answers.usage(4000, 1000)))
    check(gateway.post(gateway.chat("m", max_tokens=9), key="debtor").status == 200)
    del site.models["tokens"]
    reply = gateway.post(gateway.chat("m", max_tokens=9), key="debtor")
    check(reply.status == 402, reply)
    check('key \\"debtor\\" has used $5.00 of $1.00 today; resets ' in sentence(reply), reply)
    check(0 < int(reply.header("retry-after")) <= 86400, reply.headers)
    # more money helps at once
    limited(gateway, "debtor", "--budget", "10/day")
    check(gateway.post(gateway.chat("m", max_tokens=9), key="debtor").status == 200)


REFUSALS = {
    "chat": (CHAT, {"model": "m", "messages": [{"role": "user", "content": "hi"}]}, 402,
             lambda body: body["error"]["code"] == "budget_exceeded"),
    "responses": ("/v1/responses", {"model": "m", "input": "hi"}, 400,
                  lambda body: body["error"]["code"] == "budget_exceeded"),
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 9,
                                  "messages": [{"role": "user", "content": "hi"}]}, 402,
                 lambda body: body["error"]["type"] == "billing_error"),
    "gemini": ("/v1beta/models/m:generateContent",
               {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, 402,
               lambda body: body["error"]["status"] == "RESOURCE_EXHAUSTED"),
    "bedrock": ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
                402, lambda body: "message" in body),
    "cohere": ("/v2/chat", {"model": "m", "messages": [{"role": "user", "content": "hi"}]}, 402,
               lambda body: "message" in body),
}


def test_a_raised_limit_is_reserved_as_raised():
    """OpenAI's Responses take no limit below 16, so one token that was asked for may become 16."""
    gate = Gateway(f'providers:\n  fake: {{ format: openai-responses, url: "{fake.origin}/raised", key: k }}\n'
                   'prices:\n  "fake/m": { input: free, output: $1000/1M }\nroutes:\n' + route("m", "fake/m"))
    limited(gate, "short", "--budget", "0.015/day")
    check(gate.post(gate.chat("m", max_tokens=1), key="short").status == 402, "16 tokens at a tenth of a cent")
    gate.remove()


def test_refusals():
    """The sentence and the status of each dialect; the provider hears nothing."""
    limited(gateway, "broke", "--budget", "0.01/month")
    for name, (path, body, status, fits) in REFUSALS.items():
        def one(path=path, body=body, status=status, fits=fits):
            before = len(site.requests)
            reply = gateway.post(body, path=path, key="broke")
            check(reply.status == status, reply)
            check('key \\"broke\\" has used $0.00 of $0.01 this month; resets 20' in sentence(reply),
                  reply)
            check(fits(reply.json()), reply)
            check(len(site.requests) == before, "the provider was asked")
        yield name, one


def test_levels():
    """A team's budget holds for all its keys, and says whose it was."""
    code, out, err = gateway.cli("teams", "create", "crew", "--budget", "0.10/week", "--json")
    check(code == 0, err)
    for name in ("ann", "bob"):
        code, out, err = gateway.cli("keys", "create", "--name", name, "--team", "crew", "--json")
        check(code == 0, err)
        gateway.keys[name], gateway.key_ids[name] = json.loads(out)["key"], json.loads(out)["id"]
    check(gateway.post(gateway.chat("dime", max_tokens=1), key="ann").status == 200)
    reply = gateway.post(gateway.chat("dime", max_tokens=1), key="bob")
    check(reply.status == 402, reply)
    check('team \\"crew\\" has used $0.10 of $0.10 this week' in sentence(reply), reply)


def test_what_a_revoked_key_has_spent_stays_spent():
    """Of the organisation it belonged to, after a restart as well."""
    def made(gate, kind, name, **more):
        status, got = over_socket(gate, "POST", f"/{kind}", {"name": name, **more})
        check(status == 201, got)
        gate.keys[name], gate.key_ids[name] = got.get("key"), got["id"]
    lone = make()
    serving(lone)
    made(lone, "organisations", "other", limits={"budget": {"week": "0.25"}})
    made(lone, "teams", "crew", organisation="other")
    made(lone, "keys", "direct", organisation="other")
    made(lone, "keys", "member", team="crew")
    for name in ("direct", "member"):
        check(lone.post(lone.chat("dime", max_tokens=1), key=name).status == 200)
    check(over_socket(lone, "DELETE", "/keys/direct")[0] == 200)
    check(over_socket(lone, "DELETE", "/teams/crew")[0] == 200)
    lone.stop()
    lone.start()
    serving(lone)
    made(lone, "keys", "next", organisation="other")
    reply = lone.post(lone.chat("dime", max_tokens=1), key="next")
    check(reply.status == 402, reply)
    check('organisation \\"other\\" has used $0.20 of $0.25 this week' in sentence(reply), reply)
    lone.remove()


def test_users():
    limited(gateway, "app", "--user-budget", "0.10/day")
    check(gateway.post(gateway.chat("dime", user="u1"), key="app").status == 200)
    reply = gateway.post(gateway.chat("dime", user="u1"), key="app")
    check(reply.status == 402, reply)
    check('user \\"u1\\" of key \\"app\\" has used $0.10 of $0.10 today' in sentence(reply), reply)
    reply = gateway.post(gateway.chat("dime"), key="app", headers=[("x-sluice-user", "u1")])
    check(reply.status == 402, reply)
    check(gateway.post(gateway.chat("dime", user="u2"), key="app").status == 200)
    until(lambda: gateway.rows("user = 'u2' AND state = 'done'"), "the row of u2", 5)


def test_a_budget_of_users_is_set_again():
    """What a user has spent counts once, however often the limit is taken away and set."""
    limited(gateway, "again", "--user-budget", "0.25/day")
    check(gateway.post(gateway.chat("dime", user="u1"), key="again").status == 200)
    for _ in range(3):
        limited(gateway, "again", "--user-budget", "none")
        limited(gateway, "again", "--user-budget", "0.25/day")
    check(gateway.post(gateway.chat("dime", user="u1"), key="again").status == 200)
    reply = gateway.post(gateway.chat("dime", user="u1"), key="again")
    check(reply.status == 402 and "has used $0.20 of $0.25 today" in sentence(reply), reply)


def test_a_new_budget_knows_the_past():
    check(gateway.post(gateway.chat("dime", max_tokens=1), key="late").status == 200)
    limited(gateway, "late", "--budget", "0.15/day")
    reply = gateway.post(gateway.chat("dime", max_tokens=1), key="late")
    check(reply.status == 402, reply)
    check("has used $0.10 of $0.15 today" in sentence(reply), reply)


def test_downgrade():
    limited(gateway, "poor", "--budget", "0.05/day", "--on-budget", "downgrade:cheap")
    reply = gateway.post(gateway.chat("m", max_tokens=500), key="poor")
    check(reply.status == 200, reply)
    check(reply.header("x-sluice-downgraded") == "cheap", reply.headers)
    check(reply.header("x-sluice-model") == "free", reply.headers)


def test_a_downgrade_keeps_to_the_account():
    """A stored response is of one account: another is not asked for it, whatever a budget says."""
    def kept(x):
        answers.reply(json.dumps({
            "id": "resp_" + x.site.name, "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                        "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}).encode())(x)
    sites = [fake.site("keep_a"), fake.site("keep_b")]
    for each in sites:
        each.default = kept
    gate = Gateway("providers:\n" + "".join(
        f'  {name}: {{ format: openai-responses, url: "{each.url}", key: sk-{name} }}\n'
        for name, each in zip(("a", "b"), sites))
        + 'prices:\n  "a/m": { input: $1000/1M, output: $1000/1M }\n  "b/m": { input: free, output: free }\n'
        + "routes:\n" + route("dear", "a/m") + route("free", "b/m"))
    body = {"model": "dear", "input": "hi", "max_output_tokens": 500}
    limited(gate, "poor", "--budget", "5/day", "--on-budget", "downgrade:free")
    check(gate.post(body, path="/v1/responses", key="poor").status == 200, "the first")
    limited(gate, "poor", "--budget", "0.05/day")
    reply = gate.post(body, path="/v1/responses", key="poor")
    check(reply.status == 200 and reply.header("x-sluice-downgraded") == "free", reply)
    before = len(sites[1].requests)
    mine = {**body, "previous_response_id": "resp_keep_a"}
    reply = gate.post(mine, path="/v1/responses", key="poor")
    check(reply.status == 400 and reply.json()["error"]["code"] == "budget_exceeded", reply)
    check(len(sites[1].requests) == before, "another account was asked")
    gate.remove()


def test_a_price_nobody_knows():
    limited(gateway, "careful", "--budget", "5/day")
    reply = gateway.post(gateway.chat("unpriced", max_tokens=5), key="careful")
    check(reply.status == 403 and reply.json()["error"]["code"] == "price_unknown", reply)
    check(gateway.post(gateway.chat("unpriced", max_tokens=5)).status == 200)


def test_answers_that_are_made_later():
    """In the background: nobody hears of the usage, so what was set aside is charged, also after a restart."""
    later = fake.site("later")
    later.default = answers.reply(json.dumps({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "queued", "background": True,
        "model": "tokens", "output": [], "usage": None}).encode())
    gate = Gateway(f'providers:\n  fake: {{ format: openai-responses, url: "{later.url}", key: sk-a }}\n'
                   + PRICES + "routes:\n" + route("m", "fake/tokens"))
    limited(gate, "patient", "--budget", "5/month")
    body = {"model": "m", "input": "hi", "max_output_tokens": 2000, "background": True}
    for status in (200, 200, 400):                     # each is 2,000 tokens and its prompt
        reply = gate.post(body, path="/v1/responses", key="patient")
        check(reply.status == status, reply)
    until(lambda: len(gate.rows("state = 'done' AND status = 200")) == 2, "the rows", 10)
    check(4 * DOLLAR < charged(gate) < 5 * DOLLAR, charged(gate))
    check({(row["usage_kind"], row["cost_nano"]) for row in gate.rows("status = 200")} == {("unknown", None)}, gate.rows())
    gate.stop()
    gate.start()
    check(gate.post(body, path="/v1/responses", key="patient").status == 400, "the charge is forgotten")
    # A server that says so unasked.
    limited(gate, "patient", "--budget", "7/month")
    check(gate.post({**body, "background": False}, path="/v1/responses", key="patient").status == 200)
    until(lambda: len(gate.rows("state = 'done' AND status = 200")) == 3, "the last row", 10)
    check(6 * DOLLAR < charged(gate) < 7 * DOLLAR, charged(gate))
    gate.remove()


def test_exhausted_streams():
    """A soft budget, and a stream that is longer than its money: each way to end."""
    words = ["x" * 100] * 80                                   # 2,000 tokens by their bytes
    site.models["tokens-long"] = answers.stream(
        answers.events(words, answers.usage(10, 2000), asked=True), pieces=1000)
    gate = Gateway("providers:\n" + provider("fake", site.url) + PRICES + "routes:\n"
                   + route("long", "fake/tokens-long"))
    wanted = {"finish": ('"finish_reason":"stop"', "[DONE]"),
              "stop": ('"finish_reason":"length"', "[DONE]"),
              "error": ('"code":"budget_exceeded"', "has used ")}
    for what, marks in wanted.items():
        def one(what=what, marks=marks):
            limited(gate, what, "--budget", "1/day", "--soft", "--on-exhausted", what)
            reply = gate.post(gate.chat("long", stream=True, max_tokens=9000), key=what)
            check(reply.status == 200, reply)
            text = reply.body.decode()
            for mark in marks:
                check(mark in text, f"no {mark} at the end:", text[-600:])
            check(("[DONE]" in text) == (what != "error"), text[-600:])
            row = until(lambda: [row for row in gate.rows("state = 'done'")
                                 if row["key"] == int(gate.key_ids[what], 16)], "its row", 10)[0]
            check((row["cost_nano"] > DOLLAR) == (what == "finish"), row)
        yield what, one
    gate.remove()


def test_money_set_aside_is_not_spent():
    """What runs may give it back: the client may try again at once, and is told so."""
    limited(gateway, "waiting", "--budget", "0.25/total")
    gate = threading.Event()
    hold_dimes(gate)
    before = len(site.requests)
    raws = [gateway.open() for _ in range(2)]
    try:
        for raw in raws:
            ask_for_dime(raw, "waiting", max_tokens=5)
        until(lambda: len(site.requests) == before + 2, "two of them to arrive", 5)
        reply = gateway.post(gateway.chat("dime", max_tokens=5), key="waiting")
        check(reply.status == 429 and reply.header("retry-after") == "1", reply)
        check(reply.header("x-should-retry") != "false", reply)
        check("has used $0.20 of $0.25, $0.20 of it set aside for requests under way; this request may cost $0.10"
              in reply.json()["error"]["message"], reply)
        # More than the whole budget never fits, whatever ends.
        reply = gateway.post(gateway.chat("m", max_tokens=500), key="waiting")
        check(reply.status == 402 and reply.header("x-should-retry") == "false", reply)
        gate.set()
        check([raw.reply().status for raw in raws] == [200, 200])
    finally:
        gate.set()
        for raw in raws:
            raw.close()
    del site.models["dime"]
    until(lambda: gateway.post(gateway.chat("dime", max_tokens=5), key="waiting").status == 402, "both to be settled", 5)
    reply = gateway.post(gateway.chat("dime", max_tokens=5), key="waiting")
    check(reply.status == 402 and "has used $0.20 of $0.25; it does not reset" in sentence(reply), reply)


def test_rates():
    limited(gateway, "fast", "--rpm", "2")
    first = gateway.post(gateway.chat("m", max_tokens=1), key="fast")
    check(first.header("x-ratelimit-limit-requests") == "2", first.headers)
    check(first.header("x-ratelimit-remaining-requests") == "1", first.headers)
    gateway.post(gateway.chat("m", max_tokens=1), key="fast")
    reply = gateway.post(gateway.chat("m", max_tokens=1), key="fast")
    check(reply.status == 429 and int(reply.header("retry-after")) > 0, reply)
    check(reply.json()["error"]["code"] == "rate_limit_exceeded", reply)
    check(reply.header("x-should-retry") is None, reply.headers)
    # in Anthropic's dialect; what a provider says of our account is nobody's business
    limited(gateway, "claude", "--rpm", "1")
    site.queue(answers.reply(headers=[("anthropic-ratelimit-requests-limit", "50")]))
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    reply = gateway.post(body, path="/v1/messages", key="claude")
    check(reply.status == 200, reply)
    check(reply.header("anthropic-ratelimit-requests-limit") == "1", reply.headers)
    reply = gateway.post(body, path="/v1/messages", key="claude")
    check(reply.status == 429 and reply.json()["error"]["type"] == "rate_limit_error", reply)
    check(reply.header("anthropic-ratelimit-requests-remaining") == "0", reply.headers)


def test_a_picture_takes_its_tokens_of_a_minute():
    """And not those that its base64 would be as text.  An empty minute takes everything."""
    limited(gateway, "eye", "--tpm", "5000")
    body = gateway.chat("m", max_tokens=5)
    for kind, status in (("image/png;base64,iVBO", 200), ("image/png;base64,iVBO", 200),
                         ("application/pdf;base64,JVBERi0", 429)):
        url = f"data:{kind}" + "A" * 400_000
        body["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": url}}]
        reply = gateway.post(body, key="eye")
        check(reply.status == status, kind, reply)


def test_concurrent():
    limited(gateway, "single", "--concurrent", "1")
    gate = threading.Event()
    hold_dimes(gate)
    before = len(site.requests)
    with gateway.open() as raw:
        ask_for_dime(raw, "single")
        until(lambda: len(site.requests) > before, "the first one to arrive", 5)
        reply = gateway.post(gateway.chat("dime"), key="single")
        check(reply.status == 429 and "requests at a time" in str(reply), reply)
        gate.set()
        check(raw.reply().status == 200)
    del site.models["dime"]
    until(lambda: gateway.post(gateway.chat("dime"), key="single").status == 200, "its place", 5)
