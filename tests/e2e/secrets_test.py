"""G35, G39, G44 of guarantees.md: keys in the encrypted store, the sandbox, TLS towards clients.

The store is used as people use it, by the command line beside a running gateway under load: no
request may fail by a key that is added, replaced, or sealed anew. What was tampered with is refused
at start and stays as it is. The sandbox is tried from inside the running service, with a debugger
that calls what an intruder would call.
"""

import ctypes
import errno
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import termios
import threading

import answers
from certs import Certs
from fake_provider import Fake
from harness import CHAT, SANITIZED, SLUICE, Gateway, check, cli, openai_error, provider, same
from raw import SLOW, BadReply, Raw, request, until
from runner import Skip

OLD, NEW, MORE = "sk-store-OLD-0123456789", "sk-store-NEW-0123456789", "sk-store-MORE-0123456789"


class Load(threading.Thread):
    """One client that asks without a pause."""

    def __init__(self, gate):
        super().__init__(daemon=True)
        self.gate, self.count, self.errors, self.ending = gate, 0, [], threading.Event()

    def run(self):
        body = json.dumps(self.gate.chat("p/m")).encode()
        raw = Raw(self.gate.port)
        while not self.ending.is_set():
            try:
                raw.send(request("POST", CHAT, [self.gate.bearer(), ("Content-Type", "application/json")], body))
                reply = raw.reply()
            except (OSError, BadReply) as why:
                self.errors.append(f"after {self.count}: {why}")
                return
            if reply.status != 200:
                self.errors.append(str(reply))
            self.count += 1

    def end(self):
        self.ending.set()
        self.join(20)
        same(self.errors[:3], [], f"failed requests of {self.count}")


def used(site):
    return [each.header("authorization") for each in site.requests]


def stored_gateway(site, **more):
    """A gateway whose one provider has its keys in the store."""
    return Gateway(f'providers:\n  p: {{ format: openai-chat, url: "{site.url}", key: store }}\n', **more)


def add(gate, key, *more, code=0):
    result = gate.cli("providers", "add", "p", *more, stdin=key + "\n")
    same(result[0], code, f"providers add: {result}")
    return result


# --- the store -----------------------------------------------------------------------------------------

def test_a_key_is_in_force_when_the_command_ends():
    fake = Fake()
    site = fake.site("p")
    gate = stored_gateway(site)
    openai_error(gate.post(gate.chat("p/m")), (404, 502, 503))      # it has no key yet
    _, out, err = add(gate, OLD)
    check("master.key" in err, "the warning about the master key:", err)
    same(gate.post(gate.chat("p/m")).status, 200, "with the first key")
    same(used(site)[-1], f"Bearer {OLD}", "the key that was sent")
    add(gate, NEW, "--replace")
    same(gate.post(gate.chat("p/m")).status, 200, "with the second key")
    same(used(site)[-1], f"Bearer {NEW}", "the key that was sent")
    code, out, _ = gate.cli("providers", "keys", "--json")
    rows = json.loads(out)
    same([(each["provider"], each["key"], each["version"]) for each in rows], [("p", "...6789", 2)], "the list")
    same(gate.cli("providers", "remove", "p", rows[0]["id"])[0], 0, "providers remove")
    openai_error(gate.post(gate.chat("p/m")), (404, 502, 503))
    same(len(site.requests), 2, "requests without a key")
    for secret in (OLD, NEW):
        check(secret not in gate.stderr() + out, "a key in what was said")
    gate.stop()
    same(gate.cli("providers", "add", "p", stdin=MORE)[0], 0, "providers add without a gateway")
    gate.start()
    same(gate.post(gate.chat("p/m")).status, 200, "after a start")
    same(used(site)[-1], f"Bearer {MORE}", "the key that was sent")


def test_a_key_that_another_one_goes_before_is_not_in_force():
    """The variable's, or the file's; the same secret in both places is."""
    fake = Fake()
    url = f'format: openai-chat, url: "{fake.site("p").url}"'
    gate = Gateway(f"providers:\n  p: {{ {url}, key: {MORE} }}\n  openai: {{ {url} }}\n",
                   env={"OPENAI_API_KEY": OLD})
    for name, key, force in (("p", NEW, False), ("p", MORE, True), ("openai", NEW, False), ("openai", OLD, True)):
        code, out, err = gate.cli("providers", "add", name, "--json", stdin=key + "\n")
        same((json.loads(out)["in_force"], code), (force, 0 if force else 1), f"{name}: {err}")
        same("goes before the store" in err, not force, err)
        check(key not in out + err, "a key in what was said")
    gate.post(gate.chat("openai/m"))
    same(used(fake.site("p"))[-1], f"Bearer {OLD}", "the key that was sent")


