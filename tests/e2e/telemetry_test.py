"""What others are told: the page of metrics, traces to a collector, and the access log.

Metrics are read by a strict reader of the specifications (exposition.py) and compared with the
ledger's rows; traces go to a collector that checks every byte of them (collector.py). Neither a
collector nor a reader of the log, however slow, may delay a request.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from decimal import Decimal

import answers
from answers import events, reply, stream
from certs import Certs
from collector import LOST, Collector, answer
from exposition import read
from fake_provider import Fake
from harness import Gateway, check, provider, route, same
from raw import SLOW, until
from runner import Skip

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
fake = gateway = collector = None


def telemetry(url, more=""):
    return f"telemetry: {{ otlp: {{ endpoint: \"{url}\"{more} }} }}\n"


def body_of(more=""):
    return (more + "providers:\n"
            + provider("one", fake.site("one").url)
            + provider("two", fake.site("two").url, more=", trace: yes")
            + provider("odd", fake.site("odd").url) + "routes:\n"
            + route("both", "one/m1", "two/m2", more=", retry: { same_target: 0 }")
            + route("slow", "one/m1"))


def setup():
    global fake, gateway, collector
    fake, collector = Fake(), Collector()
    gateway = Gateway(body_of("metrics: { series: 20, keys: on }\n"
                              + telemetry(collector.url, ', headers: "x-token=sk-CANARY%20x"')))
    gateway.key()


def teardown():
    collector.stop()


def own_socket(on):
    """A connection to the gateway's own socket, which is there soon after it answers."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(10 * SLOW)

    def connects():
        return link.connect_ex(str((on or gateway).data / "admin.sock")) == 0
    until(connects, "the gateway's own socket", 10)
    return link


def admin_get(path, accept=None, on=None):
    """GET at the gateway's own socket; gives (status, content type, text)."""
    with own_socket(on) as link:
        head = f"GET {path} HTTP/1.1\r\nhost: sluice\r\nconnection: close\r\n"
        link.sendall((head + (f"accept: {accept}\r\n" if accept else "") + "\r\n").encode())
        data = b""
        while piece := link.recv(1 << 16):
            data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    kind = next(line for line in lines if line.startswith("content-type: "))[14:]
    return int(lines[0].split()[1]), kind, body.decode()


def flush(on=None):
    """All that was answered is in the ledger, and counted."""
    with own_socket(on) as link:
        link.sendall(b'{"do":"flush"}\n')
        same(json.loads(link.recv(4096))["ok"], True, "flush")


def metrics(openmetrics=False, on=None):
    flush(on)
    status, kind, text = admin_get("/metrics", OPENMETRICS if openmetrics else None, on)
    same(status, 200, "status of /metrics")
    same(kind.split(";")[0], "application/openmetrics-text" if openmetrics else "text/plain",
         "content type")
    return read(text, openmetrics)


def ask(model="both", on=None, headers=(), **more):
    return (on or gateway).post((on or gateway).chat(model, **more), headers=headers)


def spans_of(got, from_=None, seconds=10):
    """The spans of an answered request, once they have arrived."""
    name = got.header("x-request-id")
    until(lambda: (from_ or collector).of_request(name)[0], f"the spans of {name}", seconds)
    return (from_ or collector).of_request(name)


def no_complaints(of=None):
    same((of or collector).complaints, [], "what the collector complains of")


# --- metrics ---------------------------------------------------------------------------------------

