"""The admin API: what it answers, whom it listens to, and what commands do through it.

Who may what is in admin_matrix_test.py, what is written down of it in audit_test.py.
"""

import fcntl
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import tempfile
import threading

import admin_world
from admin_world import (BASE, BODY, ask, audit, change, first_token, fits, ids, introduce, over_socket, problem,
                         real_path, routes, serving, stored, tokens)
from harness import Gateway, check, cli, same
from raw import Raw

gateway = None


def setup():
    global gateway
    gateway = admin_world.setup()


# --- the first token, and the commands ---------------------------------------------------------------

def test_the_first_token_is_printed_once():
    fresh = Gateway(BODY)
    found = [first_token(fresh)]
    same(ask("GET", "/status", f"Bearer {found[0]}", g=fresh).json()["admin"],
         f"127.0.0.1:{fresh.admin_port}", "admin")
    fresh.stop()
    fresh.start()
    serving(fresh)
    same(len(re.findall(r"sl-admin-[0-9a-f]{12}-", fresh.stderr())), 1, fresh.stderr())
    same(ask("GET", "/status", f"Bearer {found[0]}", g=fresh).status, 200, "after a restart")
    # Only a hash is kept.
    for path in fresh.data.rglob("*"):
        if path.is_file() and not path.is_socket():
            check(found[0][-43:].encode() not in path.read_bytes(), path)
    fresh.remove()


def test_tokens_are_made_and_revoked_by_command():
    code, out, err = gateway.cli("tokens", "create", "--name", "ci bot", "--scope", "read,keys")
    check(code == 0 and re.fullmatch(r"sl-admin-[\w-]{56}\n", out) and "shown this once" in err, out, err)
    code, listed, _ = gateway.cli("tokens", "list", "--json")
    mine = [each for each in json.loads(listed) if each["name"] == "ci bot"][0]
    same(mine["scopes"], ["read", "keys"], listed)
    same(ask("GET", "/status", f"Bearer {out.strip()}").status, 200, "a new token")
    code, _, err = gateway.cli("tokens", "revoke", mine["id"])
    check(code == 0 and "revoked" in err, err)
    problem(ask("GET", "/status", f"Bearer {out.strip()}"), 401, "unauthenticated")
    for bad in (["create"], ["create", "--name", "x"], ["create", "--name", "x", "--scope", "root"],
                ["create", "--name", "x", "--scope", "read", "--expires", "soon"], ["revoke", "zz"],
                ["destroy"]):
        same(gateway.cli("tokens", *bad)[0], 2, bad)
    same(gateway.cli("tokens", "revoke", "ffffffffffff")[0], 1, "unknown")


def test_commands_work_without_a_gateway():
    home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
    data = str(home / "data")
    try:
        code, out, err = cli("tokens", "create", "--name", "a", "--scope", "all", "--data", data, "--json", home=home)
        check(code == 0, err)
        made = json.loads(out)
        code, out, _ = cli("audit", "list", "--json", "--data", data, home=home)
        entry = json.loads(out)[0]
        same((entry["action"], entry["target"], entry["source"]), ("tokens_create", made["id"], "command"), entry)
        check(made["token"] not in out, out)
        code, out, _ = cli("audit", "verify", "--data", data, home=home)
        check(code == 0 and "1 entries, whole" in out, out)
        same(cli("tokens", "list", "--data", str(home / "none"), home=home)[0], 1, "nothing there")
        (home / "data" / "pepper").unlink()
        same(cli("tokens", "list", "--data", data, home=home)[0], 0, "it needs no pepper")
        check(not (home / "data" / "pepper").exists(), "a look has made a pepper")
    finally:
        shutil.rmtree(home)


# --- the listener ------------------------------------------------------------------------------------

def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = Gateway(BODY, start=False)
        other.admin_port = port
        other.write(BODY)
        code, _, err = cli("serve", "-c", str(other.file), home=other.dir)
        check(code == 1 and f"127.0.0.1:{port}" in err and "Address already in use" in err and "admin" in err, err)
        other.remove()


