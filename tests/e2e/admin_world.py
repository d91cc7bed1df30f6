"""A gateway with administrators, for the suites of the admin API: tokens of every kind, and how to ask."""

import http.client
import json
import re
import socket
import sqlite3

from harness import Gateway, check, cli, same
from raw import Raw, request, until

BASE = "/admin/v1"
BODY = ("providers: { mock: {} }\n"
        "routes:\n  fast: { targets: [mock/echo] }\n  slow: { targets: [mock/echo] }\n"
        "trials:\n  matrix: { route: slow, candidate: fast, share: 50% }\n"
        "log: { bodies: all }\n")
SCOPES = ("read", "keys", "config", "all")

gateway = None
tokens = {}                             # role -> Authorization, or None
ids = {"victim": "0123456789ab"}        # role -> id of the token; kind -> id of its node


def setup():
    """Gives the gateway; it is the one that ask() asks when it is told no other."""
    global gateway
    gateway = Gateway(BODY)
    serving(gateway)
    for role in SCOPES:
        tokens[role] = token(role, role)
    for role in ("revoked", "expired"):
        tokens[role] = token(role, "all")
    same(ask("GET", "/status", "revoked").status, 200, "a token that is not revoked yet")
    code, _, err = gateway.cli("tokens", "revoke", ids["revoked"])
    check(code == 0, err)
    change(f"UPDATE admin_token SET expires = 1 WHERE id = {int(ids['expired'], 16)}")
    ids["keys"] = json.loads(gateway.cli("keys", "create", "matrix", "--json")[1])["id"]
    for kind, body in (("organisations", {}), ("teams", {}), ("users", {"parent": ids["keys"]})):
        ids[kind] = over_socket(gateway, "POST", f"/{kind}", {"name": "matrix", **body})[1]["id"]
    ids["stored"] = stored(gateway)
    introduce()
    return gateway


def introduce():
    """From now on the process knows the good tokens, whoever guesses beside them."""
    for role in SCOPES:
        same(ask("GET", "/status", role).status, 200, role)


def stored(g, provider="matrix", key="sk-matrix-0123456789"):
    """A key in the store; gives its id."""
    return over_socket(g, "POST", "/provider-keys", {"provider": provider, "key": key})[1]["id"]


def token(name, scopes, *more):
    code, out, err = gateway.cli("tokens", "create", "--name", name, "--scope", scopes, "--json", *more)
    check(code == 0, out, err)
    made = json.loads(out)
    ids[f"{name} token" if name == "keys" else name] = made["id"]
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


def first_token(g):
    return until(lambda: re.search(r"sl-admin-[0-9a-f]{12}-[\w-]{43}", g.stderr()), "the first token")[0]


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


def fits(document, schema, value, where):
    """Is the value as the schema says? A small part of JSON Schema, the one we use."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return value is None or fits(document, schema["anyOf"][0], value, where)
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    real = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
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


def routes():
    code, out, err = cli("admin", "routes", "--json")
    check(code == 0, err)
    return json.loads(out)


def real_path(path):
    for kind in ("organisations", "teams", "keys", "users"):
        path = path.replace(f"/{kind}/{{id}}", f"/{kind}/{ids[kind]}")
    path = path.replace("/trials/{id}", "/trials/matrix")
    path = path.replace("/exchanges/{id}", f"/exchanges/{'0' * 16}").replace("/provider-keys/{id}", f"/provider-keys/{ids['stored']}")
    return path.replace("{id}", ids["victim"])