def test_page_agrees_with_the_ledger():
    """Every row is counted once: tokens, cost and attempts are the ledger's sums."""
    fake.site("one").queue(reply(status=500), stream())
    fake.site("odd").queue(reply(status=429), reply(status=429))    # who is paced afterwards
    ask("odd/m9")
    for more in ({}, {"stream": True}, {}, {}):
        same(ask(**more).status, 200, "status")
    same(ask("nope").status, 404, "status")
    same(ask(headers=[("User-Agent", 'x"\\\n evil'.replace("\n", " "))]).status, 200, "status")
    page = metrics()
    rows = gateway.rows("state != 'open'")
    attempts = [row for row in rows if row["number"] > 0]
    closed = [row for row in rows if row["closes"]]
    same(page.sum("sluice_upstream_attempts_total"), len(attempts), "attempts")
    same(page.sum("sluice_requests_total"), len(closed), "requests")
    for kind, column in (("input", "input_tokens"), ("output", "output_tokens")):
        same(page.sum("sluice_tokens_total", type=kind), sum(row[column] or 0 for row in attempts), kind)
    nano = sum(row["cost_nano"] for row in attempts if row["cost_nano"] is not None and row["cost_nano"] >= 0)
    same(int(page.sum("sluice_cost_usd_total") * 10 ** 9), nano, "cost")
    same(page.sum("sluice_request_duration_seconds_count"), len(closed), "durations")
    same(page.get("sluice_upstream_attempts_total", provider="one", model="m1",
                  outcome="provider_upstream_failed"), 1, "the 500")
    same(page.sum("sluice_requests_total", error="caller_no_such_model"), 1, "the 404")
    same(page.sum("sluice_key_requests_total", key=gateway.key_ids["test"]), len(closed), "by key")
    same(page.get("sluice_inflight_requests"), 0, "under way")
    check(page.get("process_resident_memory_bytes") > 1 << 20, "resident memory")
    check(page.get("process_open_fds") > 5, "descriptors")


def test_openmetrics_has_exemplars():
    got = ask()
    page = metrics(openmetrics=True)
    names = {labels["request_id"] for _, _, labels, _ in page.exemplars}
    check(got.header("x-request-id") in names, "no exemplar of", got.header("x-request-id"))
    for _, _, labels, _ in page.exemplars:
        check(labels["trace_id"].startswith(labels["request_id"]), labels)
    check(page.get("sluice_build_info", version=next(iter(page.values("version")))) == 1, "build info")


def test_labels_are_bounded():
    """Names that only clients have written do not become series."""
    for number in range(60):
        ask(f"odd/made-up-{number}", headers=[("User-Agent", f"agent-{number}")])
        ask(f"made-up-{number}")
    page = metrics()
    for label in ("model", "client", "route"):
        check(not any("made-up" in value or "agent-" in value for value in page.values(label)),
              f"label {label}:", page.values(label))
    check(page.sum("sluice_upstream_attempts_total", model="other") >= 60, "made-up models")


def test_what_is_left_of_budgets():
    """A series for each budget and window, and never two that look the same."""
    prices = 'prices:\n  "one/m1": { input: $1000/1M, output: $1000/1M }\n'
    other = Gateway(body_of("metrics: { series: 10, keys: on }\n" + prices))

    def make(*args):
        code, out, err = other.cli(*args, "--json")
        same(code, 0, err)
        return json.loads(out)

    def left(tenant, kind, window):
        return metrics(on=other).get("sluice_budget_remaining_usd", tenant=tenant, kind=kind, window=window)

    make("teams", "create", "red", "--budget", "5/day", "--budget", "100/total")
    mine = make("keys", "create", "ci", "--team", "red", "--budget", "2/month")
    other.keys["ci"] = mine["key"]
    same((left("red", "team", "day"), left("red", "team", "total"), left("ci", "key", "month")),
         (5, 100, 2), "before anything was spent")
    page = metrics(on=other)
    same([page.get("sluice_budget_limit_usd", tenant=tenant, kind=kind, window=window) for tenant, kind, window in
          (("red", "team", "day"), ("red", "team", "total"), ("ci", "key", "month"))], [5, 100, 2], "what they allow")
    fake.site("one").queue(reply(answers.chat(spent=answers.usage(6, 4))))
    same(other.post(other.chat("slow", max_tokens=5), key="ci").status, 200, "status")
    same((left("red", "team", "day"), left("red", "team", "total"), left("ci", "key", "month")),
         (Decimal("4.99"), Decimal("99.99"), Decimal("1.99")), "ten tokens later")
    # A name that two have comes with its id; who is revoked has nothing left.
    twin = make("keys", "create", "ci", "--budget", "3/hour")
    same((left("ci", "key", "month"), left(f"ci {mine['id']}", "key", "month"), left(f"ci {twin['id']}", "key", "hour")),
         (None, Decimal("1.99"), 3), "two of one name")
    make("keys", "revoke", twin["id"])
    same(left("ci", "key", "month"), Decimal("1.99"), "one of that name")
    # What is beyond the bound is told together: the least.
    for number in range(12):
        make("keys", "create", f"more-{number}", "--budget", f"{20 - number}/week")
    page = metrics(on=other)
    same(page.get("sluice_budget_remaining_usd", tenant="other", kind="other", window="week"), 9, "the least of others")
    same(len([1 for name, _ in page.samples if name == "sluice_budget_remaining_usd"]), 10 + 1, "series")
    other.write(body_of("metrics: { keys: off }\n" + prices))
    os.kill(other.process.pid, signal.SIGHUP)
    until(lambda: left("ci", "key", "month") is None, "no series by key", 10)
    same(left("red", "team", "day"), Decimal("4.99"), "a team's")
    other.remove()