def test_beyond_loopback_it_needs_tls():
    other = Gateway(BODY, start=False)
    text = other.text(BODY).replace(f"admin: 127.0.0.1:{other.admin_port}", f"admin: 0.0.0.0:{other.admin_port}")
    other.file.write_text(text)
    code, _, err = cli("check", str(other.file), home=other.dir)
    check(code == 3 and "E304" in err, err)
    other.file.write_text(text + "insecure_admin: true\n")
    same(cli("check", str(other.file), home=other.dir)[0], 0, "insecure_admin")
    other.remove()


def test_nobody_is_told_where_the_ledger_is():
    blind = Gateway(BODY)
    first_token(blind)
    try:
        (blind.data / "ledger.db").rename(blind.data / "elsewhere")
        reply = ask("GET", "/status", None, g=blind)
        problem(reply, 503, "ledger_unavailable")
        check(str(blind.data).encode() not in reply.body and b"ledger.db" not in reply.body, reply)
        (blind.data / "elsewhere").rename(blind.data / "ledger.db")
        same(ask("GET", "/status", None, g=blind).status, 401, "and back")
    finally:
        blind.remove()


def test_off_is_off():
    other = Gateway(BODY, start=False)
    other.file.write_text(other.text(BODY).replace(f"admin: 127.0.0.1:{other.admin_port}", "admin: off"))
    other.start()
    with socket.socket() as probe:
        check(probe.connect_ex(("127.0.0.1", other.admin_port)) != 0, "somebody listens")
    check("sl-admin-" not in other.stderr(), other.stderr())
    serving(other)
    same(over_socket(other, "GET", "/status")[0], 200, "the socket")
    other.remove()


def test_the_socket_serves_the_same_routes():
    status, made = over_socket(gateway, "POST", "/tokens", {"name": "by socket", "scopes": ["read"]})
    same(status, 201, made)
    same(audit()[-1]["who"], f"uid {os.getuid()}", "who")
    same(audit()[-1]["source"], "admin.sock", "from where")
    same(over_socket(gateway, "DELETE", f"/tokens/{made['id']}")[0], 200, "revoked")
    # The commands' own lines are understood beside HTTP.
    same(gateway.cli("tail")[0], 0, "tail")


# --- answers -----------------------------------------------------------------------------------------

def test_every_get_answers_as_its_schema_says():
    document = ask("GET", "/openapi.json", "read").json()
    gateway.post(gateway.chat("fast"))
    exchange = ask("GET", "/exchanges?limit=1").json()["data"][0]["id"]
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        real = real_path(path.replace("/tokens/{id}", f"/tokens/{ids['all']}").replace("/exchanges/{id}", f"/exchanges/{exchange}"))
        if "{" in real:
            continue
        reply = ask("GET", real + ("?model=fast" if path.endswith("/explain") else ""), base="")
        same(reply.status, 200, f"{path}: {reply}")
        schema = next(iter(methods["get"]["responses"]["200"]["content"].values()))["schema"]
        if reply.header("content-type") == "application/json":
            fits(document, schema, reply.json(), path)


def test_the_openapi_document_is_whole():
    document = ask("GET", "/openapi.json", "read").json()
    code, out, _ = cli("admin", "openapi")
    same(json.loads(out), document, "the command's and the API's")
    same(document["openapi"], "3.1.0", "version")
    wanted = {(each["method"].lower(), each["path"]) for each in routes() if each["listener"] == "admin"}
    found = set()
    names = set()

    def look(value, where):
        if isinstance(value, dict):
            if "$ref" in value:
                target = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    check(part in target, f"{where}: {value['$ref']} is nowhere")
                    target = target[part]
            for name, inner in value.items():
                look(inner, f"{where}/{name}")
        elif isinstance(value, list):
            for item in value:
                look(item, where)

    look(document, "")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.add((method, path))
            check(operation["operationId"] not in names, operation["operationId"])
            names.add(operation["operationId"])
            declared = {each["name"] for each in operation["parameters"] if each.get("in") == "path"}
            same(declared, set(re.findall(r"{(\w+)}", path)), f"{method} {path}: path parameters")
            check(all(each["required"] for each in operation["parameters"] if each.get("in") == "path"), path)
            needed = [each["name"] for each in operation["parameters"] if each.get("in") == "query" and each["required"]]
            same(needed, {("get", "/admin/v1/explain"): ["model"], ("delete", "/admin/v1/provider-keys"): ["provider"]}
                 .get((method, path), []), f"{method} {path}: what is asked with nothing else")
            check(operation["responses"] and operation["summary"] and "security" in operation, path)
            check(("requestBody" in operation) <= (method in ("post", "patch", "put")), f"{method} {path}")
    same(found, wanted, "the routes")