def test_keys_and_master_keys_are_rotated_under_load():
    fake = Fake()
    site = fake.site("p")
    gate = stored_gateway(site)
    add(gate, OLD)
    gate.key()
    loads = [Load(gate) for _ in range(4)]
    for load in loads:
        load.start()
    for number in range(6):
        until(lambda: all(load.count > 20 * number for load in loads), "the load to go on", 20)
        add(gate, NEW if number % 2 else OLD, "--replace")
        code, out, err = gate.cli("secrets", "rotate", "--json", *(["--forget-old"] if number == 4 else []))
        same(code, 0, f"secrets rotate: {err}")
        same(json.loads(out)["rows"], 1, "rows sealed anew")
    same(json.loads(out)["keys"], 2, "master keys in the file")
    seen = len(site.requests)
    until(lambda: len(site.requests) > seen + 20, "requests after the last rotation", 20)
    for load in loads:
        load.end()
    same(used(site)[-1], f"Bearer {NEW}", "the newest key")
    same(set(used(site)), {f"Bearer {OLD}", f"Bearer {NEW}"}, "keys that were sent")
    gate.stop()
    gate.start()
    same(gate.post(gate.chat("p/m")).status, 200, "after a start")


def test_what_was_tampered_with_is_refused_and_left_alone():
    fake = Fake()
    gate = stored_gateway(fake.site("p"))
    add(gate, OLD)
    add(gate, NEW)
    same(gate.post(gate.chat("p/m")).status, 200, "before")
    store, master = gate.data / "secrets", gate.data / "master.key"
    good, key = store.read_bytes(), master.read_bytes()
    check(OLD.encode() not in good and NEW.encode() not in good, "a key in the clear")
    lines = good.split(b"\n")
    row, other = lines[1].split(b"\t"), lines[2].split(b"\t")
    changed = {
        "truncated": good[:-20],
        "half": good[:len(good) // 2],
        "a bit": good.replace(row[-1], bytes([row[-1][10] ^ 1]).join([row[-1][:10], row[-1][11:]])),
        "swapped": b"\n".join([lines[0], b"\t".join([*row[:-1], other[-1]]),
                               b"\t".join([*other[:-1], row[-1]]), *lines[3:]]),
        "dropped": b"\n".join([lines[0], *lines[2:]]),
        "another provider": good.replace(b"\tp\t", b"\tq\t"),
        "another url": good.replace(b"\tp\t\t", b"\tp\t\thttp://127.0.0.1:1/v1"),
        "empty": b"",
    }
    for name, text in changed.items():
        check(text != good, name)
        store.write_bytes(text)
        os.kill(gate.process.pid, signal.SIGHUP)
        before = gate.stderr().count("reload refused")
        until(lambda: gate.stderr().count("reload refused") > before or "E210" in gate.stderr(), f"{name}: reload refused")
        same(gate.post(gate.chat("p/m")).status, 200, f"{name}: the running gateway")
        code, _, err = gate.cli("check")
        check(code == 3 and "E210" in err, f"{name}: check:", code, err)
        code, _, err = gate.cli("providers", "add", "p", stdin=MORE)
        check(code == 1, f"{name}: providers add:", code, err)
        same(store.read_bytes(), text, f"{name}: the store after it")
    store.write_bytes(good)
    gate.stop()
    for name, text in (("another", b"0123456789abcdef0123456789abcdef"), ("none", None), ("short", b"short")):
        master.unlink()
        if text is not None:
            master.write_bytes(text)
            master.chmod(0o600)
        code, _, err = cli("serve", "-c", gate.file, home=gate.dir)
        check(code == 3 and "E210" in err, f"{name} master key: serve:", code, err)
        code, _, err = gate.cli("secrets", "rotate")
        check(code == 1, f"{name} master key: rotate:", code, err)
        same(store.read_bytes(), good, f"{name} master key: the store after it")
        same(master.exists(), text is not None, f"{name}: no master key was made")
        master.write_bytes(key)
        master.chmod(0o600)
    master.chmod(0o644)
    check("chmod" in gate.cli("check")[2], "a master key that others may read")
    master.chmod(0o600)
    gate.start()
    same(gate.post(gate.chat("p/m")).status, 200, "as it was")


def test_a_key_file_of_ones_own():
    fake = Fake()
    site = fake.site("p")
    gate = stored_gateway(site, start=False)
    master = gate.dir / "master"
    make = ["openssl", "rand", "-base64", "32"]
    master.write_bytes(subprocess.run(make, capture_output=True, check=True).stdout)
    master.chmod(0o600)
    gate.write(gate.body + "secrets: { key_file: master }\n")
    gate.start()
    add(gate, OLD)
    same((gate.data / "master.key").exists(), False, "a master key in the data directory")
    same(gate.post(gate.chat("p/m")).status, 200, "with a key file")
    # It is only read, by the gateway and without one; people add a key, and rotate.
    before = master.read_bytes()
    for alone in (True, False):
        gate.stop() if alone else gate.start()
        code, _, err = gate.cli("secrets", "rotate")
        check(code == 1 and "openssl rand" in err, "rotate without a new key:", code, err)
        code, _, err = gate.cli("secrets", "rotate", "--forget-old")
        check(code == 1 and "without --forget-old" in err, "old keys are not forgotten there:", code, err)
        same(master.read_bytes(), before, "the file of the user")
    with open(master, "ab") as file:
        file.write(subprocess.run(make, capture_output=True, check=True).stdout)
    code, out, err = gate.cli("secrets", "rotate", "--json")
    check(code == 0 and json.loads(out)["keys"] == 2, "rotate:", code, out, err)
    master.write_bytes(master.read_bytes().split(b"\n")[1] + b"\n")
    same(gate.cli("check")[0], 0, "with the new key alone")
    same(gate.post(gate.chat("p/m")).status, 200, "with the new key")


def test_keys_from_files_and_the_environment():
    fake = Fake()
    site = fake.site("p")
    gate = Gateway(f'providers:\n  p: {{ format: openai-chat, url: "{site.url}", key: {{ file: key }} }}\n'
                   f'  e: {{ format: openai-chat, url: "{site.url}", key: "${{E_KEY}}" }}\n',
                   env={"E_KEY": NEW}, start=False)
    (gate.dir / "key").write_text(OLD + "\n")
    gate.start()
    for model, key in (("p/m", OLD), ("e/m", NEW)):
        same(gate.post(gate.chat(model)).status, 200, model)
        same(used(site)[-1], f"Bearer {key}", model)
    fresh = gate.dir / "fresh"
    fresh.write_text(MORE)
    os.replace(fresh, gate.dir / "key")
    os.kill(gate.process.pid, signal.SIGHUP)
    until(lambda: gate.post(gate.chat("p/m")).status == 200 and used(site)[-1] == f"Bearer {MORE}",
          "the new file's key", 10)
    same(gate.post(gate.chat("e/m")).status, 200, "the environment's, after a reload")
    same(used(site)[-1], f"Bearer {NEW}", "the environment's, after a reload")
    code, _, err = gate.cli("providers", "add", "e", "--from-env", "E_KEY")
    same(code, 0, f"--from-env: {err}")
    code, _, err = gate.cli("providers", "add", "e", f"@{gate.dir / 'key'}")
    check(code == 1 and "is in the store" in err, f"@FILE, which the variable goes before: {code} {err}")
    for text in ("sk-first-1111111111\nsk-second-2222222222\n", '{\n  "type": "service_account"\n}\n'):
        (gate.dir / "two").write_text(text)
        for more, stdin in ((["--replace"], text), (["--replace", f"@{gate.dir / 'two'}"], None)):
            code, _, err = gate.cli("providers", "add", "e", *more, stdin=stdin)
            check(code == 1 and "the key was not stored: the key" in err, "more than a line:", more, code, err)
    code, out, err = gate.cli("providers", "add", "e", "sk-typed-0123456789")
    check(code == 2 and "sk-typed" not in out + err, "a key as an argument:", code, out, err)
    code, _, err = gate.cli("providers", "add", "opnai", "--from-env", "E_KEY")
    check(code == 1 and 'did you mean "openai"?' in err, "a typo:", code, err)
    check("opnai" not in gate.cli("providers", "keys")[1], "it is not stored")
    code, _, err = gate.cli("providers", "add", "opnai", "--from-env", "E_KEY", "--url", site.url, "--format",
                            "openai-chat")
    same(code, 0, f"if it is none: {err}")
    code, _, err = gate.cli("providers", "add", "house-of-mine", "--from-env", "E_KEY")
    check(code == 0 and "format: ..., url: ..., key: store" in err, "what is still to be written:", code, err)


class Prompt:
    """`sluice providers add p` on a terminal of its own, which has asked for the key."""

    def __init__(self, gate):
        self.ours, self.theirs = pty.openpty()
        self.process = subprocess.Popen(
            [SLUICE, "providers", "add", "p", "-c", str(gate.file)], stdin=self.theirs, stderr=self.theirs,
            stdout=subprocess.DEVNULL, start_new_session=True, env={"HOME": str(gate.dir)},
            preexec_fn=self.at_a_terminal)
        self.wait("not shown")

    @staticmethod
    def at_a_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it, and we after it

    def wait(self, word):
        said = b""
        while word.encode() not in said:
            said += os.read(self.ours, 1000)

    def shows(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.ours, text)

    def end(self):
        code = self.process.wait(10 * SLOW)
        check(self.shows(), "the terminal shows what is typed")
        os.close(self.ours)
        os.close(self.theirs)
        return code


def test_the_terminal_after_a_prompt():
    gate = Gateway(f'providers:\n  p: {{ format: openai-chat, url: "{Fake().site("p").url}", key: store }}\n',
                   start=False)
    prompt = Prompt(gate)
    until(lambda: not prompt.shows(), "a silent terminal")
    prompt.type(b"sk-half\x03")
    same(prompt.end(), -signal.SIGINT, "ended by Ctrl-C")
    prompt = Prompt(gate)
    until(lambda: not prompt.shows(), "a silent terminal")
    prompt.process.terminate()
    same(prompt.end(), -signal.SIGTERM, "ended by SIGTERM")
    prompt = Prompt(gate)
    until(lambda: not prompt.shows(), "a silent terminal")
    prompt.type(b"sk-half\x1a")
    prompt.wait("not shown")         # nobody could let it go on, so it is not stopped, and asks again
    until(lambda: not prompt.shows(), "a silent terminal")
    prompt.type(OLD.encode() + b"\n")
    prompt.end()
    same(json.loads(gate.cli("providers", "keys", "--json")[1])[0]["key"][-4:], OLD[-4:], "the key that was typed")


def test_without_a_configuration():
    """A stored key works without any file, also of a provider that nobody knows."""
    fake = Fake()
    site = fake.site("mine")
    gate = Gateway("", auth="open", start=False)
    gate.file.unlink()
    with_data = ["--data", str(gate.data)]
    same(json.loads(cli("secrets", "--json", "--data", gate.dir / "none", home=gate.dir)[1]),
         {"rows": 0, "master": None, "keys": 0, "current": None}, "an empty store")
    code, _, err = cli("providers", "add", "mine", "--url", site.url, "--format", "openai-chat", *with_data,
                       home=gate.dir, stdin=OLD)
    same(code, 0, f"providers add: {err}")
    code, _, err = cli("providers", "add", "opnai", *with_data, home=gate.dir, stdin=OLD)
    check(code == 1 and 'did you mean "openai"?' in err and "--url" in err, "a name nobody knows:", code, err)
    code, _, err = cli("providers", "add", "azure-of-mine", "--format", "openai-chat", *with_data, home=gate.dir,
                       stdin=OLD)
    check(code == 1 and "--url" in err, "a format without a URL:", code, err)
    process = subprocess.Popen([SLUICE, "serve", *with_data, "--listen", f"127.0.0.1:{gate.port}"],
                               env={"HOME": str(gate.dir), "PATH": os.environ["PATH"]},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=open(gate.errors, "ab"))
    try:
        until(lambda: b"200" in answer(gate), f"an answer: {gate.stderr()}", 10)
        same(used(site)[-1], f"Bearer {OLD}", "the key that was sent")
        until(lambda: "mine       from the store" in gate.stderr(), "the greeting")
    finally:
        process.terminate()
        process.wait(20)


def answer(gate):
    try:
        with Raw(gate.port) as raw:
            raw.send(request("POST", CHAT, [("Content-Type", "application/json")],
                             json.dumps(gate.chat("mine/m")).encode(), host=f"127.0.0.1:{gate.port}"))
            return str(raw.reply().status).encode()
    except (OSError, BadReply):
        return b""


# --- the process -----------------------------------------------------------------------------------------

def test_proc_shows_nothing():
    if SANITIZED:
        raise Skip("sanitizers keep the process open")
    fake = Fake()
    gate = Gateway(f'providers:\n  p: {{ format: openai-chat, url: "{fake.site("p").url}", key: "${{P_KEY}}" }}\n',
                   env={"P_KEY": OLD})
    same(gate.post(gate.chat("p/m")).status, 200, "the key of the environment")
    proc = pathlib.Path(f"/proc/{gate.process.pid}")
    status = (proc / "status").read_text()
    for line in ("NoNewPrivs:\t1", "Seccomp:\t2"):
        check(line in status, line, status)
    same((proc / "limits").read_text().split("Max core file size")[1].split()[:2], ["0", "0"], "core limit")
    check(OLD.encode() not in (proc / "cmdline").read_bytes(), "a key among the arguments")
    if os.geteuid() != 0:
        try:
            (proc / "environ").read_bytes()
            raise AssertionError("environ is readable by its own user")
        except PermissionError:
            return
    environ = (proc / "environ").read_bytes()
    check(OLD.encode() not in environ and b"P_KEY=" in environ, "the environment:", environ)


# What an intruder would call, as a debugger calls it: expression, is it let?
CALLS = [
    ('(int)open("/etc/shadow", 0)', False),
    ('(int)open("/root/.ssh/id_rsa", 64, 0600)', False),
    ('(int)open("/tmp/sluice-intruder", 65, 0600)', False),
    ('(int)open("/proc/1/environ", 0)', False),
    ('(int)open("/etc/hosts", 0)', True),
    ('(int)fork()', False),
    ('(int)execve("/bin/true", 0, 0)', False),
    ('(long)ptrace(0, 0, 0, 0)', False),
    ('(int)unshare(0x20000)', False),
    ('(int)socket(16, 3, 0)', False),
    ('(int)socket(2, 1, 0)', True),
    ('(long)mmap(0, 4096, 7, 34, -1, 0)', False),
    ('(int)setuid(1)', False),
]


def test_the_sandbox_from_inside():
    if SANITIZED or not shutil.which("gdb") or os.geteuid() != 0:
        raise Skip("needs gdb, root, and a build without sanitizers")
    fake = Fake()
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url))
    until(lambda: "Sandbox" in gate.stderr(), "the greeting")
    if "Landlock" not in gate.stderr():
        raise Skip("this kernel has no Landlock")
    commands = [part for call, _ in CALLS for part in ("-ex", f"print {call}")]
    done = subprocess.run(["gdb", "-nx", "-p", str(gate.process.pid), "-batch", *commands],
                          capture_output=True, text=True, timeout=100)
    values = [int(each) for each in re.findall(r"^\$\d+ = (-?\d+)$", done.stdout, re.M)]
    if len(values) != len(CALLS):
        raise Skip(f"the debugger could not call: {done.stdout[-300:]} {done.stderr[-300:]}")
    for (call, is_let), value in zip(CALLS, values):
        same(value >= 0, is_let, call)
    same(pathlib.Path("/tmp/sluice-intruder").exists(), False, "a file of the intruder")
    same(gate.post(gate.chat("p/m")).status, 200, "requests afterwards")