def test_teams_of_two_organisations():
    """Names are unique in an organisation: who shares one comes with an id, in costs as in budgets."""
    other = Gateway(body_of('prices:\n  "one/m1": { input: $1000/1M, output: $1000/1M }\n'))
    made = {}
    for organisation in ("acme", "umbrella"):
        for args in (("organisations", "create", organisation),
                     ("teams", "create", "dev", "--organisation", organisation, "--budget", "5/day")):
            code, out, err = other.cli(*args, "--json")
            same(code, 0, err)
        team = made[organisation] = json.loads(out)["id"]
        code, out, err = other.cli("keys", "create", organisation, "--team", team, "--json")
        same(code, 0, err)
        other.keys[organisation] = json.loads(out)["key"]
    for organisation in made:
        fake.site("one").queue(reply(answers.chat(spent=answers.usage(6, 4))))
        same(other.post(other.chat("slow"), key=organisation).status, 200, "status")
    page = metrics(on=other)
    names = [f"dev {team}" for team in made.values()]
    same([page.get("sluice_cost_usd_total", provider="one", model="m1", team=name) for name in names], [Decimal("0.01")] * 2, "costs")
    same([page.get("sluice_budget_remaining_usd", tenant=name, kind="team", window="day") for name in names], [Decimal("4.99")] * 2,
         "budgets")
    other.remove()


def test_a_refused_key_counts_until_it_is_taken_again():
    """Nobody asks meanwhile: the time it is left out for goes by, and it is out all the same."""
    refusing = Fake()
    refusing.site("one").default = reply(answers.error_body(), 401)
    other = Gateway("providers:\n" + provider("one", refusing.site("one").url))
    other.key()

    def benched():
        return metrics(on=other).get("sluice_provider_keys_benched", provider="one")

    def answer_of_its_key():
        code, out, err = other.cli("explain", "one/m", "--json")
        check(code == 0, err)
        return json.loads(out)["candidates"][0]["answer"]
    same(benched(), 0, "keys at first")
    ask("one/m", on=other)
    same(benched(), 1, "a key that was refused")
    until(lambda: answer_of_its_key() == "probe", "its time to be over", 10)
    same(benched(), 1, "a key that nobody has tried since")
    refusing.site("one").default = reply()
    same(ask("one/m", on=other).status, 200, "status")
    same(benched(), 0, "a key that is taken again")
    other.remove()


def test_promtool_agrees():
    if not PROMTOOL:
        raise Skip("no promtool here")
    text = admin_get("/metrics")[2]
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True,
                          timeout=60)
    same((done.returncode, done.stdout + done.stderr), (0, ""), "promtool check metrics")


