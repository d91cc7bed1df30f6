"""Disks that are full, read-only, broken or wrong under a gateway that keeps a ledger.

Promised (G5, G6, G9): nothing is counted twice or lost, enforcement never ends in silence, the
gateway says what is wrong (exit code, log, /health), serves as long as its journal has room, and goes on by
itself when the disk does. Real file systems: a small tmpfs, and an ext4 in a file.
"""

import ctypes
import json
import os
import pathlib
import random
import resource
import shutil
import sqlite3
import subprocess
import threading

import answers
from fake_provider import Fake
from harness import CHAT, FEW, NIGHT, Died, Gateway, attempt_id, check, provider, route, same
from raw import SLOW, BadReply, Raw, request, until
from runner import Skip

DIME = 10 ** 8
FLIPS = 400 if NIGHT else 20 if FEW else 80
# With these a record takes a KiB and a half, so that a small journal is full soon.
FAT = [("User-Agent", "agent/1 " + "x" * 480), ("x-sluice-user", "u" * 120),
       ("x-sluice-tags", ",".join(f"tag{i}={'v' * 24}" for i in range(8)))]

fake = site = None


def setup():
    global fake, site
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(0x00020000) != 0:      # CLONE_NEWNS: nobody else sees them
        raise Skip("no private mounts here")
    libc.mount(None, b"/", None, 0x4000 | 0x40000, None)        # MS_REC | MS_PRIVATE
    fake = Fake()
    site = fake.site("a")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0, done.stderr


class Disk:
    """A file system for one gateway's data, which is made here and not started."""

    def __init__(self, more="", kind="tmpfs", size="24m"):
        self.gateway = Gateway(
            "providers:\n" + provider("a", site.url) + 'prices:\n  "a/*": { request: $0.10 }\n'
            + "routes:\n" + route("m", "a/x"), top="drain: 2s\nworkers: 1\n" + more, start=False)
        self.where = self.gateway.data
        self.where.mkdir(mode=0o700)
        self.image = None
        if kind == "ext4":
            self.image = self.gateway.dir / "image"
            with open(self.image, "wb") as file:
                file.truncate(64 << 20)
            ok, why = run("mkfs.ext4", "-q", "-b", "4096", str(self.image))
            if not ok:
                raise Skip(f"no ext4 can be made here: {why}")
        self.size = size
        self.mount()

    def mount(self):
        what = ("-o", "loop", str(self.image)) if self.image else ("-t", "tmpfs", "-o", f"size={self.size}", "tmpfs")
        ok, why = run("mount", *what, str(self.where))
        if not ok:
            raise Skip(f"nothing can be mounted here: {why}")
        os.chmod(self.where, 0o700)

    def again(self, how):
        ok, why = run("mount", "-o", f"remount,{how}", str(self.where))
        check(ok, f"remount,{how}:", why)

    def fill(self):
        with open(self.where / "filler", "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                pass

    def empty(self):
        (self.where / "filler").unlink()

    def umount(self):
        ok, why = run("umount", str(self.where))
        check(ok, "umount:", why)

    def remove(self):
        self.gateway.stop()
        run("umount", "-l", str(self.where))
        self.gateway.remove()


def refuses_to_start(gateway, *words, may_start=False):
    """Exit 1, and a line that says why."""
    before = len(gateway.stderr())
    try:
        gateway.start()
        health(gateway)                        # it listens before it knows
    except (Died, OSError, BadReply):
        until(lambda: not gateway.alive(), "it to end", 10)
    if gateway.alive():
        check(may_start, "it started")
        gateway.stop()
        return
    gateway.expected_to_live = False
    same(gateway.process.returncode, 1, "exit code")
    said = gateway.stderr()[before:]
    check(all(word in said for word in words), f"wanted {words} in what it said:", said)
    gateway.process = None


def ask(gateway, key="plain", **more):
    return gateway.post(gateway.chat("m"), headers=FAT, key=key, **more)


def health(gateway):
    reply = gateway.get("/health", key=None)
    return reply.status, reply.json()


class Load:
    """Clients that ask until one is refused, or somebody stops them."""

    def __init__(self, gateway, key, clients=4, most=10 ** 9):
        self.gateway, self.key, self.most = gateway, key, most
        self.gateway.key(key)
        self.statuses, self.refused = [], []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]
        for each in self.threads:
            each.start()

    def run(self):
        data = request("POST", CHAT, [self.gateway.bearer(self.key), ("Content-Type", "application/json"), *FAT],
                       json.dumps(self.gateway.chat("m")).encode())
        try:
            with Raw(self.gateway.port) as raw:
                while not self.stop.is_set() and len(self.statuses) < self.most:
                    if not raw.send(data):
                        return
                    reply = raw.reply()
                    self.statuses.append(reply.status)
                    if reply.status != 200:
                        self.refused.append(reply)
                        self.stop.set()
        except (OSError, BadReply):
            return                                              # it was killed

    def join(self):
        for each in self.threads:
            each.join(100 * SLOW)


