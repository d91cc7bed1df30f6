"""The audit log: is everything written down, and is what was tampered with found?"""

import http.client
import json
import pathlib
import re
import shutil
import sqlite3
import tempfile
import threading

import admin_world
from admin_world import BODY, ask, audit, change, ids, over_socket, serving
from harness import NIGHT, Gateway, check, cli, same
from raw import until

gateway = None


def setup():
    global gateway
    gateway = admin_world.setup()


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
    kinds = {each["policy"]["kind"] for each in lines if "policy" in each}
    check({"organisation", "token", "config"} <= kinds, kinds)
    check([each["seq"] for each in lines if "seq" in each][:3] == [1, 2, 3], lines[:3])


def test_a_reload_without_an_entry_is_called_one():
    change("CREATE TRIGGER full BEFORE INSERT ON audit WHEN new.action = 'config_reload' BEGIN SELECT RAISE(ABORT, 'full'); END", gateway.data)
    before = ask("GET", "/status").json()["generation"]
    reply = ask("POST", "/config/reload")
    change("DROP TRIGGER full", gateway.data)
    same((reply.status, reply.json()["error"]["type"]), (503, "ledger_unavailable"), reply)
    same(ask("GET", "/status").json()["generation"], before + 1, "it took place")
    check("the configuration was changed, but the entry" in reply.json()["error"]["message"], reply)


def test_hashes_of_an_export_can_be_checked_by_anybody():
    import hashlib
    before = bytes(32)
    for line in bytes(ask("GET", "/audit/export").body).split(b"\n"):
        if not line.startswith(b'{"seq"'):
            continue
        text, rest = re.fullmatch(rb'(.*),"hash":"(\w{64})","mac":"\w{64}"}', line).groups()
        before = hashlib.sha256(before + text + b"}").digest()
        same(before.hex(), rest.decode(), line[:80])


def test_an_export_is_as_long_as_it_is():
    """Beyond what an answer in one piece may have, with a gateway and without: every entry, node and token once."""
    large = Gateway(BODY)
    serving(large)
    large.key()
    large.stop()
    with sqlite3.connect(large.data / "ledger.db") as link:
        names = [each[1] for each in link.execute("PRAGMA table_info(tenant)")]
        row = dict(zip(names, link.execute("SELECT * FROM tenant WHERE kind = 2").fetchone()))
        wide = json.dumps({"x": "y" * 10000}, separators=(",", ":"))
        link.executemany(f"INSERT INTO tenant ({','.join(names)}) VALUES ({','.join('?' * len(names))})",
                         [[*{**row, "id": 1000 + n, "name": f"key {n}", "metadata": wide, "mac": n.to_bytes(32, "big")}.values()] for n in range(1300)])
        link.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
                     " INSERT INTO admin_token SELECT 5000 + i, 'many', 1, randomblob(16), randomblob(32), 1, 0, 0 FROM n")
    link.close()
    alone = large.cli("audit", "export")
    large.start()
    serving(large)
    beside = large.cli("audit", "export")
    for code, out, err in (alone, beside):
        same(code, 0, err)
        check(len(out) > 12 * 1024 * 1024, "longer than other answers may be", len(out))
        lines = [json.loads(line) for line in out.splitlines()]
        kinds = [each["policy"]["kind"] for each in lines if "policy" in each]
        same({kind: kinds.count(kind) for kind in ("organisation", "key", "token")}, {"organisation": 1, "key": 1301, "token": 1200 + 1}, "policies")
        same(len({each["policy"].get("id") for each in lines if "policy" in each and each["policy"]["kind"] != "config"}), 1301 + 1200 + 2, "each once")
        seqs = [each["seq"] for each in lines if "seq" in each]
        same(seqs, list(range(1, len(seqs) + 1)), "entries")
    check('"kind":"config"' in beside[1] and '"kind":"config"' not in alone[1], "the configuration is that of a running gateway")
    large.remove()


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
            until(lambda: len(made) >= 2 + round, "some tokens to be made", 60)
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