def test_etc_is_closed_unless_resolv_conf_is_a_plain_file_there():
    """Of a gateway without privileges, which reads it anew whenever a name is asked for."""
    if SANITIZED or os.geteuid() != 0 or not all(map(shutil.which, ("gdb", "setpriv", "unshare"))):
        raise Skip("needs gdb, setpriv, unshare, root, and a build without sanitizers")
    fake = Fake()
    for what, command, is_let in (("a link", "ln -sf $0/run/resolv.conf etc/resolv.conf", False),
                                  ("a plain file", "rm etc/resolv.conf; cp run/resolv.conf etc", True)):
        def run(command=command, is_let=is_let):
            gate = Gateway("providers:\n" + provider("p", fake.site("p").url), start=False)
            (gate.dir / "run").mkdir()
            (gate.dir / "run" / "resolv.conf").write_text("nameserver 127.0.0.1\n")
            (gate.dir / "etc").mkdir()
            shutil.copy("/etc/hosts", gate.dir / "etc")
            for name in ("passwd", "resolv.conf"):
                (gate.dir / "etc" / name).write_text("")
            (gate.dir / "ssl").symlink_to("/etc/ssl")
            shutil.chown(gate.dir, 65534, 65534)
            said = open(gate.errors, "ab")
            process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c",
                 f"cd $0 && {command} && mount --bind etc /etc && "
                 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$1" serve -c sluice.yaml',
                 str(gate.dir), SLUICE], stdout=said, stderr=said, stdin=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "HOME": str(gate.dir)})
            try:
                until(lambda: process.poll() is not None or "Sandbox" in gate.stderr(), "the greeting")
                if "Landlock" not in gate.stderr():
                    raise Skip(f"no Landlock, or no mount: {gate.stderr()[-300:]}")
                calls = [f'print (int)open("{path}", 0)' for path in ("/etc/resolv.conf", "/etc/passwd")]
                done = subprocess.run(["gdb", "-nx", "-p", str(process.pid), "-batch",
                                       *[part for call in calls for part in ("-ex", call)]],
                                      capture_output=True, text=True, timeout=100)
                values = [int(each) for each in re.findall(r"^\$\d+ = (-?\d+)$", done.stdout, re.M)]
                if len(values) != len(calls):
                    raise Skip(f"the debugger could not call: {done.stdout[-300:]} {done.stderr[-300:]}")
                same([value >= 0 for value in values], [True, is_let], "resolv.conf, passwd")
            finally:
                process.terminate()
                process.wait(20)
                said.close()
        yield what, run


