"""Exports, reports and reconciliations over REST: the same bytes with a gateway and without, of as much as
there is, and all of it adds up to the nano-dollar."""

import csv
import io
import json
import threading
import time

import admin_world
from admin_world import ask, audit, tokens
from harness import Gateway, check, provider, route, same
from mocks import Mock, prices
from raw import Raw, request, until

MANY = 1300     # attempts: more than two pieces of an export
FORMATS = ("csv", "jsonl", "focus")
gateway = mock = None


def setup():
    global gateway, mock
    mock = Mock("a")
    gateway = Gateway(prices("a") + "providers:\n" + provider("a", mock.url + "/v1") + "routes:\n" + route("fast", "a/echo"))
    admin_world.gateway = gateway
    admin_world.serving(gateway)
    gateway.key()
    for role in ("read", "all"):
        tokens[role] = admin_world.token(role, role)
    body = json.dumps({"model": "fast", "messages": [{"role": "user", "content": "one two"}]}).encode()

    def send(first):
        with Raw(gateway.port) as raw:
            for number in range(first, MANY, 4):
                raw.send(request("POST", "/v1/chat/completions",
                                 [gateway.bearer("test"), ("content-type", "application/json"), ("x-sluice-user", f"user-{number % 7}")], body))
                same(raw.reply("POST").status, 200, number)
    threads = [threading.Thread(target=send, args=(first,)) for first in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    until(lambda: len(gateway.rows("state = 'done'")) == MANY, "all rows", 20)


def teardown():
    mock.stop()


def out(*args):
    code, text, err = gateway.cli(*args)
    same(code, 0, " ".join(args) + ": " + err)
    return text


def nano(text):
    whole, _, part = text.lstrip("-").partition(".")
    return (-1 if text.startswith("-") else 1) * (int(whole) * 10**9 + int((part + "000000000")[:9]))


def ledger():
    rows = gateway.rows("1")
    return len(rows), sum(row["cost_nano"] or 0 for row in rows)


def without_a_gateway(commands):
    """What each command printed with a gateway, and what it prints without one."""
    beside = [out(*each) for each in commands]
    gateway.stop()
    try:
        alone = [out(*each) for each in commands]
    finally:
        gateway.start()
        admin_world.serving(gateway)
    return zip(commands, beside, alone)


def sum_of(form, text):
    if form == "jsonl":
        lines = [json.loads(line) for line in text.splitlines()]
        return len({line["attempt"] for line in lines}), sum(line["cost_nano"] or 0 for line in lines)
    table = list(csv.DictReader(io.StringIO(text)))
    if form == "csv":
        return len(table), sum(nano(line["cost_usd"] or "0") for line in table)
    pico = sum(int(line["BilledCost"].replace(".", "")) for line in table)
    check(pico % 1000 == 0, "FOCUS lines add up to nano-dollars", pico)
    return len({line["x_AttemptId"] for line in table}), pico // 1000


# --- exports -----------------------------------------------------------------------------------------

def test_an_export_is_the_ledger_in_every_format():
    for form in FORMATS:
        reply = ask("GET", f"/export?format={form}", "read")
        same(reply.status, 200, reply)
        same(reply.header("transfer-encoding"), "chunked", "it comes as it is made")
        same(reply.header("content-type"), "application/x-ndjson" if form == "jsonl" else "text/csv; charset=utf-8", form)
        same(sum_of(form, reply.body.decode()), ledger(), f"attempts and nano-dollars of {form}")


def test_an_export_is_the_same_without_a_gateway():
    commands = [("export", "--format", form, *more) for form in FORMATS for more in ((), ("--since", "2020-01-01", "--until", "2031-01"))]
    for command, beside, alone in without_a_gateway(commands):
        same(sum_of(command[2], beside), ledger(), command)
        check(beside == alone, f"{command}: other bytes without a gateway")


def test_a_span_that_has_nothing_is_an_empty_table():
    same(len(ask("GET", "/export?until=2020-01-01T00:00:00Z", "read").body.splitlines()), 1, "the head alone")
    same(ask("GET", "/export?format=jsonl&until=2020-01-01T00:00:00Z", "read").body, b"", "no lines at all")
    same(ask("GET", "/export?format=xml", "read").status, 400, "no such format")


def test_who_exports_is_written_down_before_he_has_it():
    before = len(audit())
    ask("GET", "/export?format=jsonl", "read")
    out("export")
    found = [(each["action"], each["source"]) for each in audit()[before:]]
    same([each[0] for each in found], ["export", "export"], "one entry for each, however many pieces")
    same(found[1][1], "admin.sock", "and from where")
    gateway.stop()
    try:
        out("export")
    finally:
        gateway.start()
        admin_world.serving(gateway)
    found = [each["source"] for each in audit()[before:] if each["action"] == "export"]
    same(found[2:], ["command"], "without a gateway as well")


def test_others_are_answered_while_an_export_waits_for_its_reader():
    """A reader who takes nothing holds neither the thread nor the memory of a whole export."""
    with Raw(gateway.admin_port, rcvbuf=4096) as slow:
        slow.send(request("GET", "/admin/v1/export?format=focus", [("Authorization", tokens["read"])], None))
        for _ in range(3):
            same(ask("GET", "/status", "read").status, 200, "somebody else")
        same(sum_of("focus", slow.reply("GET").body.decode()), ledger(), "and it comes whole")


def test_head_and_http_1_0_get_what_they_can_read():
    reply = ask("HEAD", "/export", "read")
    same((reply.status, reply.body), (200, b""), reply)
    with Raw(gateway.admin_port) as raw:
        raw.send(b"GET /admin/v1/export HTTP/1.0\r\nHost: x\r\nAuthorization: " + tokens["read"].encode() + b"\r\n\r\n")
        reply = raw.reply("GET")
    same(reply.header("transfer-encoding"), None, "no chunks for who does not know them")
    same(sum_of("csv", reply.body.decode()), ledger(), "to the end of the connection")


# --- a month -------------------------------------------------------------------------------------------

PARTS = ("days", "teams", "keys", "users", "models", "routes", "clients", "tags", "operations")


def this_month():
    return json.loads(ask("GET", "/report?format=json", "read").body)["month"]


def test_a_month_is_the_ledger_in_every_format():
    kinds = {"md": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8", "json": "application/json", "html": "text/html; charset=utf-8"}
    total = ledger()[1]
    grouped = f"{total // 10**9:,}.{total % 10**9:09d}"
    for form, kind in kinds.items():
        reply = ask("GET", f"/report?format={form}&month={this_month()}", "read")
        same((reply.status, reply.header("content-type")), (200, kind), form)
        text = reply.body.decode()
        if form == "json":
            document = json.loads(text)
            for part in PARTS:
                same(sum(row["cost_nano"] for row in document[part]), total, part)
            same(document["total"]["cost_nano"], total, "in all")
        elif form == "csv":
            same(sum(int(row["cost_nano"]) for row in csv.DictReader(io.StringIO(text))), total, form)
        else:
            check(f"{grouped} USD in all" in text, form, text[:600])
            check(text.count(grouped) >= len(PARTS) + 1, "the total of each part", text)
    same(ask("GET", "/report", "read").body, ask("GET", f"/report?month={this_month()}", "read").body, "the running month, as Markdown")
    same(ask("GET", "/report?month=2026-13", "read").status, 400, "no month")
    same(ask("GET", "/report?format=pdf", "read").status, 400, "no such format")


def test_a_month_is_the_same_without_a_gateway():
    month = this_month()
    for command, beside, alone in without_a_gateway([("report", "--month", month, "--format", form) for form in ("md", "csv", "json", "html")]):
        check(len(beside) > 300 and beside == alone, f"{command}: other bytes without a gateway")


def test_days_are_those_of_the_configured_zone():
    """Also where the gateway's own environment says another one."""
    there = Gateway("timezone: Pacific/Kiritimati\nproviders: { mock: {} }\nroutes:\n  fast: { targets: [mock/echo] }\n", env={"TZ": "Pacific/Pago_Pago"})
    there.key()
    same(there.post(there.chat("fast")).status, 200, "a request")
    began = until(lambda: there.rows("state = 'done'"), "its row")[0]["began"] // 1000000
    day = time.strftime("%Y-%m-%d", time.gmtime(began + 14 * 3600))
    admin_world.serving(there)
    beside = there.cli("report", "--format", "json", "--month", day[:7])[1]
    same([each["day"] for each in json.loads(beside)["days"] if each["requests"]], [day], "its day there")
    there.stop()
    same(there.cli("report", "--format", "json", "--month", day[:7])[1], beside, "and without a gateway")


# --- a provider's file -----------------------------------------------------------------------------------

def reconciled(body, query="", kind="text/csv", role="read"):
    return ask("POST", f"/reconcile{query}", role, body=body.encode(), kind=kind)


def test_a_providers_file_is_held_against_the_ledger():
    rows = gateway.rows("1")
    day = time.strftime("%Y-%m-%d", time.gmtime(rows[0]["began"] // 1000000))
    sums = [sum(row[name] or 0 for row in rows) for name in ("input_tokens", "output_tokens", "cost_nano")]
    head, line = "date,model,input_tokens,output_tokens,cost_usd\n", f'{day},"echo-2026-01-01",{sums[0]},{sums[1]},{sums[2] / 1e9:.9f}\n'
    if {time.strftime("%Y-%m-%d", time.gmtime(row["began"] // 1000000)) for row in rows} != {day}:
        return      # the requests were sent around midnight
    found = reconciled(head + line, "?provider=a&tolerance=0").json()
    same((found["lines"], found["different"], found["rows"], found["skipped"]), (1, 0, 1, 0), found)
    pair = found["data"][0]
    same((pair["day"], pair["model"], pair["difference"]), (day, "echo", ""), pair)
    same(pair["ours"]["amount_nano"], sums[2], "the ledger's cost")
    same((pair["theirs"]["amount_nano"], pair["theirs"]["requests"]), (sums[2], None), "what the file does not say is null")
    off = reconciled(head + line.replace(str(sums[0]), str(sums[0] + 1)), "?tolerance=0").json()
    same((off["different"], off["data"][0]["difference"]), (1, "tokens differ"), "by one token")
    same(reconciled(head + line, "?provider=b").json()["data"][0]["difference"], "not in the ledger", "of a provider that had nothing")
    before = len(audit())
    same(len(audit()), before, "nothing was changed")


def test_files_that_are_none_are_refused():
    good = "date,model,output_tokens\n2026-11-01,x,1\n"
    for body, why in (("", "an empty one"), ("a,b\n1,2\n", "no day"), ("date,model\n", "no figure"),
                      ("date,model,output_tokens\n1970-01-01,x,1\n2026-11-01,x,1\n", "more days than anybody compares"),
                      ("date,model,output_tokens\n" + "".join(f"2026-11-01,m{n},1\n" for n in range(100001)), "too many models")):
        reply = reconciled(body)
        same((reply.status, reply.json()["error"]["type"]), (400, "invalid_body"), why)
    same(reconciled(good, kind="application/json").status, 415, "no JSON")
    same(reconciled(good, kind=None).status, 415, "no type")
    same(reconciled(good, "?tolerance=x").status, 400, "no tolerance")
    same(reconciled(good, role=None).status, 401, "nobody")
    for far in ("99999999999999", "18446744073709551615", "0000-01-01", "253402300800"):
        found = reconciled(f"timestamp,model,output_tokens\n{far},x,1\n").json()
        same((found["rows"], found["skipped"], found["lines"]), (1, 1, 0), f"{far} is no day")
    many = "date,model,output_tokens\n" + "".join(f"2026-11-01,m{n},1\n" for n in range(100000))
    same(reconciled(many).json()["lines"], 100000, "as many as may be")
