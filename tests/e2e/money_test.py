"""What things cost: the ledger's rows against the providers' own bills, prices and discounts of the
configuration, what clients are told, and what nobody knows."""

import json
import os
import signal
import threading

import answers
from fake_provider import Fake
from admin_world import over_socket
from harness import Gateway, check, cli, provider, route, same, shown_id
from mocks import Mock, figures, prices
from raw import until

a = b = gateway = None
CHAT = "/v1/chat/completions"


def setup():
    global a, b, gateway
    a, b = Mock("a"), Mock("b", "--any-model")
    gateway = Gateway(
        prices("a", "claude") +
        "providers:\n" + provider("a", a.url + "/v1") +
        f'  claude: {{ format: anthropic, url: "{a.url}/v1", key: k }}\n' +
        f'  openai: {{ url: "{b.url}/v1", key: k, discount: 12.5%,'
        f' prices: {{ gpt-5-nano: {{ output: $1/1M }} }} }}\n' +
        f'  stranger: {{ format: anthropic, url: "{b.url}/v1", key: k }}\n' +
        "routes:\n" + route("safe", "a/echo", "claude/echo", more=", first_token: 5s"))
    gateway.key()


def teardown():
    a.stop()
    b.stop()


def row_of(reply):
    number = int(reply.header("x-request-id"), 16)
    number = number - 2 ** 64 if number >= 2 ** 63 else number
    return until(lambda: next(iter(gateway.rows("id = ? AND state = 'done'", number)), None), "the row")


def nano(text):
    whole, _, part = text.partition(".")
    return int(whole) * 10 ** 9 + int(part.ljust(9, "0"))


# --- the bill ----------------------------------------------------------------------------------------

def chat(model, **more):
    return gateway.chat(model, "one two three four", **more)


BILLED = {
    "a whole answer": (CHAT, chat_of := lambda: chat("a/echo"), ()),
    "cached tokens": (CHAT, chat_of, (("x-mock-cached", "2"),)),
    "reasoning": (CHAT, lambda: chat("a/think"), ()),
    "several choices": (CHAT, lambda: chat("a/echo", n=3), ()),
    "a stream": (CHAT, lambda: chat("a/echo", stream=True), ()),
    "a stream with usage": (CHAT, lambda: chat("a/think", stream=True, stream_options={"include_usage": True}), ()),
    "a call": (CHAT, lambda: chat("a/tools", tools=[{"type": "function", "function": {"name": "f"}}]), ()),
    "a price by the request": (CHAT, lambda: chat("a/flaky"), ()),
    "another format": (CHAT, lambda: chat("claude/echo"), (("x-mock-cached", "3"),)),
    "another format's stream": (CHAT, lambda: chat("claude/think", stream=True), ()),
    "messages": ("/v1/messages", lambda: chat("a/echo", max_tokens=100), ()),
    "vectors": ("/v1/embeddings", lambda: {"model": "a/embed", "input": ["one two", "three"]}, ()),
    "pictures": ("/v1/images/generations", lambda: {"model": "a/image", "prompt": "two words", "n": 2}, ()),
    "a streamed picture": ("/v1/images/generations",
                           lambda: {"model": "a/image", "prompt": "two words", "stream": True}, ()),
}


def bill_rows(name):
    path, body, headers = BILLED[name]

    def run():
        reply = gateway.post(body(), path, headers)
        same(reply.status, 200, reply)
        row, line = row_of(reply), None
        line = a.line(row["id"])
        same(line["how"], "whole", "how it went")
        same((row["usage_kind"], row["cost_nano"]), ("reported", line["cost_nano"]), f"{row} of {line}")
        check(row["cost_nano"] > 0, "a cost")
        told = reply.header("x-sluice-cost-usd")
        if told:
            same(nano(told), row["cost_nano"], "x-sluice-cost-usd")
        elif path == CHAT:
            check(f"cost_usd={told_of(row['cost_nano'])}\n".encode() in reply.body, "the comment:", reply.body[-200:])
    return name, run


def told_of(cost):
    return f"{cost // 10 ** 9}.{cost % 10 ** 9:09}"


def test_reported_rows_are_what_the_provider_bills():
    for name in BILLED:
        yield bill_rows(name)


def test_a_broken_attempt_is_estimated_and_priced():
    reply = gateway.post(chat("safe", stream=True), headers=[("x-mock-fault", "cut@a"), ("x-mock-tokens", "0")])
    rows = until(lambda: [r for r in gateway.rows("exchange = ?", row_of(reply)["exchange"])
                          if r["state"] == "done"], "rows")
    for row in rows:
        check(row["cost_nano"] is not None, "a cost of", row)
        if row["usage_kind"] == "reported":
            same(row["cost_nano"], a.line(row["id"])["cost_nano"], "reported")