def is_refusal(reply):
    same(reply.status, 503, "status of a refusal")
    same(reply.json()["error"]["code"], "ledger_unavailable", "error.code")


def nano(dollars):
    whole, _, part = dollars.lstrip("$").partition(".")
    return int(whole) * 10 ** 9 + int(part.ljust(9, "0"))


def spent_of(gateway, key):
    """What the running gateway's board has for the key's day, in nano-dollars."""
    code, out, err = gateway.cli("keys", "show", gateway.key_ids[key], "--json")
    check(code == 0, "keys show:", err)
    known = json.loads(out).get("usage")       # a gateway that begins does not say it yet
    return known and nano(known["budget"]["day"]["spent"])


def limited(gateway, name):
    gateway.key(name)
    code, _, err = gateway.cli("keys", "limit", gateway.key_ids[name], "--budget", "100000/day")
    check(code == 0, "keys limit:", err)


def is_whole(gateway, key="capped"):
    """Every attempt the provider saw has its row, once; reports and budgets have its money."""
    wanted = {attempt_id(each) for each in fake.bill}

    def applied():
        rows = gateway.rows("number > 0")
        return not [row for row in rows if row["state"] == "open"] and wanted <= {row["id"] for row in rows}
    until(applied, "the journal to be applied", 20)
    rows = gateway.rows("number > 0")
    same(len({row["id"] for row in rows}), len(rows), "rows that came twice")
    for row in rows:
        # A kill may come between the record of an attempt and its first byte.
        check(row["id"] in wanted or row["state"] == "unknown", "nobody was asked for", row)
        check(row["state"] == "unknown" or row["cost_nano"] == DIME, "the cost of", row)
    verified(gateway)
    code, out, err = gateway.cli("cost", "--since", "2d", "--json")
    check(code == 0, "cost:", err)
    same(json.loads(out)["total"]["cost_nano"], sum(row["cost_nano"] or 0 for row in rows), "what reports add up")
    charged = gateway.rows(f"key = {int(gateway.key_ids[key], 16)}")
    until(lambda: spent_of(gateway, key) is not None, "the gateway to be there", 10)
    same(spent_of(gateway, key), sum(row["charged_nano"] for row in charged), "spent, as the board has it")


def verified(gateway):
    code, _, err = gateway.cli("cost", "--verify")
    check(code == 0, "the sums are not those of the rows:", err)
    db = sqlite3.connect(f"file:{gateway.data}/ledger.db?mode=ro", uri=True)
    same(db.execute("PRAGMA integrity_check").fetchone()[0], "ok", "integrity_check")
    db.close()


def begin(disk):
    """A key with a budget and one without; a few rows of each in the ledger."""
    fake.bill.clear()
    gateway = disk.gateway.start()
    limited(gateway, "capped")
    for key in ("plain", "capped"):
        for _ in range(5):
            same(ask(gateway, key).status, 200, "an answer")
    is_whole(gateway)
    same(health(gateway), (200, {"status": "ok"}), "/health of a well gateway")
    return gateway


def unrecorded(gateway):
    return {attempt_id(each) for each in fake.bill} - {row["id"] for row in gateway.rows()}


# --- full -----------------------------------------------------------------------------------------------