def ask_unix(path, target, headers=()):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10 * SLOW)
        sock.connect(path)
        sock.sendall(request("GET", target, [("Connection", "close"), *headers]))
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_sockets_and_a_new_log_where_everybodys_files_lie():
    """In /tmp the sandbox lets nothing be made: all of it is there before. Twice: a socket's file stays."""
    fake = Fake()
    place = f"/tmp/sluice-test-{os.getpid()}"
    files = [place + end for end in (".sock", ".admin", ".log")]
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url), start=False)
    text = gate.file.read_text().replace(f"listen: 127.0.0.1:{gate.port}", f"listen: unix:{files[0]}")
    text = text.replace(f"admin: 127.0.0.1:{gate.admin_port}", f"admin: unix:{files[1]}")
    gate.file.write_text(text + f"access_log: {files[2]}\n")
    try:
        for _ in range(2):
            with open(gate.errors, "wb") as errors:
                process = subprocess.Popen([SLUICE, "serve", "-c", str(gate.file)], stderr=errors,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           env={"PATH": os.environ["PATH"], "HOME": str(gate.dir)})
            try:
                until(lambda: "Sandbox" in gate.stderr() or process.poll() is not None, "the greeting", 10)
                same(process.poll(), None, f"it ended: {gate.stderr()}")
                bearer = gate.bearer()
                reply = ask_unix(files[0], "/v1/models", [bearer])
                check(reply.startswith(b"HTTP/1.1 200 "), reply)
                check(ask_unix(files[1], "/admin/v1/status").startswith(b"HTTP/1.1 401 "), "admin")
                check(os.path.exists(files[2]), "the log")
            finally:
                process.terminate()
                process.wait(20)
    finally:
        for path in files:
            pathlib.Path(path).unlink(missing_ok=True)