# --- prices of the configuration ----------------------------------------------------------------------

def test_a_discount_is_off_the_catalogues_prices():
    reply = gateway.post(gateway.chat("openai/gpt-5-mini"), headers=[("x-mock-tokens", "9")])
    used = reply.json()["usage"]
    # $0.25 and $2.00 for a million, less an eighth; pico-dollars
    pico = used["prompt_tokens"] * 218750 + used["completion_tokens"] * 1750000
    same(row_of(reply)["cost_nano"], (pico + 500) // 1000, "the cost")


def test_a_written_figure_is_what_is_paid():
    reply = gateway.post(gateway.chat("openai/gpt-5-nano"), headers=[("x-mock-tokens", "9")])
    used = reply.json()["usage"]
    # $0.05 less an eighth; $1.00 as written
    pico = used["prompt_tokens"] * 43750 + used["completion_tokens"] * 1000000
    same(row_of(reply)["cost_nano"], (pico + 500) // 1000, "the cost")


def test_an_unknown_price_is_null_everywhere():
    body = gateway.chat("stranger/x", usage={"include": True})
    reply = gateway.post(body, headers=[("x-mock-tokens", "3")])
    same(reply.header("x-sluice-cost-usd"), "unknown", "the header")
    same(reply.json()["usage"]["cost"], None, "usage.cost")
    same(row_of(reply)["cost_nano"], None, "the row")
    reply = gateway.post({**body, "stream": True}, headers=[("x-mock-tokens", "3")])
    check(b"cost_usd=unknown" in reply.body and b'"cost":null' in reply.body, reply.body[-600:])


def test_usage_cost_is_exact():
    for model in ("claude/lorem", "a/lorem"):
        for more in ({}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}):
            reply = gateway.post(gateway.chat(model, usage={"include": True}, **more),
                                 headers=[("x-mock-tokens", "5"), ("x-mock-delay-ms", "0")])
            same(reply.status, 200, reply)
            row = row_of(reply)
            check(f'"cost":{told_of(row["cost_nano"])}'.encode() in reply.body, row["cost_nano"], reply.body[-600:])
            if not more:
                same(nano(str(json.loads(reply.body, parse_float=str)["usage"]["cost"])), row["cost_nano"], "JSON")


def test_a_whole_answer_where_a_stream_was_asked_for_has_its_cost():
    fake = Fake()
    fake.site("there").default = answers.reply(answers.chat(spent=answers.usage(30, 7)))
    there = Gateway("providers:\n" + provider("there", fake.site("there").url)
                    + 'prices:\n  "there/x": { input: $1/1M, output: $10/1M }\nroutes:\n' + route("r", "there/x"))
    there.key()
    for more in {}, {"stream_options": {"include_usage": True}}:
        reply = there.post(there.chat("r", stream=True, usage={"include": True}, **more))
        same(reply.status, 200, reply)
        check(b'"prompt_tokens": 30' in reply.body and b'"cost":0.000100000' in reply.body, reply.body)
    reply = there.post(there.chat("r", stream=True, stream_options={"include_usage": True}))
    check(b'"prompt_tokens": 30' in reply.body and b'"cost"' not in reply.body, reply.body)
    there.remove()


def test_only_who_asks_is_told_the_cost():
    for stream in (False, True):
        for usage in ({}, {"usage": {"include": False}}):
            reply = gateway.post(gateway.chat("a/echo", stream=stream, **usage))
            check(b'"cost"' not in reply.body, reply.body[-600:])


def test_the_wish_for_the_cost_stays_here():
    fake = Fake()
    there = Gateway("providers:\n" + provider("there", fake.site("there").url) + "routes:\n" + route("r", "there/x"))
    there.key()
    reply = there.post(there.chat("r", usage={"include": True}, temperature=0.5))
    same(reply.status, 200, reply)
    sent = fake.requests[-1].json()
    check("usage" not in sent and sent["temperature"] == 0.5, sent)
    same(reply.json()["usage"]["cost"], None, "no price is known")


# --- counts and tiers of their own ----------------------------------------------------------------------

def test_what_is_billed_is_priced_and_what_there_was_is_shown():
    fake = Fake()
    site = fake.site("co")
    site.default = answers.reply(json.dumps({
        "id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [
            {"type": "text", "text": "hi"}]}, "usage": {"billed_units": {"input_tokens": 25, "output_tokens": 10},
                                                        "tokens": {"input_tokens": 91, "output_tokens": 12}}}).encode())
    there = Gateway(f'providers:\n  co: {{ format: cohere, url: "{fake.origin}/co", key: k }}\n'
                    'prices:\n  "co/m": { input: $2.50/1M, output: $10/1M }\nroutes:\n' + route("m", "co/m"))
    reply = there.post(there.chat("m", usage={"include": True}))
    used = reply.json()["usage"]
    same((used["prompt_tokens"], used["completion_tokens"]), (91, 12), "what is shown")
    same(reply.header("x-sluice-cost-usd"), "0.000162500", "what is paid")
    same(there.row(fake.requests[-1].id)["input_tokens"], 25, "the row is the bill")
    there.remove()


