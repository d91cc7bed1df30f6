"""The store of provider keys over REST, and by the commands that use it: never a key comes back, every
change has its entry, and what was stored is in force with the answer."""

import json
import os

import admin_world
from admin_world import ask, over_socket, problem, serving
from fake_provider import Fake
from harness import Gateway, check, openai_error, same

OLD, NEW = "sk-store-OLD-0123456789", "sk-store-NEW-0123456789"
KEYS = "/provider-keys"

gateway, site = None, None


def setup():
    global gateway, site
    admin_world.setup()                     # for its tokens' form; the store is of another one
    site = Fake().site("p")
    gateway = Gateway(f'providers:\n  p: {{ format: openai-chat, url: "{site.url}", key: store }}\n')
    serving(gateway)
    admin_world.tokens["root"] = "Bearer " + admin_world.first_token(gateway)


def root(method, path, body=None, headers=()):
    return ask(method, path, "root", body, headers, g=gateway)


def entries(action):
    status, got = over_socket(gateway, "GET", "/audit?limit=1000")
    same(status, 200, got)
    return [each for each in got["data"][::-1] if each["action"] == action]


def used():
    return site.requests[-1].header("authorization")


def clear():
    root("DELETE", f"{KEYS}?provider=p")


def test_a_key_is_stored_used_and_removed():
    clear()
    made = root("POST", KEYS, {"provider": "p", "key": OLD})
    same(made.status, 201, made)
    same((made.json()["provider"], made.json()["version"], made.json()["in_force"]), ("p", 1, True), made)
    same(gateway.post(gateway.chat("p/m")).status, 200, "at once")
    same(used(), f"Bearer {OLD}", "the key that was sent")
    second = root("POST", KEYS, {"provider": "p", "key": NEW, "replace": True}).json()
    same(second["version"], 2, second)
    same(gateway.post(gateway.chat("p/m")).status, 200, "the second")
    same(used(), f"Bearer {NEW}", "the key that was sent")
    listed = root("GET", f"{KEYS}?provider=p").json()
    same([each["id"] for each in listed["data"]], [second["id"]], listed)
    one = root("GET", f"{KEYS}/{second['id']}")
    same((one.status, one.json()), (200, listed["data"][0]), "one of them")
    check(one.header("etag"), one.headers)
    problem(root("DELETE", f"{KEYS}/{second['id']}?provider=other"), 404, "not_found")
    gone = root("DELETE", f"{KEYS}/{second['id']}").json()
    same((gone["count"], gone["in_force"]), (1, True), gone)
    openai_error(gateway.post(gateway.chat("p/m")), (404, 502, 503))
    problem(root("DELETE", f"{KEYS}/{second['id']}"), 404, "not_found")
    problem(root("GET", f"{KEYS}/{second['id']}"), 404, "not_found")
    # Written down, and never a key.
    created, removed = entries("provider_keys_create"), entries("provider_keys_remove")
    same(created[-1]["target"], second["id"], created)
    same((removed[-1]["target"], removed[-1]["before"]), (second["id"], {"ids": [second["id"]], "provider": "p"}), removed)
    told = [made, one, root("GET", KEYS), root("GET", "/audit?limit=1000"), root("GET", "/config")]
    for secret in (OLD, NEW):
        check(not any(secret[-8:].encode() in bytes(each.body) for each in told), "a key in an answer")
        check(secret not in gateway.stderr(), "a key in the log")
    same(over_socket(gateway, "GET", "/audit/verify")[1]["ok"], True, "the log")


def test_what_cannot_be_stored_is_refused_and_not_written_down():
    before = len(entries("provider_keys_create"))
    for body, kind in (({"provider": "p"}, "missing_member"), ({"provider": "p", "key": ""}, "invalid_member"),
                       ({"provider": "p", "key": "a b"}, "invalid_member"), ({"provider": "p/q", "key": OLD}, "invalid_member"),
                       ({"provider": "p", "key": "k" * 9000}, "invalid_member"),
                       ({"provider": "p", "key": OLD, "url": "ftp://x"}, "invalid_member"),
                       ({"provider": "p", "key": OLD, "url": "http://x/" + "y" * 3000, "format": "openai-chat"}, "invalid_member"),
                       ({"provider": "p", "key": OLD, "format": "morse"}, "invalid_member"),
                       ({"provider": "p", "key": OLD, "what": 1}, "unknown_member")):
        problem(root("POST", KEYS, body), 400, kind)
    problem(root("DELETE", KEYS), 400, "missing_parameter", "provider")
    problem(root("DELETE", f"{KEYS}?provider=nobody"), 404, "not_found")
    problem(root("DELETE", f"{KEYS}/zz"), 404, "not_found")
    same(len(entries("provider_keys_create")), before, "entries")
    master = gateway.data / "master.key"
    root("POST", KEYS, {"provider": "p", "key": OLD})
    good = master.read_bytes()
    master.write_bytes(b"0123456789abcdef0123456789abcdef")
    stored = (gateway.data / "secrets").read_bytes()
    for method, path, body in (("POST", KEYS, {"provider": "p", "key": NEW}), ("GET", KEYS, None), ("DELETE", f"{KEYS}?provider=p", None),
                               ("POST", "/secrets/rotate", {})):
        problem(root(method, path, body), 503, "store_unavailable")
    same((gateway.data / "secrets").read_bytes(), stored, "the store")
    master.write_bytes(good)
    same(root("GET", KEYS).status, 200, "as it was")