def test_errors_name_what_is_wrong():
    good = {"name": "x", "scopes": ["read"]}
    for body, kind, param in (
            (b"{", "invalid_json", None), (b"[]", "invalid_json", None), (b'{"name":1,"name":2}', "invalid_json", None),
            (b"\xff", "invalid_json", None), ({"scopes": ["read"]}, "missing_member", "name"),
            ({**good, "admin": True}, "unknown_member", "admin"), ({**good, "name": 3}, "invalid_member", "name"),
            ({**good, "name": ""}, "invalid_member", "name"), ({**good, "name": "a\nb"}, "invalid_member", "name"),
            ({**good, "name": "x" * 129}, "invalid_member", "name"),
            ({**good, "scopes": []}, "invalid_member", "scopes"), ({**good, "scopes": "all"}, "invalid_member", "scopes"),
            ({**good, "scopes": ["root"]}, "invalid_member", "scopes"), ({**good, "scopes": [1]}, "invalid_member", "scopes"),
            ({**good, "expires": "2001-01-01T00:00:00Z"}, "invalid_member", "expires"),
            ({**good, "expires": "tomorrow"}, "invalid_member", "expires")):
        problem(ask("POST", "/tokens", body=body), 400, kind, param)
    for query, kind, param in (
            ("limit=x", "invalid_parameter", "limit"), ("limit=-1", "invalid_parameter", "limit"),
            ("limit=0", "invalid_parameter", "limit"), ("limit=1001", "invalid_parameter", "limit"),
            ("limit=1&limit=2", "invalid_parameter", "limit"), ("what=1", "unknown_parameter", "what"),
            ("cursor=zz", "invalid_cursor", "cursor"), ("cursor=%00", "invalid_parameter", "cursor"),
            ("since=yesterday", "invalid_parameter", "since"), ("key=../..", "invalid_parameter", "key")):
        problem(ask("GET", f"/exchanges?{query}"), 400, kind, param)
    # An id of 0 would be that of what has none, and no bound at all: everybody's sums.
    for key in ("0", "abc", "0" * 12, "0" * 16, "1" * 13):
        for path, param in (("/exchanges", "key"), ("/cost", "key"), ("/cost", "team")):
            problem(ask("GET", f"{path}?{param}={key}"), 400, "invalid_parameter", param)
    problem(ask("GET", "/tokens/ffffffffffff"), 404, "not_found")
    problem(ask("GET", "/nothing"), 404, "not_found")
    problem(ask("POST", "/tokens", body=b"name=x", kind="application/x-www-form-urlencoded"), 415)
    problem(ask("POST", "/tokens", body=json.dumps(good).encode(), kind="text/plain"), 415)
    problem(ask("POST", "/tokens", body=json.dumps(good).encode(), kind=None), 415)
    problem(ask("POST", "/config/reload", body=b"x", kind="multipart/form-data; boundary=x"), 415)
    problem(ask("POST", "/tokens", body=b" " * (256 * 1024 + 1)), 413, "body_too_large")
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        same(ask(method, "/tokens").header("allow"), "GET, HEAD, POST, OPTIONS", method)
        problem(ask(method, "/tokens"), 405, "method_not_allowed")
    options = ask("OPTIONS", "/tokens")
    same((options.status, options.header("allow")), (204, "GET, HEAD, POST, OPTIONS"), options)
    head = ask("HEAD", "/tokens")
    same((head.status, bytes(head.body)), (200, b""), head)
    check(int(head.header("content-length")) > 0, head.headers)


