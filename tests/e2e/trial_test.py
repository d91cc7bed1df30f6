"""Trials: a split answers by the candidate and hurts nobody, a shadow is never seen, and the report
tells what the ledger has of both.

Both sides are one fake provider's; their bills say what the ledger must have.
"""

import json
import os
import signal
import threading

from admin_world import over_socket, serving
from answers import chat, reply, usage
from fake_provider import Fake
from harness import Gateway, check, route, same, shown_id
from raw import until

gateway = fake = None


def setup():
    global gateway, fake
    fake = Fake()
    control, candidate = fake.site("control"), fake.site("candidate")
    lines = (f'  openai: {{ url: "{control.url}", key: sk-control }}\n'
             f'  mistral: {{ url: "{candidate.url}", key: sk-candidate }}\n')
    routes = (route("split", "openai/gpt-5-mini") + route("split-new", "mistral/mistral-small-latest") +
              route("mirror", "openai/gpt-5-mini") + route("dear", "openai/gpt-5-mini") +
              route("raised", "openai/gpt-5-mini") + route("plain", "openai/gpt-5-mini"))
    trials = ("trials:\n"
              "  half: { route: split, candidate: split-new, share: 50%, until: 2099-12-31 }\n"
              "  mirrored: { route: mirror, candidate: split-new, share: shadow }\n"
              "  costly: { route: dear, candidate: split-new, share: 100%, max_cost: $0.001 }\n"
              "  more: { route: raised, candidate: split-new, share: 100%, max_cost: $0.001 }\n")
    gateway = Gateway(f"providers:\n{lines}routes:\n{routes}{trials}")


def answers(given=1000, made=100):
    return reply(chat(spent=usage(given, made)))


def ask(model, text="hi", **more):
    got = gateway.post(gateway.chat(model, text), **more)
    check(got.status == 200, got)
    return got


def flushed(count, where, *values):
    until(lambda: len(gateway.rows(where, *values)) >= count, f"{count} rows of {where}")
    return gateway.rows(where, *values)


def test_a_split():
    fake.site("control").default = answers()
    fake.site("candidate").default = answers()
    sides = {}
    for session in range(40):
        for turn in range(2):
            got = ask("split", f"turn {turn}", headers=[("x-session-id", f"s{session}")])
            name, side = got.header("x-sluice-trial").split("/")
            same(name, "half", "the trial's name")
            same(got.header("x-sluice-provider"), "openai" if side == "control" else "mistral",
                 "who answered")
            same(sides.setdefault(session, side), side, f"session {session} stays")
    check(8 < list(sides.values()).count("candidate") < 32, sides)
    rows = flushed(80, "trial = 'half' AND state = 'done'")
    same(sum(row["flags"] & 128 > 0 for row in rows),
         2 * list(sides.values()).count("candidate"), "rows of the candidate")
    check(all(row["route"] == "split" for row in rows), "the route is the one that was asked")
    same([n for _, n in drawn("half")], [2] * 40, "requests of each conversation")


def drawn(trial):
    """Conversations of a trial, and how many attempts each had."""
    return [tuple(row) for row in gateway.select(
        "SELECT conversation, count(*) FROM attempt a JOIN request r ON r.id = a.request WHERE r.trial = ?"
        " GROUP BY coalesce(conversation, a.id)", (trial,))]


def test_the_sides_outlive_a_restart():
    before = {n: ask("split", headers=[("x-session-id", f"r{n}")]).header("x-sluice-trial")
              for n in range(20)}
    gateway.stop()
    gateway.start()
    after = {n: ask("split", headers=[("x-session-id", f"r{n}")]).header("x-sluice-trial")
             for n in range(20)}
    same(after, before, "the sides")


def test_a_candidate_that_fails_is_replaced():
    fake.site("control").default = answers()
    fake.site("candidate").default = reply(status=500)
    for n in range(12):
        got = ask("split", f"number {n}")
        same(got.header("x-sluice-provider"), "openai", "who answered")
    fake.site("candidate").default = answers()
    gateway.stop()                          # its failures are forgotten
    gateway.start()


def test_a_shadow_is_never_seen():
    body = chat(text="of the control")
    fake.site("control").default = reply(body)
    gate = threading.Event()

    def hang(x):
        x.wait(gate)
        x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")

    fake.site("candidate").default = hang
    seen = len(fake.site("candidate").requests)
    for n in range(5):
        got = ask("mirror", f"prompt {n}")
        same(bytes(got.body), body, "the control's own bytes")
        same(got.header("x-sluice-trial"), "mirrored/control", "the side")
    until(lambda: len(fake.site("candidate").requests) == seen + 5, "five shadows")
    until(lambda: len(drawn("mirrored")) == 5, "five conversations")
    same([n for _, n in drawn("mirrored")], [2] * 5, "a shadow is of its control's conversation")
    sent = {json.loads(r.body)["messages"][0]["content"]
            for r in fake.site("candidate").requests[seen:]}
    same(sent, {f"prompt {n}" for n in range(5)}, "what the candidate was asked")
    gate.set()
    rows = flushed(5, "trial = 'mirrored' AND flags & 64 AND state = 'done'")
    check(all(row["fault"] for row in rows), "the shadows failed", rows)
    check(all(not row["fault"] for row in
              flushed(5, "trial = 'mirrored' AND NOT flags & 64 AND state = 'done'")), "controls")


