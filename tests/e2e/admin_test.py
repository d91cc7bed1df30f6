"""The admin API: who may what, and is it written down?

The idea: the program says itself which routes it has (`sluice admin routes`), and the matrix below
asks every one of them, of clients and of administrators, as everybody, by every method, through every
trick with path and Host that has opened some gateway's door. What may answer 2xx is written here by
hand (GOLDEN), so a route that is added without a thought fails the suite.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading

from harness import NIGHT, Gateway, check, cli, same
from raw import SLOW, SLUICE, Raw, request, until

BASE = "/admin/v1"
BODY = ("providers: { mock: {} }\n"
        "routes:\n  fast: { targets: [mock/echo] }\n")
SCOPES = ("read", "keys", "config", "all")

gateway = None
tokens = {}                             # role -> Authorization, or None
ids = {}                                # role -> id of the token


def setup():
    global gateway
    gateway = Gateway(BODY)
    for role in SCOPES:
        tokens[role] = token(role, role)
    for role in ("revoked", "expired"):
        tokens[role] = token(role, "all")
    same(ask("GET", "/status", "revoked").status, 200, "a token that is not revoked yet")
    code, _, err = gateway.cli("tokens", "revoke", ids["revoked"])
    check(code == 0, err)
    change(f"UPDATE admin_token SET expires = 1 WHERE id = {int(ids['expired'], 16)}")
    for role in SCOPES:                 # known from now on, whoever guesses beside them
        same(ask("GET", "/status", role).status, 200, role)


def token(name, scopes, *more):
    code, out, err = gateway.cli("tokens", "create", "--name", name, "--scope", scopes, "--json", *more)
    check(code == 0, out, err)
    made = json.loads(out)
    ids[name] = made["id"]
    return f"Bearer {made['token']}"


def change(sql, data=None):
    with sqlite3.connect((data or gateway.data) / "ledger.db", timeout=5) as link:
        link.execute(sql)
    link.close()


def ask(method, path, role="all", body=None, headers=(), base=BASE, kind="application/json", g=None):
    """One request on a fresh connection."""
    g = g or gateway
    fields = list(headers)
    if role and tokens.get(role, role):
        fields.append(("Authorization", tokens.get(role, role)))
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None and kind:
        fields.append(("Content-Type", kind))
    with Raw(g.admin_port) as raw:
        raw.send(request(method, base + path, fields, body))
        return raw.reply(method)


def problem(reply, status, kind=None, param=None):
    same(reply.status, status, reply)
    found = reply.json()
    same(reply.header("content-type"), "application/problem+json", reply)
    same(found["status"], status, found)
    check(found["error"]["message"] == found["detail"] and found["title"], found)
    if kind:
        same(found["error"]["type"], kind, found)
        same(found["type"], f"urn:sluice:{kind}", found)
    if param:
        same(found["error"]["param"], param, found)
    return found["error"]


def audit(g=None):
    """All entries, oldest first."""
    reply = ask("GET", "/audit?limit=1000", "all", g=g)
    return reply.json()["data"][::-1]


# --- the first token, and the commands ---------------------------------------------------------------

def first_token(g):
    return until(lambda: re.search(r"sl-admin-[0-9a-f]{12}-[\w-]{43}", g.stderr()), "the first token")[0]


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
            check(found[0].rsplit("-", 1)[-1].encode() not in path.read_bytes(), path)
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


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sluice")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def over_socket(g, method, path, body=None):
    link = Unix(g.data / "admin.sock")
    link.request(method, BASE + path, body=json.dumps(body) if body is not None else None,
                 headers={"Content-Type": "application/json"} if body is not None else {})
    reply = link.getresponse()
    out = reply.status, json.loads(reply.read() or b"null")
    link.close()
    return out


def serving(g):
    """Waits until somebody answers at the socket."""
    def answers():
        try:
            return over_socket(g, "GET", "/status")[0] == 200
        except OSError:
            return False
    until(answers, "the socket to answer", 10)


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
        real = path.replace("/tokens/{id}", f"/tokens/{ids['all']}").replace("/exchanges/{id}", f"/exchanges/{exchange}")
        if "{" in real:
            continue
        reply = ask("GET", real + ("?model=fast" if path.endswith("/explain") else ""), base="")
        same(reply.status, 200, f"{path}: {reply}")
        schema = next(iter(methods["get"]["responses"]["200"]["content"].values()))["schema"]
        if reply.header("content-type") == "application/json":
            fits(document, schema, reply.json(), path)


def fits(document, schema, value, where):
    """Is the value as the schema says? A small part of JSON Schema, the one we use."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return value is None or fits(document, schema["anyOf"][0], value, where)
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    real = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    check(any(isinstance(value, real[kind]) for kind in kinds), f"{where}: {value!r} is no {kinds}")
    if isinstance(value, dict):
        for name in schema.get("required", []):
            check(name in value, f"{where}: {name} is missing in {value}")
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                fits(document, inner, value[name], f"{where}.{name}")
    if isinstance(value, list):
        for item in value:
            fits(document, schema["items"], item, where + "[]")
    if isinstance(value, str) and "pattern" in schema:
        check(re.search(schema["pattern"], value), f"{where}: {value!r} is not {schema['pattern']}")


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
            ("limit=1&limit=2", "invalid_parameter", "limit"), ("what=1", "unknown_parameter", "what"),
            ("cursor=zz", "invalid_cursor", "cursor"), ("cursor=%00", "invalid_parameter", "cursor"),
            ("since=yesterday", "invalid_parameter", "since"), ("key=../..", "invalid_parameter", "key")):
        problem(ask("GET", f"/exchanges?{query}"), 400, kind, param)
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