def test_pages_of_the_store():
    clear()
    made = {root("POST", KEYS, {"provider": "p", "key": f"{OLD}{n}"}).json()["id"] for n in range(7)}
    seen, cursor = [], ""
    while cursor is not None:
        page = root("GET", f"{KEYS}?limit=3" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next"]
        if len(seen) == 3:                  # what goes meanwhile takes nothing else with it
            root("DELETE", f"{KEYS}/{seen[-1]}")
    same(len(seen), 7, seen)
    same(set(seen), made, "no row twice, none missing")
    same(root("GET", f"{KEYS}?provider=other").json(), {"data": [], "next": None}, "another provider's")
    problem(root("GET", f"{KEYS}?cursor=zz"), 400, "invalid_cursor")
    same(root("DELETE", f"{KEYS}?provider=p").json()["count"], 6, "all of them")
    same(entries("provider_keys_clear")[-1]["target"], "p", "the entry")


def test_done_once():
    clear()
    fields = [("Idempotency-Key", "one key")]
    first = root("POST", KEYS, {"provider": "p", "key": OLD}, fields)
    again = root("POST", KEYS, {"provider": "p", "key": OLD}, fields)
    same((again.status, again.json()["id"], again.header("idempotency-replayed")), (201, first.json()["id"], "true"), again)
    same(len(root("GET", KEYS).json()["data"]), 1, "keys")
    problem(root("POST", KEYS, {"provider": "p", "key": NEW}, fields), 422, "idempotency_key_reused")
    for path in gateway.data.rglob("*"):
        if path.is_file():
            check(OLD.encode() not in path.read_bytes(), path)


def test_the_store_is_sealed_anew():
    clear()
    root("POST", KEYS, {"provider": "p", "key": OLD})
    before = root("GET", "/secrets").json()
    same((before["rows"], before["current"]), (1, True), before)
    done = root("POST", "/secrets/rotate", {"forget_old": True}).json()
    same((done["rows"], done["keys"], done["in_force"]), (1, 1, True), done)
    check(done["master"] != before["master"], done)
    same(root("GET", "/secrets").json()["master"], done["master"], "what has sealed it")
    same(entries("secrets_rotate")[-1]["after"]["master"], done["master"], "the entry")
    same(gateway.post(gateway.chat("p/m")).status, 200, "it goes on")


def test_commands_are_written_down_with_and_without_a_gateway():
    clear()
    me = f"uid {os.getuid()}"

    def last(action):
        found = entries(action)[-1]
        return found["target"], found["who"], found["source"]

    for source in ("admin.sock", "command"):
        if source == "command":
            gateway.stop()
        code, out, err = gateway.cli("providers", "add", "p", "--json", stdin=OLD + "\n")
        same(code, 0, err)
        added = json.loads(out)
        same(added["in_force"], source == "admin.sock", added)
        code, out, err = gateway.cli("providers", "remove", "p", added["id"], "--json")
        same((code, json.loads(out)), (0, {"removed": 1}), err)
        code, _, err = gateway.cli("secrets", "rotate")
        same(code, 0, err)
        if source == "command":
            gateway.start()
            serving(gateway)
        same(last("provider_keys_create"), (added["id"], me, source), source)
        same(last("provider_keys_remove"), (added["id"], me, source), source)
        same(last("secrets_rotate")[1:], (me, source), source)
    same(over_socket(gateway, "GET", "/audit/verify")[1]["ok"], True, "the log")
    code, _, err = gateway.cli("providers", "remove", "p")
    check(code == 1 and "no provider key" in err, err)