def test_a_shadow_asks_for_what_its_key_may():
    """The candidate is to the key what it is in a split: of another model, or a fallback of the route."""
    fake.site("control").default = fake.site("candidate").default = answers()

    def shadows(name, *options):
        code, out, err = gateway.cli("keys", "create", "--name", name, "--json", *options)
        same(code, 0, err)
        gateway.keys[name] = json.loads(out)["key"]
        before = len(fake.site("candidate").requests)
        sides = [ask(model, f"of {name}", key=name).header("x-sluice-trial") for model in ("mirror", "mirror")]
        if any(sides):
            until(lambda: len(fake.site("candidate").requests) == before + 2, "two shadows")
        return sides, len(fake.site("candidate").requests) - before
    seen = ["mirrored/control"] * 2
    for name, *options in (("free",), ("over", "--routes", "mirror"), ("named", "--models", "mirror"),
                           ("both", "--models", "gpt-5*,mistral*")):
        same(shadows(name, *options), (seen, 2), name)
    for name, *options in (("model", "--models", "gpt-5*"), ("target", "--models", "openai/gpt-5-mini"),
                           ("provider", "--providers", "openai")):
        same(shadows(name, *options), ([None, None], 0), name)


def test_a_shadow_costs_what_it_says():
    fake.site("control").default = answers(1000, 100)
    fake.site("candidate").default = answers(2000, 50)
    before = len(gateway.rows("trial = 'mirrored' AND flags & 64 AND state = 'done'"))
    ask("mirror", "what does it cost")
    rows = flushed(before + 1, "trial = 'mirrored' AND flags & 64 AND state = 'done'")
    same((rows[-1]["input_tokens"], rows[-1]["output_tokens"], rows[-1]["usage_kind"]),
         (2000, 50, "reported"), "the shadow's usage")
    logged = [json.loads(line)["id"] for line in (gateway.data / "access.log").read_text().splitlines()]
    check(shown_id(rows[-1]["id"]) not in logged, "a shadow is no request, and not in the access log")


def test_max_cost_stops_a_trial():
    fake.site("control").default = answers()
    fake.site("candidate").default = answers(3000, 300)
    sides = [ask("dear", f"n {n}").header("x-sluice-trial") for n in range(30)]
    first = sides.index(None)
    check(0 < first < 30 and not any(sides[first:]), sides)
    check("trial costly stops" in gateway.stderr(), gateway.stderr()[-500:])
    rows = flushed(first, "trial = 'costly' AND state = 'done'")
    spent = sum(row["cost_nano"] for row in rows)
    each = rows[0]["cost_nano"]             # the first was taken for less than it has cost
    check(1000000 - each < spent < 1000000 + each, spent, each)
    code, out, err = gateway.cli("trial", "list", "--json")
    same(code, 0, err)
    same([t for t in json.loads(out) if t["name"] == "costly"][0]["spent_nano"], spent, "spent")
    gateway.stop()
    gateway.start()                         # it knows what was spent
    more = [ask("dear", f"m {n}").header("x-sluice-trial") for n in range(10)]
    check(more.count("costly/candidate") <= 2 and more[-1] is None, more)


def state_of(name):
    code, out, err = gateway.cli("trial", "list", "--json")
    same(code, 0, err)
    return [(t["state"], t["spent_nano"]) for t in json.loads(out) if t["name"] == name][0]


def test_a_trial_goes_on_when_max_cost_is_raised():
    fake.site("control").default = answers()
    fake.site("candidate").default = answers(2300, 400)
    sides = [ask("raised", f"n {n}").header("x-sluice-trial") for n in range(10)]
    check(sides[0] == "more/candidate" and sides[-1] is None, sides)
    state, spent = state_of("more")
    same(state, "stopped by max_cost", "it stopped itself")
    check(spent < 1000000, "before all was spent", spent)
    code, out, err = gateway.cli("trial", "list")
    check("raised to split-new  stopped by max_cost  $" in out, out, err)
    gateway.write(gateway.body.replace("route: raised, candidate: split-new, share: 100%, max_cost: $0.001",
                                       "route: raised, candidate: split-new, share: 100%, max_cost: $1"))
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: ask("raised", "again").header("x-sluice-trial") == "more/candidate", "the candidate after SIGHUP")
    same(state_of("more")[0], "running", "it goes on")