def test_every_answer_is_private():
    for reply in (ask("GET", "/status"), ask("GET", "/status", None), ask("GET", "/x"), ask("GET", "/alive", None)):
        same(reply.header("cache-control"), "no-store", reply)
        same(reply.header("x-content-type-options"), "nosniff", reply)
        check("frame-ancestors 'none'" in reply.header("content-security-policy"), reply)
        check(not [name for name, _ in reply.headers if name.startswith("access-control")], reply.headers)


def test_pages_of_other_sites_change_nothing():
    here = f"http://127.0.0.1:{gateway.admin_port}"
    body = {"name": "x", "scopes": ["read"]}
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{gateway.admin_port}.evil.example",
                   f"https://127.0.0.1:{gateway.admin_port}", "http://127.0.0.1", f"http://127.0.0.1:{gateway.port}",
                   f"{here}/", ""):
        problem(ask("POST", "/tokens", body=body, headers=[("Origin", origin)]), 403, "foreign_origin")
        # A Host that agrees makes it no better.
        with Raw(gateway.admin_port) as raw:
            raw.send(f"POST {BASE}/config/reload HTTP/1.1\r\nHost: {origin.rpartition('/')[2] or 'x'}\r\n"
                     f"Origin: {origin}\r\nAuthorization: {tokens['all']}\r\nContent-Length: 0\r\n\r\n".encode())
            check(raw.reply().status in (400, 403), origin)
    for site in ("cross-site", "same-site"):
        problem(ask("POST", "/tokens", body=body, headers=[("Sec-Fetch-Site", site)]), 403, "foreign_origin")
    for origin in (here, f"http://localhost:{gateway.admin_port}"):
        same(ask("POST", "/tokens", body=body, headers=[("Origin", origin)]).status, 201, origin)
    same(ask("GET", "/status", headers=[("Origin", "http://evil.example")]).status, 200, "a look is no change")


def test_etags():
    first = ask("GET", "/models")
    tag = first.header("etag")
    check(tag, first.headers)
    again = ask("GET", "/models", headers=[("If-None-Match", f'"x", {tag}')])
    same((again.status, bytes(again.body), again.header("etag")), (304, b"", tag), again)
    same(ask("GET", "/models", headers=[("If-None-Match", '"x"')]).status, 200, "another one")
    keys = ask("GET", "/keys")
    same(ask("GET", "/keys", headers=[("If-None-Match", keys.header("etag"))]).status, 304, "a list of nodes too")


def test_pages_stand_while_rows_come():
    for n in range(12):
        gateway.post(gateway.chat("fast", f"page {n}"))
    first = ask("GET", "/exchanges?limit=5").json()
    seen = [each["id"] for each in first["data"]]
    cursor = first["next"]
    everything = [each["id"] for each in ask("GET", "/exchanges?limit=1000").json()["data"]]
    while cursor:
        gateway.post(gateway.chat("fast", "between"))
        page = ask("GET", f"/exchanges?limit=5&cursor={cursor}").json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next"]
    same(seen, everything, "no row twice, none missing")
    same(ask("GET", f"/exchanges?limit=1&key={gateway.key_ids['test']}").json()["data"][0]["asked"], "fast", "by key")
    same(ask("GET", "/exchanges?key=ffffffffffff").json()["data"], [], "by another key")
    same(ask("GET", "/exchanges?status=404").json()["data"], [], "by status")
    same(ask("GET", "/exchanges?until=1h").json()["data"], [], "before")
    check(len(ask("GET", "/exchanges?since=1h").json()["data"]) >= 12, "since")
    # Where ids, which are times, end, and before they begin.
    for far, near in (("9999-12-31T00:00:00Z", "1960-01-01T00:00:00Z"), ("6000-01-01T00:00:00Z", "1970-01-01T00:00:00Z")):
        for path, of in (("/exchanges", lambda reply: len(reply["data"])), ("/cost", lambda reply: reply["total"]["requests"])):
            for query, some in ((f"since={near}&until={far}", True), (f"until={near}", False), (f"since={far}", False)):
                found = of(ask("GET", f"{path}?{query}").json())
                check((found >= 12) == some and (found == 0) != some, f"{path}?{query}: {found}")
    # The audit log, in pages of its own.
    whole = [each["seq"] for each in ask("GET", "/audit?limit=1000").json()["data"]]
    got, cursor = [], ""
    while cursor is not None:
        page = ask("GET", "/audit?limit=3" + (f"&cursor={cursor}" if cursor else "")).json()
        got += [each["seq"] for each in page["data"]]
        cursor = page["next"]
    same(got, whole, "entries")


