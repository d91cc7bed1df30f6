"""Organisations and users by the command line: the ends of the tree, with a running gateway and
without one. What holds is asked of the gateway by requests."""

import json
import os
import socket
import threading

from admin_world import over_socket, serving
from harness import Gateway, check, same

gateway = None


def setup():
    global gateway
    gateway = Gateway("providers: { mock: {} }\nroutes:\n  fast: { targets: [mock/echo] }\n")
    serving(gateway)


def run(*args, code=0):
    """The command's JSON; its exit code is looked at."""
    got, out, err = gateway.cli(*args, "--json")
    same(got, code, f"exit of {args}: {out} {err}")
    return json.loads(out) if code == 0 else err


def ask(secret, user):
    return gateway.post(gateway.chat("fast", user=user), key=None, headers=[("Authorization", f"Bearer {secret}")]).status


def test_an_organisation_bounds_all_below_it():
    made = run("organisations", "create", "acme", "--rpm", "3", "--budget", "5/month", "--tag", "site=north")
    same((made["kind"], made["parent"], made["limits"]["rpm"]), ("organisation", None, 3), made)
    run("teams", "create", "labs", "--organisation", "acme")
    keys = [run("keys", "create", name, "--team", "labs")["key"] for name in ("one", "two")]
    same([ask(keys[n % 2], None) for n in range(4)], [200, 200, 200, 429], "three for both of them")
    same(run("organisations", "limit", "acme", "--rpm", "none")["limits"]["rpm"], None, "no limit any more")
    same(ask(keys[0], None), 200, "it holds at once")
    same(run("organisations", "show", "acme")["usage"]["requests"] > 0, True, "what it has used")
    code, out, _ = gateway.cli("organisations", "show", "acme")
    check(code == 0 and "$5.00/month" in out and "site=north" in out and "belongs to" not in out, out)
    same([each["name"] for each in run("organisations", "list")], ["default", "acme"], "the list")
    run("organisations", "revoke", "acme")
    same([ask(each, None) for each in keys], [401, 401], "all below it")
    same([each["name"] for each in run("organisations", "list", "--active")], ["default"], "those that are left")
    check("cannot be revoked" in run("organisations", "revoke", "default", code=1), "the root stays")


def test_a_user_has_limits_of_its_own():
    key = run("keys", "create", "app", "--user-rpm", "2")
    same([ask(key["key"], "fred") for _ in range(3)], [200, 200, 429], "the limit of all users")
    made = run("users", "create", "anna", "--of", "app", "--rpm", "4")
    same((made["kind"], made["parent"], made["limits"]["rpm"]), ("user", key["id"], 4), made)
    same([ask(key["key"], "anna") for _ in range(5)], [200] * 4 + [429], "her own")
    same(run("users", "limit", made["id"], "--rpm", "9")["limits"]["rpm"], 9, "another")
    same(ask(key["key"], "anna"), 200, "it holds at once")
    same([each["name"] for each in run("users", "list", "--of", "app")], ["anna"], "the list")
    same(run("users", "list", "--of", run("keys", "create", "other")["id"]), [], "of another key")
    check('"anna"' in gateway.cli("users", "show", "anna")[1], "one of them")
    run("users", "revoke", "anna")
    same(run("users", "list", "--active"), [], "those that are left")


def line(request):
    """One request in the commands' own words: another thread answers these than those of HTTP."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(gateway.data / "admin.sock"))
        link.sendall(json.dumps(request).encode() + b"\n")
        with link.makefile() as answer:
            return json.loads(answer.readline())


def test_a_revocation_is_the_last_word():
    """Beside a change by another thread, whichever of the two the ledger has first."""
    for n in range(60):
        made = over_socket(gateway, "POST", "/keys", {"name": f"raced-{n}"})[1]
        both = threading.Barrier(2)

        def change():
            both.wait()
            line({"do": "tenant_update", "kind": "key", "which": made["id"], "set": {"limits": {"rpm": 100}}})
        other = threading.Thread(target=change)
        other.start()
        both.wait()
        same(over_socket(gateway, "DELETE", f"/keys/{made['id']}")[1]["state"], "revoked", "the revocation")
        other.join()
        same(ask(made["key"], None), 401, f"key {n}, once it is revoked")


def test_without_a_gateway_and_written_down():
    me = f"uid {os.getuid()}"
    first = run("organisations", "create", "with")
    gateway.stop()
    second = run("organisations", "create", "without")
    run("organisations", "limit", "without", "--rpm", "5")
    user = run("users", "create", "ben", "--of", "without", "--budget", "1/day")
    same([each["name"] for each in run("users", "list", "--of", "without")], ["ben"], "the list")
    gateway.start()
    serving(gateway)
    entries = [each for each in over_socket(gateway, "GET", "/audit?limit=1000")[1]["data"][::-1]
               if each["target"] in (first["id"], second["id"], user["id"])]
    same([(each["action"], each["target"], each["who"], each["source"]) for each in entries],
         [("organisations_create", first["id"], me, "admin.sock"), ("organisations_create", second["id"], me, "command"),
          ("organisations_update", second["id"], me, "command"), ("users_create", user["id"], me, "command")], "entries")


def test_misuse():
    for args, code, text in ((("organisations", "rotate", "x"), 2, "none of"), (("users", "rotate", "x"), 2, "none of"),
                             (("organisations", "creat", "x"), 2, "did you mean create"), (("users", "show"), 2, "an id or a name"),
                             (("organisations", "create", "x", "--team", "y"), 2, "team"), (("users", "limit", "x"), 2, "say what"),
                             (("users", "list", "--rpm", "3"), 2, "does not take"), (("organisations", "show", "nobody"), 1, "no organisation"),
                             (("users", "create", "x", "--of", "nobody"), 1, "nobody"), (("organisations", "create", "default"), 1, "already")):
        got, out, err = gateway.cli(*args)
        check(got == code and text in err, args, got, out, err)