def test_counters_begin_anew_with_the_process():
    other = Gateway(body_of())
    other.key()
    same(ask(on=other).status, 200, "status")
    same(metrics(on=other).sum("sluice_requests_total"), 1, "requests")
    other.stop()
    other.start()
    page = metrics(openmetrics=True, on=other)
    same(page.sum("sluice_requests_total"), 0, "requests after a restart")
    same(ask(on=other).status, 200, "status")
    same(metrics(on=other).sum("sluice_requests_total"), 1, "requests")
    other.remove()


def test_a_refused_reload_is_seen():
    other = Gateway(body_of())
    same(metrics(on=other).get("sluice_config_last_reload_success"), 1, "at first")
    other.write("nonsense: 1\n")
    os.kill(other.process.pid, signal.SIGHUP)
    until(lambda: metrics(on=other).get("sluice_config_last_reload_success") == 0, "the refusal", 10)
    other.write(body_of())
    os.kill(other.process.pid, signal.SIGHUP)
    until(lambda: metrics(on=other).get("sluice_config_last_reload_success") == 1, "the reload", 10)
    other.remove()


# --- traces ----------------------------------------------------------------------------------------

def test_spans_of_a_plain_request():
    fake.site("one").queue(reply())
    got = ask(text="PHI-CANARY-prompt")
    server, clients = spans_of(got)
    no_complaints()
    same(len(clients), 1, "client spans")
    client, at = clients[0], clients[0]["attributes"]
    same((client["trace"], client["parent"]), (server["trace"], server["id"]), "the link")
    same(server["parent"], None, "the server span's parent")
    check(server["trace"].startswith(got.header("x-request-id")), "the trace's id")
    check(server["from"] <= client["from"] <= client["to"] <= server["to"], "times")
    same(client["name"], "chat m1", "name")
    same(server["name"], "POST /v1/chat/completions", "name")
    wanted = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "one",
              "gen_ai.request.model": "m1", "gen_ai.response.model": "up-model",
              "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 3,
              "gen_ai.usage.output_tokens": 4, "http.response.status_code": 200,
              "server.address": "127.0.0.1", "sluice.usage.kind": "reported",
              "sluice.route": "both", "sluice.attempt.number": 1}
    same({name: at.get(name) for name in wanted}, wanted, "attributes")
    wanted = {"http.request.method": "POST", "http.route": "/v1/chat/completions",
              "http.response.status_code": 200, "sluice.attempts": 1,
              "sluice.key.id": gateway.key_ids["test"]}
    same({name: server["attributes"].get(name) for name in wanted}, wanted, "attributes")
    same(server["resource"]["service.name"], "sluice", "service.name")
    same(collector.requests[-1]["path"], "/v1/traces", "path")
    same(collector.requests[-1]["headers"]["x-token"], "sk-CANARY x", "header")
    with collector.lock:
        check("PHI-CANARY" not in json.dumps(collector.spans), "a prompt in a span")


def test_spans_of_a_failover():
    """An exchange of n attempts has n client spans below one server span."""
    fake.site("one").queue(reply(status=500))
    fake.site("two").queue(stream())
    got = ask(stream=True)
    server, clients = spans_of(got)
    no_complaints()
    same([each["attributes"]["sluice.provider"] for each in clients], ["one", "two"], "attempts")
    same({each["parent"] for each in clients}, {server["id"]}, "parents")
    same(len({each["id"] for each in clients} | {server["id"]}), 3, "ids")
    first, second = clients
    same(first["status"].get("code"), 2, "status of what failed")
    same(first["attributes"]["error.type"], "provider_upstream_failed", "error.type")
    same(first["attributes"]["http.response.status_code"], 500, "status")
    same((second["status"], "error.type" in second["attributes"]), ({}, False), "what went well")
    check(second["attributes"]["gen_ai.response.time_to_first_chunk"] > 0, "first chunk")
    check("sluice.first_token" in second["events"], "events:", second["events"])
    same(server["attributes"]["sluice.attempts"], 2, "attempts")


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_clients_trace_goes_on():
    """A valid traceparent becomes the parent; providers are told only where it says trace: yes."""
    fake.site("one").queue(reply(status=500))
    one, two = len(fake.site("one").requests), len(fake.site("two").requests)
    got = ask(headers=[("TraceParent", PARENT), ("TraceState", "vendor=x,y=z")])
    server, clients = spans_of(got)
    no_complaints()
    same({each["trace"] for each in [server, *clients]}, {PARENT[3:35]}, "the trace")
    same(server["parent"], PARENT[36:52], "the parent")
    told = fake.site("one").requests[one]
    same((told.header("traceparent"), told.header("tracestate")), (None, None), "a provider without trace")
    told = fake.site("two").requests[two]
    same(told.header("traceparent"), f"00-{PARENT[3:35]}-{clients[1]['id']}-01", "traceparent")
    same(told.header("tracestate"), "vendor=x,y=z", "tracestate")