INJECTIONS = ["'", "' OR '1'='1", "1; DROP TABLE audit; --", "\" OR 1=1 --", "%27%20OR%201%3D1", "x'||(SELECT hash FROM admin_token)||'",
              "{{7*7}}", "${jndi:ldap://x}", "../../../../etc/passwd", "<script>alert(1)</script>", "a\u202eb", "\u0000", "%00", "%0d%0aX-Injected:%201",
              "🙂", "A" * 5000]


def test_injections_are_data():
    before = len(audit())
    for text in INJECTIONS:
        name = text[:100]
        made = ask("POST", "/tokens", body={"name": name, "scopes": ["read"]})
        if made.status == 201:
            same(made.json()["name"], name, "the name comes back as it was")
            same(ask("DELETE", f"/tokens/{made.json()['id']}").status, 200, name)
        else:
            problem(made, 400)
        quoted = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")[:2000])
        for path in (f"/exchanges?provider={quoted}", f"/exchanges?model={quoted}", f"/explain?model={quoted}",
                     f"/audit/export?since={quoted}", f"/tokens/{quoted}", f"/exchanges/{quoted}"):
            reply = ask("GET", path)
            check(reply.status in (200, 400, 404, 414), f"{path[:80]}: {reply}")
            check(not reply.all("x-injected"), reply.headers)
            if reply.status == 200:
                same(reply.json(), {"data": [], "next": None}, path[:80])
    check(len(audit()) > before, "audit is there")
    same(ask("GET", "/audit/verify").json()["ok"], True, "and whole")


# --- keys and teams ------------------------------------------------------------------------------------

def test_what_is_changed_is_held_against_if_match():
    """What has no serial has the ETag of its bytes."""
    made = ask("POST", "/tokens", body={"name": "etag", "scopes": ["read"]}).json()
    for path in (f"/provider-keys/{stored(gateway, 'etags')}", f"/tokens/{made['id']}"):
        etag = ask("GET", path).header("etag")
        problem(ask("DELETE", path, headers=[("If-Match", '"0123456789abcdef"')]), 412, "changed_meanwhile")
        same(ask("GET", path).header("etag"), etag, "it is as it was")
        same(ask("DELETE", path, headers=[("If-Match", f'"x", {etag}')]).status, 200, path)
    problem(ask("DELETE", "/provider-keys/0123456789ab", headers=[("If-Match", etag)]), 404)
    problem(ask("POST", "/config/reload", headers=[("If-Match", '"1"')]), 412, "no_etag")


def test_a_name_is_held_against_if_match():
    """What has the same name by now, and the same serial, is another one."""
    first = ask("POST", "/teams", body={"name": "renamed"}).json()
    etag = ask("GET", "/teams/renamed").header("etag")
    same(ask("DELETE", f"/teams/{first['id']}").status, 200, "gone")
    second = ask("POST", "/teams", body={"name": "renamed"}).json()
    for method, body in (("PATCH", {"limits": {"rpm": 1}}), ("DELETE", None)):
        problem(ask(method, "/teams/renamed", body=body, headers=[("If-Match", etag)]), 412, "changed_meanwhile")
    now = ask("GET", "/teams/renamed")
    same((now.json()["id"], now.json()["serial"]), (second["id"], 1), "it is as it was")
    same(ask("DELETE", "/teams/renamed", headers=[("If-Match", now.header("etag"))]).status, 200, "its own")