def test_tiers_with_prices_of_their_own_are_unknown():
    """But where figures are written for the model: these are what is paid."""
    fake = Fake()
    site = fake.site("openai")
    there = Gateway(f'providers:\n  openai: {{ url: "{site.url}", key: k, prices: {{ gpt-5-nano: '
                    '{ input: $1/1M, output: $1/1M } } }\n')
    for model, tier, cost in (("gpt-5-mini", "default", 8750), ("gpt-5-mini", None, 8750),
                              ("gpt-5-mini", "priority", None), ("gpt-5-mini", "flex", None),
                              ("gpt-5-nano", "flex", 7000)):
        site.default = answers.reply(answers.chat(service_tier=tier))
        reply = there.post(there.chat(f"openai/{model}", usage={"include": True}))
        same(reply.header("x-sluice-cost-usd"), f"0.{cost:09}" if cost else "unknown", f"{model} at {tier}")
        row = there.row(fake.requests[-1].id)
        same((row["cost_nano"], row["input_tokens"], row["usage_kind"]), (cost, 3, "reported"), f"the row at {tier}")
    same(repriced(there)["total"]["unpriced"], 2, "nobody knows later either")
    there.remove()


# --- prices that were wrong ----------------------------------------------------------------------------

def repriced(there, *more):
    code, out, err = there.cli("cost", "reprice", "--since", "1h", "--json", *more)
    same(code, 0, err)
    return json.loads(out)


def costs(there):
    code, out, err = there.cli("cost", "--since", "1h", "--json")
    same(code, 0, err)
    code, _, err = there.cli("cost", "--verify")
    same(code, 0, err)
    total = json.loads(out)["total"]
    return total["cost_nano"], total["corrected_nano"]


def priced_at(figure):
    return ("prices:\n" + f'  "a/echo": {{ input: {figure}/1M, output: {figure}/1M }}\n' +
            "providers:\n" + provider("a", a.url + "/v1") + provider("new", a.url + "/v1") +
            "routes:\n" + route("tripled" if figure == "$3" else "plain", "a/echo"))


def test_todays_prices_correct_what_was_written_down():
    """With a gateway, and without one; back again, too."""
    there = Gateway(priced_at("$1"))
    there.key()
    many = 1020  # more than one transaction corrects
    for _ in range(many):
        same(there.post(there.chat("a/echo", "one two three")).status, 200, "an answer")
    same(there.post(there.chat("new/echo", "one two")).status, 200, "an answer nobody has a price for")
    until(lambda: len(there.rows("state = 'done'")) == many + 1, "the rows")
    rows = there.rows("provider = 'a'")
    tokens = sum(row["input_tokens"] + row["output_tokens"] for row in rows)
    same(costs(there), (tokens * 1000, 0), "at $1")
    same(repriced(there)["total"]["changed"], 0, "nothing is wrong")

    there.write(priced_at("$3"))
    os.kill(there.process.pid, signal.SIGHUP)
    until(lambda: there.get("/v1/models/tripled").status == 200, "the new prices")
    same(repriced(there, "--model", "lorem")["total"]["attempts"], 0, "another model")
    said = repriced(there, "--dry-run")
    same((said["dry_run"], said["total"]["delta_nano"]), (True, tokens * 2000), "what would change")
    same(said["models"][0]["model"], "echo", said)
    same(said["total"]["unpriced"], 1, "of which nobody knows a price")
    status, slice_ = over_socket(there, "GET", "/cost/reprice?since=1h&provider=a")
    same((status, slice_["models"][0]["changed"]), (200, 1000), "over REST, a slice")
    status, rest = over_socket(there, "GET", f"/cost/reprice?since=1h&provider=a&cursor={slice_['next']}")
    same((rest["models"][0]["changed"], rest["next"]), (many - 1000, None), "and what is left")
    same(over_socket(there, "POST", "/cost/reprice?since=soon")[0], 400, "no time")
    same(costs(there), (tokens * 1000, 0), "nothing was written")
    same(repriced(there)["total"]["delta_nano"], tokens * 2000, "what changes")
    same(costs(there), (tokens * 3000, tokens * 2000), "at $3")
    same(repriced(there)["total"]["changed"], 0, "once is enough")
    code, out, err = there.cli("show", shown_id(rows[0]["exchange"]))
    check(code == 0 and "cost reprice" in out, "the entry below the bill:", out, err)
    code, out, err = there.cli("audit", "export")
    check(code == 0 and out.count('"cost_reprice"') == 2, "an entry of the audit log for each thousand", out, err)

    there.stop()
    there.write(priced_at("$1"))
    same(repriced(there, "--dry-run")["total"]["delta_nano"], -tokens * 2000, "back, if it is wanted")
    same(repriced(there, "--provider", "a")["total"]["delta_nano"], -tokens * 2000, "back")
    same(repriced(there)["total"]["changed"], 0, "once is enough")
    same(costs(there), (tokens * 1000, 0), "at $1")
    same(there.cli("audit", "verify")[0], 0, "the audit log is whole")