def test_a_trace_that_is_not_valid_or_not_sampled():
    for bad in ("00-xyz", PARENT.upper(), PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)):
        got = ask(headers=[("traceparent", bad), ("tracestate", "a=b")])
        server, _ = spans_of(got)
        check(server["trace"].startswith(got.header("x-request-id")), "the trace of", bad)
        same(server["parent"], None, "the parent")
    quiet = ask("two/m2", headers=[("traceparent", PARENT[:-1] + "0")])
    same(fake.site("two").requests[-1].header("traceparent")[-3:], "-00", "the flag goes on")
    spans_of(ask())                             # sent later, and so after it
    same(collector.of_request(quiet.header("x-request-id")), (None, []), "spans of what is not sampled")


def test_a_refusal_has_a_server_span():
    got = ask("nope")
    server, clients = spans_of(got)
    same((len(clients), server["attributes"]["http.response.status_code"]), (0, 404), "spans")
    same(server["attributes"]["error.type"], "caller_no_such_model", "error.type")
    same(server["status"], {}, "a client's mistake is no error of the server's")


def test_the_collector_refuses_for_a_while():
    """429, 503 and lost connections are tried again; nothing is lost, nothing is sent twice."""
    before = metrics()
    with collector.lock:
        collector.scripts = [answer(503, headers=[("Retry-After", "1")]), LOST, answer(429), answer()]
    got = ask()
    spans_of(got, seconds=30)
    no_complaints()
    same(len(collector.of_request(got.header("x-request-id"))[1]), 1, "client spans")
    page = metrics()
    for reason in ("rejected", "unreachable", "queue_full"):
        same(page.get("sluice_telemetry_dropped_total", signal="traces", reason=reason),
             before.get("sluice_telemetry_dropped_total", signal="traces", reason=reason), reason)


def dropped(reason, on=None):
    return metrics(on=on).get("sluice_telemetry_dropped_total", signal="traces", reason=reason) or 0


def test_what_a_collector_rejects_is_dropped_and_counted():
    for body in (b'{"error":"no"}', b"\xff garbage"):
        was, seen = dropped("rejected"), len(collector.requests)
        with collector.lock:
            collector.scripts = [answer(400, body), answer()]
        ask()
        until(lambda was=was: dropped("rejected") == was + 2, "two spans to be rejected", 10)
        same(len(collector.requests), seen + 1, "a 400 is not tried again")
    with collector.lock:
        collector.scripts = [answer(200, b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"x"}}'),
                             answer(200, b"\xff garbage"), answer()]
    was, seen = dropped("rejected"), len(collector.requests)
    ask()
    until(lambda: dropped("rejected") == was + 1, "one span to be rejected", 10)
    got = ask()
    spans_of(got)
    same((dropped("rejected"), len(collector.requests)), (was + 1, seen + 2), "garbage with 200 is a 200")