def test_full_disk():
    """Answers go on while the journal has room; then they are refused, and say why."""
    disk = Disk()
    gateway = begin(disk)
    disk.fill()
    load = Load(gateway, "capped")
    until(lambda: "the ledger cannot be written" in gateway.stderr() or load.refused, "the log to say so", 60)
    load.join()
    check(len(load.statuses) > 500, len(load.statuses), "answers from the journal alone")
    is_refusal(load.refused[0])
    asked = len(fake.bill)
    is_refusal(ask(gateway, "plain"))
    same(len(fake.bill), asked, "what is refused reaches no provider")
    status, said = health(gateway)
    same((status, said["status"]), (503, "ledger_unavailable"), "/health without room")
    check("full" in said["ledger"], "why:", said)
    log = gateway.stderr()
    check("the ledger cannot be written" in log and "full" in log, "the log:", log[-1500:])
    check("there is no room for more journal" in log, "the log:", log[-1500:])
    same(gateway.cli("cost", "--verify")[0], 0, "reports go on")
    disk.empty()
    until(lambda: ask(gateway, "plain").status == 200, "the next answer", 20)
    until(lambda: health(gateway) == (200, {"status": "ok"}), "/health to be well", 20)
    check("the ledger is written again" in gateway.stderr(), "the log:", gateway.stderr()[-1500:])
    is_whole(gateway)
    # What found no room is told of: the refused ones had a row to come, too.
    until(lambda: gateway.rows("operation = 'gap'"), "a gap row", 10)
    verified(gateway)
    disk.remove()


def test_full_disk_best_effort():
    """Who has no budget is served without a record; who has one is not."""
    disk = Disk("ledger: best-effort\n")
    gateway = begin(disk)
    disk.fill()
    load = Load(gateway, "capped")
    load.join()
    is_refusal(load.refused[0])
    before = dict(fake.bill)
    for _ in range(3):
        same(ask(gateway, "plain").status, 200, "an answer without a record")
    same(len(fake.bill), len(before) + 3, "they reach the provider")
    is_refusal(ask(gateway, "capped"))
    same(health(gateway)[0], 200, "/health while it serves")
    same(health(gateway)[1]["status"], "degraded", "/health")
    disk.empty()
    until(lambda: health(gateway) == (200, {"status": "ok"}), "/health to be well", 20)
    until(lambda: gateway.rows("operation = 'gap'"), "a gap row", 10)
    gaps = gateway.rows("operation = 'gap'")
    check(all(int(row["detail"].split()[0]) > 0 for row in gaps), gaps)
    # The first turn that goes well has not seen what came while it ran.
    until(lambda: len(unrecorded(gateway)) <= 3, "all but those three to have a row", 10)
    lost = unrecorded(gateway)
    for each in [each for each in fake.bill if attempt_id(each) in lost]:
        del fake.bill[each]
    is_whole(gateway)
    disk.remove()


def test_killed_on_a_full_disk():
    """kill -9 while records wait for the disk: the next start takes them, as soon as it can."""
    disk = Disk()
    gateway = begin(disk)
    pick = random.Random(3)
    for number in range(2 if FEW else 10 if NIGHT else 4):
        disk.fill()
        load = Load(gateway, "capped", most=pick.randrange(200, 2500))
        until(lambda: len(load.statuses) >= load.most - 50 or load.refused, "load", 60)
        gateway.kill()
        load.stop.set()
        load.join()
        if "cannot be written" not in gateway.stderr():
            raise AssertionError("the disk was never full")
        # Now and then what waits finds a place in files that are there already.
        refuses_to_start(gateway, str(gateway.data), "full", may_start=True)
        disk.empty()
        gateway.start()
        is_whole(gateway)
    disk.remove()


test_full_disk.seconds = test_full_disk_best_effort.seconds = test_killed_on_a_full_disk.seconds = 240


# --- read-only ------------------------------------------------------------------------------------------

def test_read_only_at_the_start():
    disk = Disk()
    gateway = begin(disk)
    gateway.stop()
    disk.again("ro")
    refuses_to_start(gateway, str(gateway.data), "ead-only")
    code, out, err = gateway.cli("cost", "--since", "1d", "--json")
    same((code, err), (0, ""), "reports are read all the same")
    same(json.loads(out)["total"]["cost_nano"], 10 * DIME, "their total")
    disk.again("rw")
    gateway.start()
    same(ask(gateway).status, 200, "an answer")
    is_whole(gateway)
    disk.remove()


def test_read_only_while_it_runs():
    """What the kernel does to a disk with errors. No record can be kept then, so nobody is served."""
    disk = Disk(kind="ext4")
    gateway = begin(disk)
    run("sync", "-f", str(disk.where))         # from here on the kernel is asked before a page changes
    disk.again("abort")
    load = Load(gateway, "capped")
    load.join()
    check(gateway.alive(), "it died:", gateway.stderr()[-1500:])
    is_refusal(load.refused[0])
    same(health(gateway)[0], 503, "/health")
    check("cannot be written" in gateway.stderr() or "no room" in gateway.stderr(), gateway.stderr()[-1500:])
    gateway.stop()
    disk.umount()
    disk.mount()
    gateway.start()
    same(ask(gateway).status, 200, "an answer after a repair")
    verified(gateway)
    disk.remove()