def test_work_goes_on_in_the_sandbox():
    """A renewed certificate behind a link, a rotated log, an updated catalogue, a new configuration."""
    fake, certs = Fake(), Certs()
    certs.leaf("one")
    certs.leaf("two")
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url), start=False)
    (gate.dir / "live").mkdir()
    (gate.dir / "logs").mkdir()
    for name in ("one", "two"):
        (gate.dir / name).mkdir()
        for end in ("pem", "key"):
            shutil.copy(certs.dir / f"{name}.{end}", gate.dir / name / f"cert.{end}")
    link = gate.dir / "live" / "now"
    link.symlink_to(gate.dir / "one")
    log = gate.dir / "logs" / "access.log"
    gate.write(gate.body + f"access_log: {log}\ntls: {{ cert: {link}/cert.pem, key: {link}/cert.key }}\n")
    gate.start()
    check(b"CN = one" in shown(gate.port), "the first certificate")
    # As certbot does it, in a directory that was there at the start.
    for end in ("pem", "key"):
        os.replace(gate.dir / "two" / f"cert.{end}", gate.dir / "one" / f"cert.{end}")
    os.kill(gate.process.pid, signal.SIGHUP)
    until(lambda: b"CN = two" in shown(gate.port), "the second certificate", 10)
    os.rename(log, str(log) + ".1")
    os.kill(gate.process.pid, signal.SIGUSR1)
    until(log.exists, "the log to be opened again", 10)
    certs.remove()