def test_a_long_retry_after_is_kept():
    """A batch that would have to wait longer than it may is dropped; those behind it do not come earlier."""
    sink = Collector()
    sink.scripts = [answer(429, headers=[("Retry-After", "3600")]), answer()]
    other = Gateway(body_of(telemetry(sink.url)))
    other.key()
    ask(on=other)
    until(lambda: dropped("unreachable", on=other) == 2, "the first batch to be dropped", 10)
    check("they are dropped" in other.stderr(), "not said:", other.stderr())
    for _ in range(300):                        # more spans than wait for the next second
        ask(on=other)
    same(len(sink.requests), 1, "requests to the collector")
    same(other.stop(), 0, "exit code")
    same((len(sink.requests), len(sink.spans)), (2, 600), "all others in one, at the end")
    other.remove()
    sink.stop()


def test_a_collector_that_is_slow_or_gone_delays_nobody():
    """The queue is bounded: the oldest spans are dropped and counted; requests go on."""
    sink = Collector()
    sink.scripts = [answer(after=3600)]
    other = Gateway(body_of(telemetry(sink.url, ", queue: 64KiB, timeout: 10m")))
    other.key()
    ask(on=other)
    until(lambda: sink.requests, "the first batch", 10)
    for _ in range(200):
        same(ask(on=other).status, 200, "status")
    check(dropped("queue_full", on=other) > 0, "nothing was dropped")
    same(metrics(on=other).sum("sluice_requests_total"), 201, "requests")
    # Stopping takes as long as the flush may, not as long as the collector likes.
    began = time.monotonic()
    same(other.stop(30), 0, "exit code")
    check(time.monotonic() - began < 20 * SLOW, "stopping took", time.monotonic() - began)
    other.remove()
    sink.stop()
    gone = Gateway(body_of(telemetry(sink.url)))
    gone.key()
    same(ask(on=gone).status, 200, "status")
    same(gone.stop(), 0, "exit code")
    gone.remove()


def test_the_last_spans_are_sent_at_the_end():
    sink = Collector()
    other = Gateway(body_of(telemetry(sink.url)))
    other.key()
    got = [ask(on=other) for _ in range(20)]
    same(other.stop(), 0, "exit code")
    for each in got:
        check(sink.of_request(each.header("x-request-id"))[0], "no span of", each)
    same(sink.complaints, [], "complaints")
    other.remove()
    sink.stop()


def test_a_share_is_sampled():
    sink = Collector()
    other = Gateway(body_of(telemetry(sink.url, ", sample: 50%")))
    other.key()
    asked = len(fake.site("two").requests)
    for _ in range(60):
        ask("two/m2", on=other)
    same(other.stop(), 0, "exit code")
    told = {each.header("traceparent")[3:35]: each.header("traceparent")[-2:] for each in fake.site("two").requests[asked:]}
    same({trace for trace, flag in told.items() if flag == "01"}, {each["trace"] for each in sink.spans}, "what providers are told is sampled")
    servers = [each for each in sink.spans if each["kind"] == 2]
    check(5 < len(servers) < 55, f"{len(servers)} of 60 sampled")
    same(len(sink.spans), 2 * len(servers), "whole traces")
    other.remove()
    sink.stop()


def test_a_collector_with_tls():
    """Its certificate is verified: by the roots that the configuration names, or the machine's."""
    certs = Certs()
    sink = Collector(certs.server())
    other = Gateway(body_of(telemetry(sink.url, f", ca: {certs.ca}")))
    other.key()
    got = [ask(on=other), ask(on=other)]
    spans_of(got[0], sink)
    same(other.stop(), 0, "exit code")
    check(sink.of_request(got[1].header("x-request-id"))[0], "no span of the last")
    same(sink.complaints, [], "complaints")
    other.remove()
    stranger = Gateway(body_of(telemetry(sink.url)))
    stranger.key()
    seen = len(sink.requests)
    same(ask(on=stranger).status, 200, "status")
    same(stranger.stop(), 0, "exit code")
    same(len(sink.requests), seen, "requests to a collector that nobody trusts")
    check("TLS_FAILED" in stranger.stderr(), "not told:", stranger.stderr())
    stranger.remove()
    sink.stop()
    certs.remove()