def test_keys_and_teams_over_rest():
    team = ask("POST", "/teams", "keys", body={"name": "red", "limits": {"rpm": 600, "budget": {"month": "50"}}})
    same(team.status, 201, team)
    same(team.json()["limits"]["budget"]["month"], "50.00", team)
    made = ask("POST", "/keys", "keys", body={"name": "rest", "team": "red", "tags": {"env": "test"}})
    key, path = made.json()["key"], f"/keys/{made.json()['id']}"

    def tag(serial):
        return f'"{made.json()["id"]}-{serial}"'
    same((made.status, made.header("etag"), made.json()["serial"]), (201, tag(1), 1), made)

    def use(secret):
        return gateway.post(gateway.chat("fast"), key=None, headers=[("Authorization", f"Bearer {secret}")]).status
    same(use(key), 200, "a new key works at once")
    got = ask("GET", path, "read")
    same((got.header("etag"), got.json()["parent"]), (tag(1), team.json()["id"]), got)
    check("key" not in got.json() and key not in got.body.decode(), got)
    # Changes, one behind the other.
    changed = ask("PATCH", path, "keys", body={"limits": {"rpm": 7}}, headers=[("If-Match", tag(1))])
    same((changed.status, changed.header("etag"), changed.json()["limits"]["rpm"]), (200, tag(2), 7), changed)
    problem(ask("PATCH", path, body={"limits": {"rpm": 8}}, headers=[("If-Match", tag(1))]), 412, "changed_meanwhile")
    problem(ask("PATCH", path, body={"limits": {"rpm": 8}}, headers=[("If-Match", '"x"')]), 412)
    problem(ask("DELETE", path, headers=[("If-Match", tag(1))]), 412)
    problem(ask("PATCH", path, body={"limits": {"rpm": -8}}), 400, "invalid_member")
    problem(ask("PATCH", path, body={"name": "other"}), 400, "unknown_member", "name")
    problem(ask("POST", "/teams", body={"name": "red"}), 409, "name_taken")
    same(ask("GET", path).json()["limits"]["rpm"], 7, "refused changes change nothing")
    # Another secret, then none.
    rotated = ask("POST", f"{path}/rotate", "keys", body={"grace": "1h"}).json()
    check(rotated["key"] != key and rotated["previous_until"], rotated)
    same((use(key), use(rotated["key"])), (200, 200), "both are good for an hour")
    last = ask("POST", f"{path}/rotate", body={"grace": "0s"}).json()
    same((use(rotated["key"]), use(last["key"])), (401, 200), "without grace")
    problem(ask("POST", f"{path}/rotate", body={"grace": "1000d"}), 400, "invalid_member", "grace")
    same(ask("DELETE", path, "keys").json()["state"], "revoked", "gone")
    same(use(last["key"]), 401, "a revoked key")
    # Named by its text, and there is nothing to be done.
    same(ask("DELETE", f"/keys/{last['key']}").status, 200, "again")
    # All of it is written down, and no secret.
    entries = [each for each in audit() if each["target"] == made.json()["id"]]
    same([each["action"] for each in entries], ["keys_create", "keys_update", "keys_rotate", "keys_rotate", "keys_revoke", "keys_revoke"],
         entries)
    same((entries[1]["before"]["limits"]["rpm"], entries[1]["after"]["limits"]["rpm"]), (None, 7), entries[1])
    same(entries[1]["who"], f"token {ids['keys token']} keys", entries[1])
    for secret in (key, rotated["key"], last["key"]):
        check(secret not in json.dumps(audit()), "a secret in the audit log")
    # A team takes its keys with it; lists come in pages.
    under = [ask("POST", "/keys", body={"name": f"k{n}", "team": "red"}).json() for n in range(5)]
    first = ask("GET", "/keys?parent=red&active=true&limit=3").json()
    more = ask("GET", f"/keys?parent=red&active=true&limit=3&cursor={first['next']}").json()
    same([each["name"] for each in first["data"] + more["data"]], [f"k{n}" for n in range(5)], "pages")
    same(more["next"], None, more)
    same(ask("DELETE", f"/teams/{team.json()['id']}").status, 200, "the team")
    same(use(under[0]["key"]), 401, "a key of a team that is gone")
    problem(ask("GET", "/keys/nobody"), 404, "not_found")
    problem(ask("GET", "/keys?cursor=zz"), 400)