def test_a_refused_reload_stops_no_trial():
    """What would have stopped it is not in force: no master key can be read for the bodies it wants kept as well."""
    fake.site("control").default = answers()
    fake.site("candidate").default = answers()
    good, master = gateway.body, gateway.data / "master.key"
    check(state_of("half")[1] > 1000000 and state_of("half")[0] == "running", state_of("half"))
    master.write_text("junk")
    master.chmod(0o600)
    before = len(gateway.stderr())
    gateway.write(good.replace("candidate: split-new, share: 50%", "candidate: split-new, share: 50%, max_cost: $0.001")
                  + "log: { bodies: all }\n")
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: "reload refused" in gateway.stderr()[before:], "the reload to be refused", 10)
    check(any(ask("split", f"refused {n}").header("x-sluice-trial") for n in range(10)), gateway.stderr()[before:])
    same(state_of("half")[0], "running", "its state")
    master.unlink()
    gateway.write(good)


def test_the_report():
    fake.site("control").default = answers(1000, 100)
    fake.site("candidate").default = answers(1000, 200)
    for n in range(60):
        ask("split", f"for the report {n}")
    code, out, err = gateway.cli("trial", "report", "half", "--json")
    same(code, 0, err)
    said = json.loads(out)
    rows = gateway.rows("trial = 'half'")
    same(said["control"]["requests"] + said["candidate"]["requests"],
         sum(row["closes"] for row in rows), "requests")
    same(said["control"]["conversations"] + said["candidate"]["conversations"], len(drawn("half")), "conversations")
    same(said["control"]["spent_nano"] + said["candidate"]["spent_nano"],
         sum(row["cost_nano"] or 0 for row in rows), "what was spent, to the nano-dollar")
    check(said["rescued"] >= 1, "the candidate's failures were answered by the control", said)
    by_name = {m["name"]: m for m in said["metrics"]}
    check(by_name["output_tokens"]["significant"], by_name["output_tokens"])
    check(by_name["output_tokens"]["difference_interval"][0] > 0, by_name["output_tokens"])
    check(not by_name["empty"]["significant"], by_name["empty"])
    same(len(said["metrics"]), 13, "figures")
    code, out, err = gateway.cli("trial", "report", "half")
    check(code == 0 and "no significant difference" in out and "DIFFERENT" in out, out, err)
    code, out, err = gateway.cli("trial", "report", "never")
    same(code, 1, "a trial nobody knows")
    code, out, err = gateway.cli("trial", "report", "half", "--since", "2099-01-01")
    same(code, 1, "nothing since then")


def test_the_same_over_rest():
    serving(gateway)
    status, listed = over_socket(gateway, "GET", "/trials")
    same((status, listed["data"]), (200, json.loads(gateway.cli("trial", "list", "--json")[1])), "the list")
    same(over_socket(gateway, "GET", "/trials/costly"), (200, [t for t in listed["data"] if t["name"] == "costly"][0]), "one")
    same(over_socket(gateway, "GET", "/trials/never")[0], 404, "none of that name")
    status, said = over_socket(gateway, "GET", "/trials/half/report")
    same((status, said), (200, json.loads(gateway.cli("trial", "report", "half", "--json")[1])), "the report")
    for then in ("2099-01-01T00:00:00Z", "9999-12-31T00:00:00Z"):
        same(over_socket(gateway, "GET", f"/trials/half/report?since={then}")[1]["control"]["requests"], 0, f"since {then}")
    for then in ("1960-01-01T00:00:00Z", "1970-01-01T00:00:00Z"):
        check(over_socket(gateway, "GET", f"/trials/half/report?since={then}")[1]["control"]["requests"] > 0, f"since {then}")
    same(over_socket(gateway, "GET", "/trials/never/report")[0], 404, "a report of none")
    same(over_socket(gateway, "POST", "/trials/never/stop")[0], 404, "stopping none")


def stops():
    """Who stopped which trial, as the audit log has it."""
    return [(each["target"], each["who"], each["source"]) for each in over_socket(gateway, "GET", "/audit?limit=1000")[1]["data"][::-1]
            if each["action"] == "trials_stop"]


def test_stop():
    code, out, err = gateway.cli("trial", "stop", "half")
    same(code, 0, err)
    first = over_socket(gateway, "POST", "/trials/half/stop")[1]
    same(over_socket(gateway, "POST", "/trials/half/stop")[1], first, "the first time counts")
    same(over_socket(gateway, "GET", "/trials/half")[1]["stopped"], first["stopped"], "when")
    same(gateway.cli("trial", "stop", "never")[0], 1, "none of that name")
    check(all(ask("split", f"stopped {n}").header("x-sluice-trial") is None for n in range(10)),
          "it goes on")
    gateway.stop()
    code, out, err = gateway.cli("trial", "stop", "mirrored")     # without a gateway
    same(code, 0, err)
    gateway.start()
    serving(gateway)
    me = f"uid {os.getuid()}"
    same(stops(), [("half", me, "admin.sock")] * 3 + [("mirrored", me, "command")], "entries")
    for model in "split", "mirror":
        check(all(ask(model, f"again {n}").header("x-sluice-trial") is None for n in range(5)),
              model, "has come back")
    code, out, err = gateway.cli("trial", "list", "--json")
    same({t["name"]: t["state"] for t in json.loads(out)},
         {"half": "stopped", "mirrored": "stopped", "costly": "stopped by max_cost", "more": "running"}, "states")