def test_variables_of_opentelemetry():
    sink = Collector()
    other = Gateway(body_of(), env={
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_SERVICE_NAME": "edge",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%3Db", "OTEL_RESOURCE_ATTRIBUTES": "team.name=bl%20ue,service.name=billing,host.name=here"})
    other.key()
    got = ask(on=other)
    server, _ = spans_of(got, sink)
    same((server["resource"]["service.name"], server["resource"]["team.name"]), ("edge", "bl ue"),
         "resource")
    same(server["resource"]["host.name"], "here", "what is said goes before what is found")
    no_complaints(sink)
    same(sink.requests[0]["headers"]["api-key"], "a=b", "header")
    other.remove()
    sink.stop()


# --- the access log --------------------------------------------------------------------------------

EVIL = ["a\nb", "a\r\nb", 'x","admin":true,"y":"', "\x1b[31mred\x1b[0m", "\u2028\u2029\x85", "\x00\x7f\x1f",
        "}\n{\"time\":\"2020\"}", "😀", "%0a%0d", "\\", "\\u000a", "${jndi:ldap://x}"]


def test_log_injection():
    """What clients write comes into the log as one line each, however evil."""
    for text in EVIL:
        ask(text)
        ask(f"odd/{text}")
        ask("both", headers=[("User-Agent", "".join(c for c in text if 32 <= ord(c) < 127))])
    flush()
    raw = (gateway.data / "access.log").read_bytes()
    lines = raw.decode().split("\n")
    same(lines.pop(), "", "the last line has an end")
    asked = set()
    for line in lines:
        check(all(32 <= ord(c) < 127 or ord(c) >= 160 for c in line), "control characters:", line)
        asked.add(json.loads(line).get("asked"))
    for text in EVIL:
        check(text in asked, "not in the log:", repr(text))


def test_a_reader_of_the_log_that_stops_delays_nobody():
    """The log is a pipe whose reader is stopped: requests are answered, lost lines counted."""
    global gateway
    fifo = gateway.dir / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", str(fifo)], stdout=subprocess.DEVNULL)
    other = Gateway(body_of(f"access_log: {fifo}\n"))
    try:
        other.key()
        same(ask(on=other).status, 200, "status")
        os.kill(reader.pid, signal.SIGSTOP)
        agent = [("User-Agent", "u" * 128)]
        for _ in range(400):                    # more than a pipe holds
            same(ask(on=other, headers=agent).status, 200, "status")
        same(metrics(on=other).sum("sluice_requests_total"), 401, "requests")
        os.kill(reader.pid, signal.SIGCONT)
        same(ask(on=other).status, 200, "status")
    finally:
        os.kill(reader.pid, signal.SIGCONT)
        other.remove()
        reader.kill()
        reader.wait()


# --- what is packaged ------------------------------------------------------------------------------

def test_dashboards_and_rules_speak_of_what_there_is():
    """Each metric and label they name is one of docs/telemetry.md."""
    root = pathlib.Path(__file__).resolve().parents[2]
    known = {}
    for name, kind, labels in re.findall(r"(?m)^\| `([a-z_]+)` \| (\w+) \| (.*?) \|",
                                         (root / "docs/telemetry.md").read_text()):
        labels = set(re.findall(r"`(\w+)`", labels)) | {"instance", "job"}
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            known[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    files = sorted([*root.glob("packaging/grafana/*.json"), *root.glob("packaging/prometheus/*.yml")])
    check(len(files) >= 4, "files:", files)
    for file in files:
        text = file.read_text()
        if file.suffix == ".json":
            board = json.loads(text)
            text = "\n".join(each["expr"] for panel in board["panels"] for each in panel["targets"])
        named = re.findall(r"\b((?:sluice|process)_[a-z_]+)\b(?:\{([^}]*)\})?", text)
        check(named, "no metrics in", file.name)
        for name, matchers in named:
            check(name in known, f"{file.name}: {name} is no metric of ours")
            for label in re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers):
                check(label in known[name], f"{file.name}: {name} has no label {label}")
    if PROMTOOL:
        for file in root.glob("packaging/prometheus/*.yml"):
            done = subprocess.run([PROMTOOL, "check", "rules", str(file)], capture_output=True,
                                  text=True, timeout=60)
            same(done.returncode, 0, done.stdout + done.stderr)
        done = subprocess.run([PROMTOOL, "test", "rules", str(root / "tests/e2e/alerts.yml")], capture_output=True,
                              text=True, timeout=60)
        same(done.returncode, 0, done.stdout + done.stderr)


