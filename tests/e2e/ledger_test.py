"""The ledger from outside: what stands in a row, what reports say of all rows, what leaves as a file,
and that all of it adds up to the nano-dollar, with a running gateway and without."""

import csv
import io
import json
import re
import threading
import time

import answers
from fake_provider import Fake
from harness import CHAT, Gateway, check, provider, route, same, shown_id
from raw import request, until

fake = gateway = None
PRICES = """prices:
  "fast/*": { input: $2/1M, cache_read: $0.5/1M, output: $10/1M }
"""


def setup():
    global fake, gateway
    fake = Fake()
    gateway = Gateway("providers:\n" + provider("fast", fake.site("fast").url)
                      + provider("flaky", fake.site("flaky").url)
                      + "routes:\n" + route("m", "fast/x") + route("both", "flaky/y", "fast/x") + PRICES)
    fake.site("flaky").default = answers.reply(status=503)
    gateway.key()
    for i in range(12):
        reply = gateway.post(gateway.chat("m", text="hello %d" % i, stream=i % 2 == 1),
                             headers=[("x-sluice-tags", "app=chat%d,env=prod" % (i % 2)),
                                      ("x-sluice-user", "user-%d" % (i % 3))])
        same(reply.status, 200, "request %d" % i)
    same(gateway.post(gateway.chat("both")).status, 200, "after a failed attempt")
    same(gateway.post(gateway.chat("nonsense")).status, 404, "no such model")
    until(lambda: len(gateway.rows("closes")) == 14, "all rows", 10)


def out(*args):
    code, text, err = gateway.cli(*args)
    same(code, 0, " ".join(args) + ": " + err)
    return text


def total(column, where="1"):
    return sum(row[column] or 0 for row in gateway.rows(where))


def nano(text):
    whole, _, part = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * 10**9 + sign * int((part + "000000000")[:9])


def test_rows_say_whom_they_were_for():
    rows = gateway.rows("user = 'user-1'")
    same(len(rows), 4, "rows of user-1")
    same({row["tags"] for row in rows}, {"app=chat0,env=prod", "app=chat1,env=prod"}, "tags")
    check(all(row["price_version"] for row in rows), "each has its price")
    check(all(row["cost_nano"] > 0 for row in rows), "and a cost")


def test_bad_tags_are_left_out():
    gateway.post(gateway.chat("m"), headers=[("x-sluice-tags", "a b=1, ok=2,x=" + "y" * 100)])
    until(lambda: gateway.rows("tags = 'ok=2'"), "what was usable of them", 5)