def spent_of(there, window="day"):
    code, out, err = there.cli("keys", "show", there.key_ids["test"], "--json")
    same(code, 0, err)
    known = json.loads(out).get("usage")       # a gateway that begins does not say it yet
    return known and nano(known["budget"][window]["spent"])


def test_budgets_follow_a_correction():
    """At once, while requests go on; as a restart would have it."""
    there = Gateway(priced_at("$1"))
    there.key()
    code, _, err = there.cli("keys", "limit", there.key_ids["test"], "--budget", "1/day", "--budget", "5/month")
    same(code, 0, err)
    stop, wrong = threading.Event(), []

    def ask(least=0):
        asked = 0
        while asked < least or (not least and not stop.is_set()):
            asked += 1
            reply = there.post(there.chat("a/echo", "one two three", max_tokens=20))
            if reply.status != 200:
                wrong.append(str(reply))
                return

    def charged(what):
        """The same in the ledger, once all rows have come, and in the budgets."""
        def is_same():
            found = sum(row["charged_nano"] for row in there.rows())
            return (spent_of(there), spent_of(there, "month")) == (found, found) and [found]
        return until(is_same, f"budgets to have what the ledger has, {what}")[0]
    ask(300)
    before = charged("before")
    clients = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for each in clients:
        each.start()
    there.write(priced_at("$900"))
    os.kill(there.process.pid, signal.SIGHUP)
    until(lambda: repriced(there)["total"]["changed"] >= 300, "the new prices")
    stop.set()
    for each in clients:
        each.join(20)
    repriced(there)
    now = charged("dearer")
    check(now > 100 * before, "charged", before, now)
    reply = there.post(there.chat("a/echo", "one " * 900, max_tokens=1000))
    same(reply.status, 402, "what would not have been refused before")
    there.write(priced_at("$2"))
    os.kill(there.process.pid, signal.SIGHUP)
    until(lambda: repriced(there)["total"]["changed"] == 0, "the prices to be those", 20)
    cheap = charged("cheaper")
    check(before < cheap < now, "charged", before, now, cheap)
    same(there.post(there.chat("a/echo", "one " * 900, max_tokens=1000)).status, 200, "there is room again")
    # Spent, or set aside for the others.
    check(not [each for each in wrong if "402" not in each and "set aside for requests" not in each], wrong[:1])
    cheap = charged("cheaper")
    there.stop()
    there.start()
    same(charged("after a restart"), cheap, "spent")
    same(there.cli("cost", "--verify")[0], 0, "cost --verify")


def test_reprice_says_what_is_missing():
    code, _, err = gateway.cli("cost", "reprice")
    check(code == 2 and "--since" in err, err)
    code, _, err = gateway.cli("cost", "reprice", "--since", "1h", "--key", "test")
    check(code == 2 and "--key" in err, err)
    code, _, err = gateway.cli("cost", "again")
    check(code == 2 and "reprice" in err, err)
    code, _, err = gateway.cli("cost", "--dry-run")
    check(code == 2 and "reprice" in err, err)


# --- mistakes -----------------------------------------------------------------------------------------

def test_a_bad_price_is_shown_where_it_stands():
    file = gateway.dir / "wrong.yaml"
    file.write_text("version: 1\nprices:\n  openai/gpt-5: { input: 2.50, outptu: $10/1M, image: $0.04 }\n")
    code, _, err = cli("check", "-c", file)
    same(code, 3, err)
    check(":3:26: error[E110]" in err and "$2.50/1M" in err, err)
    check(":3:32: error[E104]" in err and 'did you mean "output"?' in err, err)


def test_every_price_of_the_mock_is_a_price():
    check(figures("echo").count("$") == 6, figures("echo"))
    check(json.dumps(figures("think")) != json.dumps(figures("echo")), "figures")