# --- damaged --------------------------------------------------------------------------------------------

def pages_of(file, *names):
    """Numbers of the pages of these tables and indexes."""
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        marks = ",".join("?" * len(names))
        return [row[0] for row in db.execute(
            f"SELECT pageno FROM dbstat WHERE name IN ({marks}) AND pagetype = 'leaf' ORDER BY pageno", names)]
    except sqlite3.OperationalError as why:
        raise Skip(f"this Python's SQLite tells no pages: {why}") from None
    finally:
        db.close()


def content(file):
    """All that the sums are made of, and the sums; None if it cannot be read."""
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return [db.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY 1, 2, 3, 4").fetchall()
                for table in ("rollup", "usage_group")]
    except (sqlite3.DatabaseError, OverflowError):
        return None
    finally:
        db.close()


def difference(before, now):
    if now is None:
        return "it cannot be read"
    return [f"{a} became {b}" for was, has in zip(before, now) for a, b in zip(was, has) if a != b][:1]


def damaged(file, page, offset=0, bits=0xff):
    """Flips bits of one byte."""
    with open(file, "r+b") as there:
        there.seek((page - 1) * 4096 + offset)
        byte = there.read(1)[0]
        there.seek(-1, os.SEEK_CUR)
        there.write(bytes([byte ^ bits]))


def stopped(requests=400):
    """A gateway that has ended well, with some pages of rows, and a copy of its database."""
    fake.bill.clear()
    disk = Disk()
    gateway = begin(disk)
    load = Load(gateway, "capped", most=requests)
    load.join()
    is_whole(gateway)
    same(gateway.stop(), 0, "exit code of a stop")
    check(not (gateway.data / "ledger.db-wal").exists(), "a log is left after a stop")
    shutil.copy(gateway.data / "ledger.db", gateway.dir / "good.db")
    return disk, gateway


