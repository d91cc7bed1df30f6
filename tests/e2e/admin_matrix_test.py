"""The admin API: who may what, by which method, by what trick?

The idea: the program says itself which routes it has (`sluice admin routes`), and the matrix below
asks every one of them, of clients and of administrators, as everybody, by every method, through every
trick with path and Host that has opened some gateway's door. What may answer 2xx is written here by
hand (GOLDEN), so a route that is added without a thought fails the suite.
"""

import os
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile

import admin_world
from admin_world import SCOPES, ids, over_socket, real_path, routes, stored, tokens
from harness import check, same
from raw import Raw

gateway = None


def setup():
    global gateway
    gateway = admin_world.setup()


# --- the matrix --------------------------------------------------------------------------------------

# What may answer 2xx: (listener, method, path) -> roles. Written by hand, not made from the table.
READERS = {"read", "keys", "config", "all"}
EVERYBODY = {"nobody", "bad key", "client key", "other client", "bad token", "revoked", "expired", *READERS}
GOLDEN = {
    ("admin", "GET", "/admin/v1/alive"): EVERYBODY,
    ("admin", "GET", "/admin/v1/status"): READERS,
    ("admin", "GET", "/metrics"): READERS,
    ("admin", "GET", "/admin/v1/openapi.json"): READERS,
    ("admin", "GET", "/metrics"): READERS,
    ("admin", "GET", "/admin/v1/config"): READERS,
    ("admin", "POST", "/admin/v1/config/reload"): {"config", "all"},
    ("admin", "GET", "/admin/v1/providers"): READERS,
    ("admin", "GET", "/admin/v1/models"): READERS,
    ("admin", "GET", "/admin/v1/explain"): READERS,
    **{("admin", method, f"/admin/v1/{kind}{more}"): READERS if method == "GET" else {"keys", "all"}
       for kind in ("organisations", "teams", "keys", "users")
       for method, more in (("GET", ""), ("POST", ""), ("GET", "/{id}"), ("PATCH", "/{id}"), ("DELETE", "/{id}"))},
    ("admin", "POST", "/admin/v1/keys/{id}/rotate"): {"keys", "all"},
    ("admin", "GET", "/admin/v1/exchanges"): READERS,
    ("admin", "GET", "/admin/v1/exchanges/{id}"): READERS,
    ("admin", "GET", "/admin/v1/provider-keys"): READERS,
    ("admin", "POST", "/admin/v1/provider-keys"): {"all"},
    ("admin", "DELETE", "/admin/v1/provider-keys"): {"all"},
    ("admin", "GET", "/admin/v1/provider-keys/{id}"): READERS,
    ("admin", "DELETE", "/admin/v1/provider-keys/{id}"): {"all"},
    ("admin", "GET", "/admin/v1/secrets"): READERS,
    ("admin", "POST", "/admin/v1/secrets/rotate"): {"all"},
    ("admin", "GET", "/admin/v1/bodies"): {"all"},
    ("admin", "GET", "/admin/v1/exchanges/{id}/body"): {"all"},
    ("admin", "GET", "/admin/v1/trials"): READERS,
    ("admin", "GET", "/admin/v1/trials/{id}"): READERS,
    ("admin", "GET", "/admin/v1/trials/{id}/report"): READERS,
    ("admin", "POST", "/admin/v1/trials/{id}/stop"): {"config", "all"},
    ("admin", "POST", "/admin/v1/forget"): {"all"},
    ("admin", "GET", "/admin/v1/cost"): READERS,
    ("admin", "GET", "/admin/v1/cost/reprice"): READERS,
    ("admin", "POST", "/admin/v1/cost/reprice"): {"all"},
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


BODIES = {
    "/admin/v1/tokens": b'{"name":"matrix","scopes":["read"]}',
    "/admin/v1/provider-keys": b'{"provider":"matrix","key":"sk-matrix-0123456789"}',
    "/admin/v1/secrets/rotate": b'{"forget_old":true}',
    "/admin/v1/forget": b'{"user":"nobody of the matrix"}',
}
QUERIES = {
    ("GET", "/admin/v1/explain"): "?model=fast", ("HEAD", "/admin/v1/explain"): "?model=fast",
    ("DELETE", "/admin/v1/provider-keys"): "?provider=matrix",
}


def victim_of(path):
    """What a DELETE of that route is done to: made for it, because it is gone then."""
    kind = path.split("/")[3]
    if kind == "provider-keys":
        return stored(gateway)
    body = {"name": secrets.token_hex(8), **({"scopes": ["read"]} if kind == "tokens" else {}),
            **({"parent": ids["keys"]} if kind == "users" else {})}
    return over_socket(gateway, "POST", f"/{kind}", body)[1]["id"]


def body_for(method, path):
    if method not in ("POST", "PUT", "PATCH"):
        return None
    if path in BODIES:
        return BODIES[path]
    if method == "PATCH" or path.endswith("/rotate"):
        return b"{}"
    if re.fullmatch("/admin/v1/(organisations|teams|keys|users)", path):
        parent = f',"parent":"{ids["keys"]}"' if path.endswith("users") else ""
        return f'{{"name":"{secrets.token_hex(8)}"{parent}}}'.encode()
    return None if path.startswith("/admin/") else b'{"model":"fast","messages":[{"role":"user","content":"x"}]}'


def is_there(path):
    """Is what a DELETE was done to still there, and good?"""
    status, found = over_socket(gateway, "GET", path.removeprefix("/admin/v1"))
    return status == 200 and not found.get("revoked")


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
                deletes = method == "DELETE" and ("admin", "DELETE", each["path"]) in GOLDEN
                path = each["path"].replace("{id}", victim_of(each["path"])) if deletes else real_path(each["path"])
                path += QUERIES.get((method, each["path"]), "")
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
                elif admin and method != "OPTIONS" and (deletes or "{id}" not in each["path"]):
                    check(good, where)
                if deletes and "{id}" in each["path"]:
                    check(is_there(path) == (not good), f"what is left after {where}")
    check(asked > 3000, asked)


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