def shown(port):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"], capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=20)
    return done.stdout


def test_the_sandbox_can_be_switched_off():
    fake = Fake()
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url), top="drain: 2s\nworkers: 2\nsandbox: off\n")
    until(lambda: "Sandbox    off" in gate.stderr(), "the greeting")
    check("Seccomp:\t0" in pathlib.Path(f"/proc/{gate.process.pid}/status").read_text(), "seccomp")
    same(gate.post(gate.chat("p/m")).status, 200, "requests")


def calls_of(name):
    """The system calls of one of systemd's groups, as this systemd knows it."""
    if not name.startswith("@"):
        return {name}
    done = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, timeout=60)
    members = [line.strip() for line in done.stdout.splitlines()[1:]]
    return {call for each in members if each and not each.startswith("#") for call in calls_of(each)}


def allow_only(names):
    """What is not among the names fails with EPERM, in this process and what it starts."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(0x00050000 | errno.EPERM))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0 and library.seccomp_rule_add(context, 0x7fff0000, number, 0) != 0:
            os._exit(99)
    if library.seccomp_load(context) != 0:
        os._exit(98)


def test_the_service_lets_the_gateway_close_its_sandbox():
    """Under the filter of sluice.service, which must not forbid what makes the sandbox."""
    if SANITIZED or not shutil.which("systemd-analyze"):
        raise Skip("needs systemd-analyze, and a build without sanitizers")
    service = (pathlib.Path(__file__).parents[2] / "packaging/sluice.service").read_text()
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", service, re.M):
        for name in line.lstrip("~").split():
            calls = calls - calls_of(name) if line.startswith("~") else calls | calls_of(name)
    check("read" in calls and "chroot" not in calls, "systemd's groups:", len(calls))
    fake = Fake()
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url), start=False)
    process = subprocess.Popen([SLUICE, "serve", "-c", gate.file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               env={"HOME": str(gate.dir), "PATH": os.environ["PATH"]},
                               stderr=open(gate.errors, "ab"), preexec_fn=lambda: allow_only(calls))
    try:
        until(lambda: "Sandbox" in gate.stderr() or process.poll() is not None, "a start", 30)
        same(process.poll(), None, gate.stderr()[-300:])
        check("system calls (seccomp)" in gate.stderr(), gate.stderr())
        check("forbid" not in gate.stderr(), gate.stderr())
        same(gate.post(gate.chat("p/m")).status, 200, "a request")
    finally:
        process.terminate()
        process.wait(30)


def test_no_socket_but_the_configured_ones():
    """G43: what the kernel was asked for, from the start to the end of a run."""
    if SANITIZED or not shutil.which("strace"):
        raise Skip("needs strace, and a build without sanitizers")
    fake = Fake()
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url), start=False)
    trace = gate.dir / "trace"
    process = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-e", "trace=network,execve", SLUICE, "serve", "-c",
                                gate.file], env={"HOME": str(gate.dir), "PATH": os.environ["PATH"]},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(gate.errors, "ab"))
    try:
        if until(lambda: "Sandbox" in gate.stderr() or process.poll() is not None, "a start", 30) is not True \
                or process.poll() is not None:
            raise Skip(f"strace does not run here: {gate.stderr()[-200:]}")
        same(gate.post(gate.chat("p/m")).status, 200, "a request")
    finally:
        os.kill(int(trace.read_text().split()[0]), signal.SIGTERM)      # the gateway, not strace
        process.wait(30)
    calls = trace.read_text()
    places = set(re.findall(r"(?:connect|bind|sendto|sendmsg)\(.*?(sa_family=AF_[^}]*)", calls))
    wanted = (f"htons({gate.port})", f"htons({gate.admin_port})", f"htons({fake.port})", "AF_UNIX", "AF_UNSPEC")
    same([each for each in places if not any(part in each for part in wanted)], [], "sockets nobody asked for")
    check(any(f"htons({fake.port})" in each for each in places), "the provider's socket in the trace:", places)
    same(len(re.findall(r"execve\(", calls)), 1, "programs that were started")


# --- TLS towards clients -------------------------------------------------------------------------------

def test_tls_versions_and_suites():
    fake, certs = Fake(), Certs()
    certs.leaf("good")
    gate = Gateway(f"tls: {{ cert: {certs.dir}/good.pem, key: {certs.dir}/good.key }}\nproviders:\n"
                   + provider("p", fake.site("p").url))

    def shake(*options):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-CAfile", certs.ca,
                               *options], capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
        return done.stdout + done.stderr

    def cipher(*options):
        found = re.search(rb"Cipher is (\S+)", shake(*options))
        return found[1].decode() if found else "(NONE)"
    for version in ("-tls1", "-tls1_1"):
        same(cipher(version, "-cipher", "ALL:@SECLEVEL=0"), "(NONE)", version)
    check(cipher("-tls1_2") != "(NONE)" and cipher("-tls1_3") != "(NONE)", "TLS 1.2 and 1.3")
    listed = subprocess.run(["openssl", "ciphers", "-v", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True,
                            text=True, check=True).stdout
    for line in listed.splitlines():
        name, version = line.split()[:2]
        if version == "TLSv1.3":
            continue
        got = cipher("-tls1_2", "-cipher", f"{name}:@SECLEVEL=0")
        good = "AEAD" in line and "Kx=ECDH " in line and "ECDSA" in name
        check(got == name if good and "CCM" not in name and "ARIA" not in name and "CAMELLIA" not in name
              and name.startswith("ECDHE") else got in ("(NONE)", name) and (got == "(NONE)" or good), name, got)
    said = shake("-tls1_2")
    check(b"Compression: NONE" in said and b"Verify return code: 0" in said, said[-600:])
    # A handshake inside the connection is refused: nobody's prefix before a client's request.
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-tls1_2"],
                          input=b"R\n", capture_output=True, timeout=20)
    check(b"no renegotiation" in done.stdout + done.stderr, "renegotiation:", done.stderr[-400:])
    certs.remove()


def test_a_replaced_authority_is_read_on_reload():
    """Whom a provider's certificate may come from: the file keeps its name, and becomes another one."""
    ours, theirs = Certs(), Certs()
    fake = Fake(tls=ours.server())
    fake.site("p").default = answers.reply(answers.chat())
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url, more=", tls: { ca: ca.pem }"), start=False)
    shutil.copy(theirs.ca, gate.dir / "ca.pem")
    gate.start()

    def becomes(authority, status, what):
        shutil.copy(authority.ca, gate.dir / "fresh.pem")
        os.replace(gate.dir / "fresh.pem", gate.dir / "ca.pem")
        before = gate.stderr().count("reloaded")
        os.kill(gate.process.pid, signal.SIGHUP)
        until(lambda: gate.stderr().count("reloaded") > before, "a reload", 10)
        # A worker takes the new plan with its next turn.
        until(lambda: gate.post(gate.chat("p/m")).status == status, what, 10)
    same(gate.post(gate.chat("p/m")).status, 502, "by somebody else's authority")
    becomes(ours, 200, "the provider to be believed")
    becomes(theirs, 502, "the provider not to be believed any more, also on a connection that is kept")
    gate.remove()
    for certs in (ours, theirs):
        certs.remove()