def test_pages_stand_while_rows_come():
    for n in range(12):
        gateway.post(gateway.chat("fast", f"page {n}"))
    first = ask("GET", "/exchanges?limit=5").json()
    seen = [each["id"] for each in first["data"]]
    cursor = first["next_cursor"]
    everything = [each["id"] for each in ask("GET", "/exchanges?limit=1000").json()["data"]]
    while cursor:
        gateway.post(gateway.chat("fast", "between"))
        page = ask("GET", f"/exchanges?limit=5&cursor={cursor}").json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]
    same(seen, everything, "no row twice, none missing")
    same(ask("GET", f"/exchanges?limit=1&key={gateway.key_ids['test']}").json()["data"][0]["asked"], "fast", "by key")
    same(ask("GET", "/exchanges?key=ffffffffffff").json()["data"], [], "by another key")
    same(ask("GET", "/exchanges?status=404").json()["data"], [], "by status")
    same(ask("GET", "/exchanges?until=1h").json()["data"], [], "before")
    check(len(ask("GET", "/exchanges?since=1h").json()["data"]) >= 12, "since")
    # The audit log, in pages of its own.
    whole = [each["seq"] for each in ask("GET", "/audit?limit=1000").json()["data"]]
    got, cursor = [], ""
    while cursor is not None:
        page = ask("GET", "/audit?limit=3" + (f"&cursor={cursor}" if cursor else "")).json()
        got += [each["seq"] for each in page["data"]]
        cursor = page["next_cursor"]
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
                same(reply.json(), {"data": [], "next_cursor": None}, path[:80])
    check(len(audit()) > before, "audit is there")
    same(ask("GET", "/audit/verify").json()["ok"], True, "and whole")


# --- slow and huge -----------------------------------------------------------------------------------