def test_commands_are_written_down_too():
    first = len(audit())
    code, out, _ = gateway.cli("keys", "create", "by-command", "--json")
    key = json.loads(out)
    same(gateway.cli("keys", "limit", key["id"], "--rpm", "5")[0], 0, "limit")
    same(gateway.cli("keys", "revoke", key["id"])[0], 0, "revoke")
    got = audit()[first:]
    same([(each["action"], each["target"], each["who"], each["source"]) for each in got],
         [(f"keys_{verb}", key["id"], f"uid {os.getuid()}", "admin.sock") for verb in ("create", "update", "revoke")], got)
    check(key["key"] not in json.dumps(got), "a secret")
    # Without a gateway as well.
    gateway.stop()
    code, out, err = gateway.cli("keys", "create", "alone", "--json")
    check(code == 0, err)
    gateway.start()
    serving(gateway)
    introduce()
    entry = [each for each in audit() if each["action"] == "keys_create"][-1]
    same((entry["target"], entry["source"]), (json.loads(out)["id"], "command"), entry)
    same(ask("GET", "/audit/verify").json()["ok"], True, "the log")


def test_a_post_with_an_idempotency_key_is_done_once():
    body = {"name": "once"}
    key = secrets.token_hex(8)
    fields = [("Idempotency-Key", key)]
    first = ask("POST", "/keys", "keys", body=body, headers=fields)
    same((first.status, first.header("idempotency-replayed")), (201, None), first)
    for _ in range(2):
        again = ask("POST", "/keys", "keys", body=body, headers=fields)
        same((again.status, bytes(again.body), again.header("etag"), again.header("idempotency-replayed")),
             (201, bytes(first.body), f'"{first.json()["id"]}-1"', "true"), "the same answer, its secret too")
    problem(ask("POST", "/keys", "keys", body={"name": "other"}, headers=fields), 422, "idempotency_key_reused")
    problem(ask("POST", "/teams", "keys", body=body, headers=fields), 422, "idempotency_key_reused")
    # Another's key is another one.
    check(ask("POST", "/keys", "all", body=body, headers=fields).json()["id"] != first.json()["id"], "another's")
    # What was refused was not done, and may be tried again.
    refused = [("Idempotency-Key", key + "x")]
    problem(ask("POST", "/keys", body={"name": ""}, headers=refused), 400)
    same(ask("POST", "/keys", body={"name": "y"}, headers=refused).status, 201, "after a refusal")
    # It outlives the process, and no secret lies in the files.
    gateway.kill()
    gateway.start()
    serving(gateway)
    introduce()
    again = ask("POST", "/keys", "keys", body=body, headers=fields)
    same(bytes(again.body), bytes(first.body), "after kill -9")
    secret = first.json()["key"][-43:].encode()
    for path in gateway.data.rglob("*"):
        if path.is_file():
            check(secret not in path.read_bytes(), path)
    same(len([each for each in ask("GET", "/keys?active=true&limit=1000").json()["data"] if each["name"] == "once"]), 2, "made")
    change("UPDATE admin_replay SET made = made - 86400000001")
    same(ask("POST", "/keys", "keys", body=body, headers=fields).header("idempotency-replayed"), None, "a day later")
    problem(ask("POST", "/keys", body=body, headers=[("Idempotency-Key", "x" * 256)]), 400)