def test_a_damaged_sum_is_found():
    """One bit anywhere in a page of sums: `cost --verify` says so, or nothing has changed."""
    disk, gateway = stopped(60)
    good, file = gateway.dir / "good.db", gateway.data / "ledger.db"
    pages, pick, before = pages_of(good, "rollup"), random.Random(1), content(good)
    found = 0
    for _ in range(FLIPS):
        page, offset, bit = pick.choice(pages), pick.randrange(4096), 1 << pick.randrange(8)
        shutil.copy(good, file)
        damaged(file, page, offset, bit)
        now = content(file)
        code, _, err = gateway.cli("cost", "--verify")
        where = f"bit {bit} of byte {offset} of page {page}:"
        if now == before and "the file is damaged" not in err:
            same(code, 0, f"{where} nothing has changed")
        else:
            same(code, 1, f"{where} exit code; {difference(before, now)}")
            check(err.strip(), where, "it does not say why")
            found += 1
    check(found > FLIPS // 20, found, "differences of", FLIPS)
    shutil.copy(good, file)
    gateway.start()
    is_whole(gateway)
    disk.remove()


def test_a_damaged_page_of_sums():
    """What budgets begin with cannot be read: nobody is let in without it."""
    disk, gateway = stopped(60)
    file = gateway.data / "ledger.db"
    for page in pages_of(file, "rollup"):
        damaged(file, page)
    code, _, err = gateway.cli("cost", "--since", "2d")
    check(code == 1 and "malformed" in err, "cost:", code, err)
    code, _, err = gateway.cli("cost", "--verify")
    check(code == 1 and "malformed" in err, "cost --verify:", code, err)
    refuses_to_start(gateway, "malformed", "ledger.db")
    shutil.copy(gateway.dir / "good.db", file)
    gateway.start()
    same(ask(gateway).status, 200, "an answer")
    is_whole(gateway)
    disk.remove()


def test_a_damaged_page_of_rows():
    """The page that the next rows belong to: they wait in the journal until the file is replaced."""
    disk, gateway = stopped()
    file = gateway.data / "ledger.db"
    damaged(file, pages_of(file, "attempt")[-1])
    gateway.start()
    for _ in range(20):
        same(ask(gateway, "capped").status, 200, "an answer")
    until(lambda: "the ledger cannot be written" in gateway.stderr(), "the log to say so", 10)
    check("malformed" in gateway.stderr(), gateway.stderr()[-1500:])
    until(lambda: health(gateway) == (200, {"status": "degraded", "ledger": "the database is damaged"}),
          "/health to say so", 10)
    code, _, err = gateway.cli("cost", "--verify")
    check(code == 1 and "malformed" in err, "cost --verify:", code, err)
    gateway.stop()
    refuses_to_start(gateway, "malformed", "journal")
    shutil.copy(gateway.dir / "good.db", file)
    for more in ("-wal", "-shm"):
        pathlib.Path(f"{file}{more}").unlink(missing_ok=True)
    gateway.start()
    is_whole(gateway)
    disk.remove()


def test_no_database_at_all():
    disk, gateway = stopped(20)
    file = gateway.data / "ledger.db"
    file.write_bytes(b"this is no database " * 1000)
    refuses_to_start(gateway, "ledger.db", "not a database")
    same(gateway.cli("cost", "--verify")[0], 1, "cost --verify")
    shutil.copy(gateway.dir / "good.db", file)
    gateway.start()
    is_whole(gateway)
    disk.remove()


# --- held by somebody else --------------------------------------------------------------------------------

def test_a_locked_database():
    """Somebody opened it for writing and went to lunch: records wait, and come when he is back."""
    disk = Disk()
    gateway = begin(disk)
    db = sqlite3.connect(gateway.data / "ledger.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    for _ in range(20):
        same(ask(gateway, "capped").status, 200, "an answer")
    until(lambda: "the ledger cannot be written" in gateway.stderr(), "the log to say so", 10)
    check("locked" in gateway.stderr(), gateway.stderr()[-500:])
    same(health(gateway)[1]["status"], "degraded", "/health")
    same(spent_of(gateway, "capped"), 25 * DIME, "spent is counted without the ledger")
    gateway.kill()
    refuses_to_start(gateway, "locked")
    db.execute("ROLLBACK")
    db.close()
    gateway.start()
    is_whole(gateway)
    disk.remove()


# --- what people do meanwhile -----------------------------------------------------------------------------

def test_changes_on_a_full_disk():
    """What cannot be written does not hold, and says so."""
    disk = Disk()
    gateway = begin(disk)
    disk.fill()
    Load(gateway, "capped", most=300).join()
    until(lambda: "the ledger cannot be written" in gateway.stderr(), "the log to say so", 20)
    plain = gateway.key_ids["plain"]
    for command in (("keys", "create", "late"), ("keys", "limit", plain, "--budget", "0.01/day"),
                    ("keys", "revoke", plain), ("cost", "reprice", "--since", "1d")):
        code, out, err = gateway.cli(*command)
        reprice = command[0] == "cost"              # has nothing to change, and changes nothing
        check(code == (0 if reprice else 1) and (reprice or "full" in err), *command, code, out, err)
    same(ask(gateway, "plain").status, 200, "a key that could not be revoked")
    disk.empty()
    until(lambda: health(gateway) == (200, {"status": "ok"}), "/health to be well", 20)
    code, _, err = gateway.cli("keys", "revoke", plain)
    same(code, 0, f"keys revoke: {err}")
    same(ask(gateway, "plain").status, 401, "a key that was revoked")
    is_whole(gateway)
    same(gateway.cli("audit", "verify")[0], 0, "the audit log is whole")
    disk.remove()


def test_bodies_on_a_full_disk():
    """What was said is not kept then; that is all."""
    disk = Disk("log: { bodies: all }\n")
    gateway = begin(disk)
    disk.fill()
    load = Load(gateway, "capped", most=400)
    load.join()
    same(set(load.statuses), {200}, "answers")
    disk.empty()
    until(lambda: health(gateway) == (200, {"status": "ok"}), "/health to be well", 20)
    same(ask(gateway).status, 200, "an answer")
    is_whole(gateway)
    last = gateway.rows("closes")[-1]
    until(lambda: gateway.cli("show", f"{last['exchange']:016x}", "--body")[0] == 0, "what was said then", 10)
    disk.remove()


def test_a_limit_of_file_sizes():
    """RLIMIT_FSIZE ends whoever does not mind it."""
    disk = Disk()
    gateway = begin(disk)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (8192, 8192))    # stderr is a file, too
    for _ in range(20):
        same(ask(gateway, "capped").status, 200, "an answer")
    until(lambda: "the ledger cannot be written" in gateway.stderr(), "the log to say so", 10)
    check(gateway.alive(), "it died of a signal")
    gateway.kill()
    gateway.start()
    is_whole(gateway)
    disk.remove()