# Panel, its series in an hour and a half of minutes, and what the panel shows of the last hour.
NO_FAILURES = ("caller_client_gone", "policy_phi_not_allowed", "gateway_hedge_lost", "gateway_superseded")
BEFORE = {'sluice_build_info{instance="a"}': "1x90", 'process_start_time_seconds{instance="a"}': "0x90"}
PANELS = [
    ("cost", "Cost in this time", {**BEFORE, 'sluice_cost_usd_total{instance="a", model="new"}': "_x59 5x30"}, 5),
    ("cost", "Cost in this time", {**BEFORE, 'sluice_cost_usd_total{instance="a", model="old"}': "5x90"}, 0),
    ("cost", "Cost in this time", {**BEFORE, 'sluice_cost_usd_total{instance="a", model="old"}': "5x59 5+1x29 34x0"}, 29),
    # Nobody looked when the hour began: what was counted before is not of this hour.
    ("cost", "Cost in this time", {'sluice_build_info{instance="a"}': "1x9 _x59 1x20",
                                   'process_start_time_seconds{instance="a"}': "0x9 _x59 0x20",
                                   'sluice_cost_usd_total{instance="a"}': "500x9 _x59 900x20"}, 0),
    # The gateway itself began in this hour.
    ("cost", "Cost in this time", {'process_start_time_seconds{instance="a"}': "_x59 3600x30",
                                   'sluice_cost_usd_total{instance="a"}': "_x59 7x30"}, 7),
    ("cost", "Tokens in this time", {**BEFORE, 'sluice_tokens_total{instance="a", type="input"}': "_x59 8x30",
                                     'sluice_tokens_total{instance="a", type="cache_read"}': "_x59 4x30"}, 8),
    ("cost", "Attempts without a known cost", {**BEFORE, 'sluice_cost_unknown_total{instance="a"}': "_x59 1x30"}, 1),
    ("cost", "Attempts without a known cost", BEFORE, 0),
    ("reliability", "Attempts that succeed", {
        'sluice_upstream_attempts_total{instance="a", outcome="ok"}': "0+3x90",
        'sluice_upstream_attempts_total{instance="a", outcome="provider_upstream_busy"}': "0+1x90",
        **{f'sluice_upstream_attempts_total{{instance="a", outcome="{each}"}}': "0+9x90" for each in NO_FAILURES}}, 0.75),
]


def test_what_panels_show():
    """As promtool reckons it: of series that begin with a first request, and of attempts nobody failed in."""
    if not PROMTOOL:
        raise Skip("no promtool here")
    root = pathlib.Path(__file__).resolve().parents[2]
    variables = {"$instance": ".*", "$__range_s": "3600", "$__rate_interval": "5m", "$__range": "1h"}
    tests = []
    for file, title, series, value in PANELS:
        panels = json.loads((root / f"packaging/grafana/{file}.json").read_text())["panels"]
        (expr,) = [each["targets"][0]["expr"] for each in panels if each["title"] == title]
        for name, text in variables.items():
            expr = expr.replace(name, text)
        tests.append({"interval": "1m",
                      "input_series": [{"series": name, "values": values} for name, values in series.items()],
                      "promql_expr_test": [{"expr": expr, "eval_time": "90m",
                                            "exp_samples": [{"labels": "{}", "value": value}]}]})
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as out:
        json.dump({"rule_files": [], "evaluation_interval": "1m", "tests": tests}, out)     # JSON is YAML
        out.flush()
        done = subprocess.run([PROMTOOL, "test", "rules", out.name], capture_output=True, text=True, timeout=60)
    same(done.returncode, 0, done.stdout + done.stderr)