def test_slow_and_huge_bodies_hold_nobody_up():
    slow = [Raw(gateway.admin_port) for _ in range(20)]
    try:
        for raw in slow:
            raw.send(f"POST {BASE}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n"
                     "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode())
        same(ask("GET", "/status").status, 200, "beside slow ones")
        with Raw(gateway.admin_port) as raw:
            raw.send(f"POST {BASE}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n"
                     "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n".encode())
            same(raw.reply().status, 413, "by its length alone")
        with Raw(gateway.admin_port) as raw:
            raw.send(f"POST {BASE}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: {tokens['all']}\r\n"
                     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            raw.send((b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 20)
            same(raw.reply().status, 413, "by what came")
        with Raw(gateway.admin_port) as raw:
            raw.send(f"GET {BASE}/{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            same(raw.reply().status, 414, "a long path")
    finally:
        for raw in slow:
            raw.close()
    same(ask("POST", "/tokens", None, body=b" " * 1000000).status, 401, "who is nobody sends no body")


def test_many_connections_are_bounded():
    held = []
    try:
        for _ in range(200):
            held.append(socket.create_connection(("127.0.0.1", gateway.admin_port)))
        same(gateway.post(gateway.chat("fast")).status, 200, "clients notice nothing")
        same(over_socket(gateway, "GET", "/status")[0], 200, "nor the socket")
    finally:
        for link in held:
            link.close()
    until(lambda: _alive(), "the listener to have room again")


def _alive():
    try:
        return ask("GET", "/status").status == 200
    except Exception:
        return False


# --- guessing ----------------------------------------------------------------------------------------

def test_guessing_is_slowed_down_and_known_tokens_are_not():
    fresh = Gateway(BODY)
    known = "Bearer " + first_token(fresh)
    same(ask("GET", "/status", known, g=fresh).status, 200, "known")
    wrong = [ask("GET", "/status", "Bearer sl-admin-0123456789ab-" + "A" * 43, g=fresh) for _ in range(14)]
    same([each.status for each in wrong[:10]], [401] * 10, "wrong ones")
    check(429 in [each.status for each in wrong[10:]], wrong)
    late = [each for each in wrong if each.status == 429][0]
    check(late.header("retry-after"), late.headers)
    same(ask("GET", "/status", known, g=fresh).status, 200, "still known")
    fresh.remove()


# --- the matrix --------------------------------------------------------------------------------------

def routes():
    code, out, err = cli("admin", "routes", "--json")
    check(code == 0, err)
    return json.loads(out)


# What may answer 2xx: (listener, method, path) -> roles. Written by hand, not made from the table.
READERS = {"read", "keys", "config", "all"}
EVERYBODY = {"nobody", "bad key", "client key", "other client", "bad token", "revoked", "expired", *READERS}
GOLDEN = {
    ("admin", "GET", "/admin/v1/alive"): EVERYBODY,
    ("admin", "GET", "/admin/v1/status"): READERS,
    ("admin", "GET", "/metrics"): READERS,
    ("admin", "GET", "/admin/v1/openapi.json"): READERS,
    ("admin", "GET", "/admin/v1/config"): READERS,
    ("admin", "POST", "/admin/v1/config/reload"): {"config", "all"},
    ("admin", "GET", "/admin/v1/providers"): READERS,
    ("admin", "GET", "/admin/v1/models"): READERS,
    ("admin", "GET", "/admin/v1/explain"): READERS,
    ("admin", "GET", "/admin/v1/exchanges"): READERS,
    ("admin", "GET", "/admin/v1/exchanges/{id}"): READERS,
    ("admin", "GET", "/admin/v1/tokens"): {"all"},
    ("admin", "POST", "/admin/v1/tokens"): {"all"},
    ("admin", "GET", "/admin/v1/tokens/{id}"): {"all"},
    ("admin", "DELETE", "/admin/v1/tokens/{id}"): {"all"},
    ("admin", "GET", "/admin/v1/audit"): READERS,
    ("admin", "GET", "/admin/v1/audit/verify"): READERS,
    ("admin", "GET", "/admin/v1/audit/export"): READERS,
    ("clients", "GET", "/health"): EVERYBODY,
    ("clients", "HEAD", "/health"): EVERYBODY,
    ("clients", "HEAD", "/"): EVERYBODY,
    ("clients", "GET", "/"): EVERYBODY,
    ("clients", "HEAD", "/api/hello"): EVERYBODY,
}
CLIENTS = {"client key", "other client"}    # of every other route for clients
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get")


def real_path(path):
    return path.replace("/exchanges/{id}", f"/exchanges/{'0' * 16}").replace("{id}", ids["victim"])


def roles():
    return {"nobody": None, "bad key": "Bearer sk-sl-0123456789ab-" + "A" * 43,
            "client key": gateway.bearer("test")[1], "other client": gateway.bearer("other")[1],
            "bad token": "Bearer sl-admin-0123456789ab-" + "A" * 43,
            **{role: tokens[role] for role in (*SCOPES, "revoked", "expired")}}


def send_raw(port, method, target, authorization, host="x", headers=(), body=None):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "Connection: close"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    with Raw(port) as raw:
        raw.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
        return raw.reply("HEAD" if method == "HEAD" else "GET")


def body_for(method, path):
    if method not in ("POST", "PUT", "PATCH"):
        return None
    if path == "/admin/v1/tokens":
        return b'{"name":"matrix","scopes":["read"]}'
    return None if path.startswith("/admin/") else b'{"model":"fast","messages":[{"role":"user","content":"x"}]}'


def allowed(listener, method, path):
    found = GOLDEN.get((listener, method, path))
    if found is None and method == "HEAD":
        found = GOLDEN.get((listener, "GET", path)) if listener == "admin" else None
    return found


def test_matrix_every_route_as_everybody_by_every_method():
    everybody = roles()
    declared = routes()
    there = {(each["listener"], each["method"], each["path"]) for each in declared}
    missing = {key for key in GOLDEN if key not in there}
    check(not missing, f"the golden list names what is not there: {missing}")
    unlisted = {key for key in there if key[0] == "admin" and key not in GOLDEN}
    check(not unlisted, f"routes of the admin API that the golden list does not know: {unlisted}")
    asked = 0
    for each in declared:
        admin = each["listener"] == "admin"
        port = gateway.admin_port if admin else gateway.port
        for role, authorization in everybody.items():
            for method in METHODS:
                if method == "DELETE" and admin and each["path"] == "/admin/v1/tokens/{id}":
                    ids["victim"] = over_socket(gateway, "POST", "/tokens", {"name": "v", "scopes": ["read"]})[1]["id"]
                path = real_path(each["path"]) + ("?model=fast" if each["path"].endswith("/explain") else "")
                reply = send_raw(port, method, path, authorization, body=body_for(method, each["path"]))
                asked += 1
                good = 200 <= reply.status < 300
                where = f"{each['listener']} {method} {path} as {role}: {reply}"
                may = allowed(each["listener"], method, each["path"])
                if admin and method == "OPTIONS":
                    may = READERS       # what there is may know who may look
                if not admin and may is None:
                    may = CLIENTS
                if role not in may if may else True:
                    check(not good, where)
                    if role in ("nobody", "bad key", "bad token", "client key", "other client") and admin \
                            and method not in ("CONNECT", "TRACE", "get"):
                        check(reply.status in (401, 429), where)
                elif admin and method != "OPTIONS" and "{id}" not in each["path"]:
                    check(good, where)
    check(asked > 3000, asked)


ids["victim"] = "0123456789ab"

# A target that must not be what it looks like: made from a real path.
PATH_TRICKS = [
    lambda p: "/" + p, lambda p: p.replace("/v1/", "//v1/", 1), lambda p: p.replace("/v1/", "/./v1/", 1),
    lambda p: "/x/.." + p, lambda p: "/.." + p, lambda p: p + "/", lambda p: p + "/.", lambda p: p + "/..", lambda p: p + ";x",
    lambda p: p.replace("/v1/", "/v1;x/", 1), lambda p: p + "%20", lambda p: p + "%00", lambda p: p + ".", lambda p: p + ".json",
    lambda p: p.replace("/v1/", "/%761/", 1), lambda p: p.replace("/v1/", "/v1%2f", 1), lambda p: p.replace("/v1/", "/%2e/v1/", 1),
    lambda p: p.replace("/v1/", "/%2e%2e/v1/", 1), lambda p: p.replace("/v1/", "/v1%252f", 1), lambda p: p.upper(),
    lambda p: p.replace("/v1/", "/V1/", 1), lambda p: "/v1" + p, lambda p: "/api" + p, lambda p: "/openai" + p, lambda p: p.replace("/v1/", "/v1\\", 1),
    lambda p: p + "#x", lambda p: "/health#" + p, lambda p: "/health" + p, lambda p: "/admin/v1/alive/.." + p.removeprefix("/admin/v1"),
    lambda p: "/admin/v1/alive/../" + p.rsplit("/", 1)[1], lambda p: "/admin/v1/alive%2f.." + p, lambda p: "/admin/v1/alive;" + p,
    lambda p: "/admin/v1/alive?" + p, lambda p: "/admin/v1/alive%3f" + p, lambda p: "http://x" + p, lambda p: "http://localhost" + p,
    lambda p: "http://x/admin/v1/alive@" + p, lambda p: "http://x@localhost" + p, lambda p: "*", lambda p: p.replace("admin", "\u0430dmin"),
]
HOST_TRICKS = ["localhost", "127.0.0.1", "localhost/#@x", "localhost#@x", "x/admin/v1/alive?", "x/admin/v1/alive#", "localhost:8081", "admin.sock",
               "x@localhost", "[::1]", "localhost.", "", "x, localhost", "x\tlocalhost"]
HEADER_TRICKS = ["X-Original-URL: /admin/v1/alive", "X-Rewrite-URL: /admin/v1/alive", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: localhost",
                 "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /admin/v1/alive", "X-Forwarded-User: admin", "Forwarded: for=127.0.0.1;host=localhost",
                 "X-Real-IP: 127.0.0.1", "X-HTTP-Method-Override: GET", "X-Method-Override: GET", "X-Remote-User: root", "Remote-User: root",
                 "X-Admin: true", "X-Scope: all", "Cookie: token=all", "X-Api-Key: {all}", "Api-Key: {all}", "X-Goog-Api-Key: {all}",
                 "Proxy-Authorization: {bearer}", "X-Authorization: {bearer}", "X-Original-Host: localhost", "True-Client-IP: 127.0.0.1"]


def test_matrix_tricks_with_path_host_and_headers_open_nothing():
    """Whoever may not, may not by any trick; and what is no path of ours is none for anybody."""
    secret = tokens["all"].split()[1]
    everybody = roles()
    outsiders = ("nobody", "bad token", "client key", "revoked")
    listed = [each for each in routes() if each["listener"] == "admin" and each["access"] != "public"]
    asked = 0
    for each in listed:
        path = real_path(each["path"])
        body = body_for(each["method"], each["path"])
        for number, trick in enumerate(PATH_TRICKS):
            target = trick(path)
            if " " in target or target == path:
                continue
            try:
                target.encode("latin-1")
            except UnicodeEncodeError:
                target = target.encode().decode("latin-1")
            for role in outsiders:
                reply = send_raw(gateway.admin_port, each["method"], target, everybody[role], body=body)
                public = target.split("?")[0] == "/admin/v1/alive" and each["method"] == "GET"
                check(public or not 200 <= reply.status < 300, f"{each['method']} {target} as {role}: {reply}")
                asked += 1
            # With every right it is still no such path, but for the absolute form of its own host.
            if not target.startswith("http://x/") and "?" not in target and each["method"] == "GET":
                reply = send_raw(gateway.admin_port, "GET", target, everybody["all"])
                check(not 200 <= reply.status < 300, f"trick {number}: GET {target} as all: {reply}")
            # On the other port there is nothing of it at all.
            reply = send_raw(gateway.port, each["method"], target, everybody["client key"], body=body)
            alive = target.split("?")[0] in ("/health", "/")
            check(alive or not 200 <= reply.status < 300, f"clients' port: {target}: {reply}")
        for host in HOST_TRICKS:
            for role in outsiders[:3]:
                reply = send_raw(gateway.admin_port, each["method"], path, everybody[role], host=host, body=body)
                check(not 200 <= reply.status < 300, f"Host: {host!r} as {role}: {reply}")
                asked += 1
        for line in HEADER_TRICKS:
            line = line.format(all=secret, bearer=tokens["all"])
            for role in outsiders[:3]:
                reply = send_raw(gateway.admin_port, each["method"], path, everybody[role], headers=[line], body=body)
                check(not 200 <= reply.status < 300, f"{line} as {role}: {reply}")
                asked += 1
    # Tricks take nothing away either: the address and the Host of the reader are all the same.
    for host in ("localhost", "evil.example", "127.0.0.1:1", "[::1]"):
        same(send_raw(gateway.admin_port, "GET", "/admin/v1/status", everybody["read"], host=host).status, 200, host)
    for line in HEADER_TRICKS[:16]:
        reply = send_raw(gateway.admin_port, "GET", "/admin/v1/models", everybody["read"], headers=[line])
        same((reply.status, "data" in reply.json()), (200, True), line)
    for double in ([f"Authorization: {tokens['read']}"], [f"Authorization: {tokens['all']}"]):
        same(send_raw(gateway.admin_port, "GET", "/admin/v1/status", everybody["all"], headers=double).status, 401, "two of them")
    check(asked > 3000, asked)


def test_a_route_without_a_class_does_not_compile():
    """The table as it is, and with one row that says nothing of who may."""
    source = pathlib.Path(__file__).resolve().parents[2] / "src"
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if not compiler or not (source / "admin/routes.def").exists():
        return
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "admin").mkdir()
        shutil.copy(source / "admin/route.c", work / "admin/route.c")
        table = (source / "admin/routes.def").read_text()

        def compiles(text):
            (work / "admin/routes.def").write_text(text)
            return subprocess.run([compiler, "-std=gnu17", "-D_GNU_SOURCE", f"-I{work}", f"-I{source}", "-fsyntax-only",
                                   str(work / "admin/route.c")], capture_output=True).returncode == 0
        check(compiles(table), "the table as it is")
        row = re.search(r'ROUTE\(status, .*?READ,', table)[0]
        for nothing in ("", "0", "NONE"):
            check(not compiles(table.replace(row, row.replace("READ,", nothing + ","))), f"a row with {nothing!r}")
        check(not compiles(table.replace(row, row.replace("READ,", ""))), "a row without the column")


# --- the audit log -----------------------------------------------------------------------------------

def copy_data():
    """The data directory as it is on disk, for somebody to tamper with."""
    copy = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-")) / "data"
    copy.mkdir(mode=0o700)
    shutil.copy2(gateway.data / "pepper", copy)
    with sqlite3.connect(gateway.data / "ledger.db", timeout=5) as link, sqlite3.connect(copy / "ledger.db") as to:
        link.backup(to)
    return copy


def verify(data, *more):
    return cli("audit", "verify", "--data", str(data), *more, home=data.parent)


def test_every_change_is_written_down():
    first = len(audit())
    made = ask("POST", "/tokens", body={"name": "w", "scopes": ["read"]}).json()
    ask("DELETE", f"/tokens/{made['id']}")
    ask("POST", "/config/reload", "config")
    ask("GET", "/audit/export", "read")
    ask("POST", "/tokens", body={"name": "", "scopes": ["read"]})      # refused: no entry
    ask("POST", "/tokens", "read", body={"name": "x", "scopes": ["read"]})
    got = audit()[first:]
    same([each["action"] for each in got],
         ["tokens_create", "tokens_revoke", "config_in_force", "config_reload", "audit_export"], got)
    same(got[0]["target"], made["id"], got[0])
    same(got[0]["who"], f"token {ids['all']} all", got[0])
    same(got[1]["before"]["revoked"], None, got[1])
    check(got[1]["after"]["revoked"], got[1])
    check(made["token"] not in json.dumps(got), "a secret in the audit log")
    lines = [json.loads(line) for line in bytes(ask("GET", "/audit/export?since=1h").body).splitlines()]
    check([each["seq"] for each in lines if "seq" in each][:3] == [1, 2, 3], lines[:3])


def test_hashes_of_an_export_can_be_checked_by_anybody():
    import hashlib
    before = bytes(32)
    for line in bytes(ask("GET", "/audit/export").body).split(b"\n"):
        if not line.startswith(b'{"seq"'):
            continue
        text, rest = re.fullmatch(rb'(.*),"hash":"(\w{64})","mac":"\w{64}"}', line).groups()
        before = hashlib.sha256(before + text + b"}").digest()
        same(before.hex(), rest.decode(), line[:80])


def test_tampering_is_found():
    copy = copy_data()
    code, out, err = verify(copy)
    check(code == 0 and "whole" in out, out, err)
    head = re.search(r"head (\S+)", out)[1]
    same(verify(copy, "--expect", head)[0], 0, "the noted head")
    entries = int(out.split()[0])
    check(entries > 10, out)
    pristine = (copy / "ledger.db").read_bytes()

    def broken(*sql):
        (copy / "ledger.db").write_bytes(pristine)
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (copy / name).unlink(missing_ok=True)
        for each in sql:
            change(each, copy)
        code, out, err = verify(copy)
        check(code == 1 and "not whole" in err, f"{sql}: exit {code}: {out} {err}")

    for seq in range(1, entries + 1):
        broken(f"UPDATE audit SET target = 'ffffffffffff' WHERE seq = {seq}")
        broken(f"DELETE FROM audit WHERE seq = {seq}")
        broken(f"DELETE FROM audit WHERE seq >= {seq}")
        if seq < entries:
            broken(f"UPDATE audit SET seq = -1 WHERE seq = {seq}", f"UPDATE audit SET seq = {seq} WHERE seq = {seq + 1}",
                   f"UPDATE audit SET seq = {seq + 1} WHERE seq = -1")
    broken("DELETE FROM audit", "DELETE FROM audit_head")
    # A rollback of the whole database is found by a head that was noted elsewhere.
    (copy / "ledger.db").write_bytes(pristine)
    (copy / "ledger.db-wal").unlink(missing_ok=True)
    code, _, err = verify(copy, "--expect", f"{entries + 1}:{'0' * 64}")
    check(code == 1 and "noted head" in err, err)
    shutil.rmtree(copy.parent)


def test_kill_between_change_and_entry():
    """Whenever it dies, what was changed and what was written down agree."""
    victim = Gateway(BODY)
    serving(victim)
    try:
        for round in range(12 if NIGHT else 5):
            made = []

            def work():
                while True:
                    try:
                        status, answer = over_socket(victim, "POST", "/tokens", {"name": f"r{round}", "scopes": ["read"]})
                    except (OSError, http.client.HTTPException, ValueError):
                        return
                    if status == 201:
                        made.append(answer["id"])

            threads = [threading.Thread(target=work) for _ in range(3)]
            for each in threads:
                each.start()
            until(lambda: len(made) >= 2 + round, "some tokens to be made", 20)
            victim.kill()
            for each in threads:
                each.join()
            with sqlite3.connect(victim.data / "ledger.db", timeout=5) as link:
                there = {f"{row[0]:012x}" for row in link.execute("SELECT id FROM admin_token")}
                written = {row[0] for row in link.execute("SELECT target FROM audit WHERE action = 'tokens_create'")}
            same(there, written, "tokens and entries")
            check(set(made) <= there, "an answer without its token")
            victim.start()
            serving(victim)
            status, verdict = over_socket(victim, "GET", "/audit/verify")
            check(verdict["ok"], verdict)
    finally:
        victim.remove()