def test_an_authority_that_cannot_be_used_is_no_reload():
    """Out of the sandbox's reach, or half written: the provider goes on with the one it has."""
    certs = Certs()
    fake = Fake(tls=certs.server())
    fake.site("p").default = answers.reply(answers.chat())
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url, more=", tls: { ca: ca.pem }"), start=False)
    shutil.copy(certs.ca, gate.dir / "ca.pem")
    gate.start()
    until(lambda: "Sandbox" in gate.stderr(), "the greeting")
    good = gate.file.read_text()
    (gate.dir / "half.pem").write_bytes(certs.ca.read_bytes()[:300])
    rows = [(gate.dir / "half.pem", "tls.ca: cannot use")]
    if "Landlock" in gate.stderr():
        rows.append((certs.ca, "needs a restart: sandbox"))
    for path, why in rows:
        before = len(gate.stderr())
        gate.file.write_text(good.replace("ca: ca.pem", f"ca: {path}"))
        os.kill(gate.process.pid, signal.SIGHUP)
        until(lambda: re.search("reload refused|reloaded", gate.stderr()[before:]), "the reload's end", 10)
        check("reload refused" in gate.stderr()[before:] and why in gate.stderr()[before:], gate.stderr()[before:])
        same(gate.post(gate.chat("p/m")).status, 200, why)
    gate.remove()
    certs.remove()