def test_odd_answers_are_flagged():
    site = fake.site("fast")
    before = site.default
    for finish, flag in (("length", 8), ("content_filter", 4)):
        body = json.dumps({
            "id": "x", "object": "chat.completion", "created": 1, "model": "x",
            "choices": [{"index": 0, "finish_reason": finish,
                         "message": {"role": "assistant", "content": "part"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}).encode()
        site.default = answers.reply(body)
        same(gateway.post(gateway.chat("m")).status, 200, finish)
        until(lambda: gateway.rows("finish = ? AND flags & ? <> 0", finish, flag), "a flag for " + finish, 5)
    site.default = before
    check("cut" in out("tail", "--errors"), "tail --errors lists what was odd")


def check_sums(what):
    report = json.loads(out("cost", "--since", "2d" if "hour" in what else "2020-01-01", "--by", what, "--json"))
    for name, column in (("cost_nano", "cost_nano"), ("charged_nano", "charged_nano"),
                         ("input_tokens", "input_tokens"), ("output_tokens", "output_tokens")):
        same(report["total"][name], total(column), f"{name} by {what}")
        same(sum(row[name] for row in report["rows"]), total(column), f"rows of {name} by {what}")
    same(report["total"]["requests"], len(gateway.rows("closes")), "requests by " + what)
    same(nano(report["total"]["cost_usd"]), total("cost_nano"), "dollars by " + what)
    return report


def test_reports_are_the_sum_of_the_rows():
    for what in ("model", "key", "team", "user", "provider,model", "route", "tag:app", "client",
                 "operation", "user,model", "day", "hour,key", "month,tag"):
        check_sums(what)
    users = {row["user"]: row for row in check_sums("user")["rows"]}
    same(users["user-2"]["requests"], 4, "requests of user-2")
    apps = {row["tag"] for row in check_sums("tag:app")["rows"]}
    check({"chat0", "chat1"} <= apps, "values of one tag", apps)
    only = json.loads(out("cost", "--user", "user-0", "--json"))
    same(only["total"]["cost_nano"], total("cost_nano", "user = 'user-0'"), "of one user")
    check("nano-dollar" in out("cost", "--verify"), "cost --verify")


def test_reports_without_a_gateway():
    with_one = out("cost", "--since", "2020-01-01", "--by", "model", "--csv")
    gateway.stop()
    try:
        same(out("cost", "--since", "2020-01-01", "--by", "model", "--csv"), with_one, "the same without one")
        check("nano-dollar" in out("cost", "--verify"), "cost --verify")
    finally:
        gateway.start()


def test_too_many_steps_are_refused():
    code, text, err = gateway.cli("cost", "--since", "2020-01-01", "--by", "hour")
    check(code == 1 and not text and "shorter span" in err, "no half answer:", err)


def test_unknown_prices_are_said():
    code, text, err = gateway.cli("cost", "--since", "2020-01-01")
    unpriced = sum(row["cost_nano"] is None for row in gateway.rows("number > 0"))
    check(("unknown cost" in err) == (unpriced > 0), "said when there are some", unpriced, err)


def test_month():
    month = time.strftime("%Y-%m", time.gmtime())
    text = out("report", "--month", month)
    for title in ("# Usage and cost, " + month, "## By day", "## By key", "## By model", "fast"):
        check(title in text, title)
    check("<table>" in out("report", "--format", "html"), "HTML")
    table = list(csv.DictReader(io.StringIO(out("report", "--month", month, "--format", "csv"))))
    same(sum(int(row["cost_nano"]) for row in table), total("cost_nano"), "the CSV's sum")
    document = json.loads(out("report", "--month", month, "--format", "json"))
    for part in ("days", "teams", "keys", "users", "models", "routes", "clients", "tags", "operations"):
        same(sum(row["cost_nano"] for row in document[part]), total("cost_nano"), "the sum of " + part)
    code, _, err = gateway.cli("report", "--month", "13")
    check(code == 2 and "--month" in err, "a wrong month:", err)


def test_export():
    rows = {row["id"]: row for row in gateway.rows("1")}
    table = list(csv.DictReader(io.StringIO(out("export"))))
    same(len(table), len(rows), "lines of CSV")
    for line in table:
        row = rows[int(line["attempt"], 16)]
        same(nano(line["cost_usd"]) if line["cost_usd"] else None, row["cost_nano"], "cost in CSV")
        same(line["tags"], row["tags"], "tags in CSV")
    lines = [json.loads(line) for line in out("export", "--format", "jsonl").splitlines()]
    same(sum(line["cost_nano"] or 0 for line in lines), total("cost_nano"), "the sum of JSON lines")


def test_focus():
    text = out("export", "--format", "focus")
    table = list(csv.DictReader(io.StringIO(text)))
    for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency",
                 "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ServiceName", "ProviderName",
                 "PublisherName", "SkuId", "ConsumedQuantity", "ConsumedUnit", "PricingQuantity",
                 "ListUnitPrice", "ResourceId", "SubAccountId", "Tags"):
        check(name in table[0], name)
    sums = {}
    for line in table:
        pico = int(line["BilledCost"].replace(".", ""))
        sums[line["x_AttemptId"]] = sums.get(line["x_AttemptId"], 0) + pico
        if line["ConsumedUnit"] == "Tokens" and line["ContractedUnitPrice"]:
            unit = int(line["ContractedUnitPrice"].replace(".", ""))
            check(abs(unit * int(line["ConsumedQuantity"]) - pico) <= 500, "quantity x price", line)
    for row in gateway.rows("cost_nano > 0"):
        same(sums["%016x" % row["id"]], row["cost_nano"] * 1000, "lines of an attempt")


def test_show_prints_the_bill():
    row = gateway.rows("user = 'user-1'")[0]
    text = out("show", "%016x" % row["exchange"])
    amounts = re.findall(r"x \d+\.\d{12} = \$(\d+\.\d{12})", text)
    check(amounts, "lines of the bill", text)
    pico = sum(int(each.replace(".", "")) for each in amounts)
    same((pico + 500) // 1000, row["cost_nano"], "they add up to the cost")
    check("user user-1" in text and "env=prod" in text, "whom it was for", text)


def test_tail_filters():
    lines = [json.loads(line) for line in out("tail", "--errors", "--json", "-n", "1000").splitlines()]
    check(lines and all(line["client_status"] >= 400 or line["fault"] or line["flags"] for line in lines),
          "only what failed", lines)
    lines = [json.loads(line) for line in out("tail", "--model", "both", "--json").splitlines()]
    check(lines and all(line["route"] == "both" for line in lines), "only of one route", lines)


def test_cost_of_nobody():
    code, _, err = gateway.cli("cost", "--provider", "nope")
    check(code == 0 and "nothing of that is recorded" in err, "a name that was mistyped:", code, err)
    check("nothing of that" not in gateway.cli("cost", "--provider", "fast")[2], "one that there is")
    code, _, err = gateway.cli("cost", "--by", "hour,day")
    check(code == 2 and "one of hour, day and month: not day" in err, code, err)
    code, _, err = gateway.cli("cost", "--csv", "--json")
    check(code == 2 and "exclude each other" in err, code, err)


def test_reconcile():
    day = time.strftime("%Y-%m-%d", time.gmtime(gateway.rows("provider = 'fast'")[0]["began"] // 1000000))
    ours = gateway.rows("provider = 'fast' AND (input_tokens > 0 OR cost_nano > 0)")
    given = (sum(row["input_tokens"] for row in ours), sum(row["output_tokens"] for row in ours),
             sum(row["cost_nano"] or 0 for row in ours))

    def file(tokens_in, tokens_out, amount):
        path = gateway.data.parent / "usage.csv"
        path.write_text("date,model,input_tokens,output_tokens,amount_value\n"
                        f"{day},x-2025-08-07,{tokens_in},{tokens_out},{amount / 1e9:.9f}\n")
        return str(path)
    code, text, err = gateway.cli("reconcile", file(*given), "--provider", "fast")
    check(code == 0, "equal:", text, err)
    code, text, err = gateway.cli("reconcile", file(given[0], given[1], given[2] * 2), "--provider", "fast")
    check(code == 1 and "amount differs" in text, "twice the amount:", text, err)
    code, text, err = gateway.cli("reconcile", file(given[0] + 1000, given[1], given[2]), "--provider", "fast")
    check(code == 1 and "tokens differ" in text, "more tokens:", text, err)
    path = file(*given)
    with open(path, "a") as f:
        f.write(f"{day},other,5,5,1\n")
    code, text, err = gateway.cli("reconcile", path, "--provider", "fast", "--json")
    found = {each["model"]: each["difference"] for each in json.loads(text)}
    check(code == 1 and found["other"] == "not in the ledger", "what we never sent:", found)
    # What a provider refused it may have counted, or not.
    fake.site("fast").queue(answers.reply(b"{}", 503))
    same(gateway.post(gateway.chat("m")).status, 200, "an answer behind a refusal")
    counted = until(lambda: gateway.total("1", "provider = 'fast' AND fault != ''"), "its row")
    attempts, *tokens = (gateway.total(column, "provider = 'fast'") for column in ("1", "input_tokens", "output_tokens"))
    for requests, code in ((attempts - counted, 0), (attempts, 0), (attempts - counted - 1, 1), (attempts + 1, 1)):
        plain = gateway.data.parent / "requests.csv"
        plain.write_text("date,model,input_tokens,output_tokens,num_model_requests\n"
                         f"{day},x,{tokens[0]},{tokens[1]},{requests}\n")
        got, text, err = gateway.cli("reconcile", str(plain), "--provider", "fast", "--tolerance", "0")
        check(got == code and ("requests differ" in text) == bool(code), f"{requests} of {attempts}, {counted} failed:",
              text, err)
    for more in ((), ("--json",), ("--all",)):
        beside = gateway.cli("reconcile", path, *more)
        gateway.stop()
        alone = gateway.cli("reconcile", path, *more)
        gateway.start()
        same(alone, beside, f"{more} without a gateway")


def test_tail_has_what_died_with_the_gateway():
    """Whoever lost an answer asks what became of it."""
    died, hold, parts = Gateway(gateway.body), threading.Event(), answers.events()
    fake.site("fast").queue(answers.gated(parts, [None, hold, *[None] * (len(parts) - 2)]))
    try:
        with died.open() as raw:
            raw.send(request("POST", CHAT, [died.bearer(), ("Content-Type", "application/json")],
                             json.dumps(died.chat("m", stream=True)).encode()))
            until(lambda: died.rows("state = 'open'"), "the stream to be in the ledger")
            same(died.tail(), [], "while it is under way")
            died.kill()
    finally:
        hold.set()
    died.start()
    row = until(lambda: died.rows("state = 'unknown'"), "the stream to be marked")[0]
    for errors in ((), ("-e",)):
        lines = [json.loads(line) for line in died.cli("tail", "--json", *errors)[1].splitlines()]
        same([(line["id"], line["state"]) for line in lines], [(shown_id(row["exchange"]), "unknown")], errors)
        text = died.cli("tail", *errors)[1]
        check("the gateway died meanwhile" in text and shown_id(row["exchange"]) in text, errors, text)
    died.remove()