def test_a_long_body_counts_to_its_end_for_an_idempotency_key():
    def facts(cost):
        what = {"idem": {"id": "idem", "models": {"m": {"id": "m", "name": "M", "cost": {"input": cost, "output": 1}}}}}
        return b" " * 3_000_000 + json.dumps(what).encode()
    fields = [("Idempotency-Key", secrets.token_hex(8))]
    first = ask("POST", "/catalog", "config", body=facts(1), headers=fields)
    same((first.status, first.json()["new"], first.json()["written"]), (200, 1, True), first)
    again = ask("POST", "/catalog", "config", body=facts(1), headers=fields)
    same((again.status, again.header("idempotency-replayed")), (200, "true"), again)
    problem(ask("POST", "/catalog", "config", body=facts(2), headers=fields), 422, "idempotency_key_reused")


def test_a_command_whose_answer_was_lost_asks_for_the_same_again():
    """Between a command and a gateway stands one that loses answers, whole and half of them."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
    data = home / "data"
    data.mkdir(mode=0o700)
    asked = []
    body = b'{"id":"0123456789ab","name":"n","token":"t"}'

    def serve(listener):
        for cut in (0, -5, None):
            link, _ = listener.accept()
            text = b""
            while b'"scopes":["read"]}' not in text:
                text += link.recv(65536)
            asked.append(text)
            answer = b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            link.sendall(answer[:cut])
            link.close()

    with open(data / "lock", "w") as lock, socket.socket(socket.AF_UNIX) as listener:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listener.bind(str(data / "admin.sock"))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        code, out, err = cli("tokens", "create", "--name", "n", "--scope", "read", "--data", str(data), home=home)
        thread.join()
    same((code, out), (0, "t\n"), err)
    same(len(set(asked)), 1, "three times the same")
    check(re.search(rb"\r\nidempotency-key: [0-9a-f]{32}\r\n", asked[0]), asked[0])
    shutil.rmtree(home)


def test_cost_is_the_ledgers():
    for _ in range(3):
        gateway.post(gateway.chat("fast"))
    report = ask("GET", "/cost?by=key,model&since=1h", "read").json()
    rows = [each for each in report["data"] if each["key"] == gateway.key_ids["test"]]
    check(rows and rows[0]["model"] == "echo" and rows[0]["requests"] >= 3, report)
    same(sum(each["attempts"] for each in report["data"]), report["total"]["attempts"], "the sum")
    same(ask("GET", f"/cost?key={gateway.key_ids['test']}").json()["data"][0]["attempts"], rows[0]["attempts"], "of one key")
    problem(ask("GET", "/cost?by=moon"), 400, "invalid_parameter", "by")
    for step, form in ("hour", r"\d{4}-\d\d-\d\d \d\d:00"), ("day", r"\d{4}-\d\d-\d\d"), ("month", r"\d{4}-\d\d"):
        stepped = ask("GET", f"/cost?by=key,{step}&since=2h", "read").json()
        same(stepped["total"], ask("GET", "/cost?since=2h", "read").json()["total"], step)
        check(stepped["data"] and all(re.fullmatch(form, row[step]) for row in stepped["data"]), stepped)
        same(sum(row["attempts"] for row in stepped["data"]), stepped["total"]["attempts"], step)
    check(ask("GET", "/cost?by=day").json()["since"] > "2000", "of the last days, not since 1970")
    same(ask("GET", "/cost?since=9999999w").json()["since"], None, "since ever")
    for wrong in "by=hour,day", "by=hour&since=2020-01-01T00:00:00Z":
        problem(ask("GET", f"/cost?{wrong}"), 400, "invalid_parameter", "by")
    same(ask("GET", "/cost?client=nobodys").json()["total"]["attempts"], 0, "of another client")
    clients = ask("GET", "/cost?by=client").json()["data"]
    same(ask("GET", f"/cost?client={clients[0]['client']}").json()["total"]["attempts"], clients[0]["attempts"], clients)