def test_certificates_change_during_handshakes():
    fake, certs = Fake(), Certs()
    for name in ("one", "two"):
        certs.leaf(name)
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url), start=False)
    for end in ("pem", "key"):
        shutil.copy(certs.dir / f"one.{end}", gate.dir / f"cert.{end}")
    gate.write(gate.body + "tls: { cert: cert.pem, key: cert.key }\n")
    gate.start()
    failures, count, ending = [], [0], threading.Event()

    def shake():
        import socket
        import ssl
        context = ssl.create_default_context(cafile=certs.ca)
        while not ending.is_set():
            try:
                with socket.create_connection(("127.0.0.1", gate.port), 10) as plain, \
                        context.wrap_socket(plain, server_hostname="localhost"):
                    count[0] += 1
            except OSError as why:
                failures.append(str(why))
    threads = [threading.Thread(target=shake, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(10):
        for end in ("pem", "key"):
            fresh = gate.dir / f"fresh.{end}"
            shutil.copy(certs.dir / f"{('one', 'two')[number % 2]}.{end}", fresh)
            os.replace(fresh, gate.dir / f"cert.{end}")
        before = gate.stderr().count("reloaded")
        os.kill(gate.process.pid, signal.SIGHUP)
        until(lambda: gate.stderr().count("reloaded") > before, "a reload", 10)
        seen = count[0]
        until(lambda: count[0] > seen + 4, "handshakes to go on", 10)
    ending.set()
    for thread in threads:
        thread.join(20)
    same(failures[:3], [], f"failed handshakes of {count[0]}")
    certs.remove()
