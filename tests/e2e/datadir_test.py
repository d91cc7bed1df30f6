"""The data directory is the gateway's alone: whoever can put files there has the keys in it, and
answers for the gateway."""

import os
import socket
import threading

from harness import Died, Gateway, check, same
from runner import Skip

KEY = "sk-CANARY-typed-key"


def test_others_may_not_write_in_it():
    gateway = Gateway("", start=False)
    gateway.data.mkdir()
    gateway.data.chmod(0o777)
    try:
        gateway.start()
    except Died as why:
        check("ended with 3" in str(why) and "chmod o-w" in str(why), why)
    else:
        check(False, "it serves from a directory everybody may write in")
    with listening(gateway) as listener:
        code, out, err = gateway.cli("providers", "add", "openai", stdin=KEY + "\n")
        same((code, listener.got), (3, b""), f"with what is in there: {err}")
    check("chmod o-w" in err, err)
    same(gateway.cli("keys", "create", "--name", "x")[0], 3, "of another command")
    gateway.data.chmod(0o700)
    gateway.start()
    gateway.remove()


class listening:
    """Somebody who poses as the gateway; `user`: not as us."""

    def __init__(self, gateway, user=None):
        self.path, self.lock, self.user, self.got = gateway.data / "admin.sock", gateway.data / "lock", user, b""

    def __enter__(self):
        import fcntl
        self.held = open(self.lock, "w")
        fcntl.flock(self.held, fcntl.LOCK_EX)
        self.sock = socket.socket(socket.AF_UNIX)
        self.path.unlink(missing_ok=True)
        self.sock.bind(str(self.path))
        if self.user:
            os.seteuid(self.user)
        self.sock.listen(4)
        if self.user:
            os.seteuid(0)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                with self.sock.accept()[0] as link:
                    self.got += link.recv(65536)
            except OSError:
                return

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(10)
        self.path.unlink()
        self.held.close()


def test_another_users_process_is_told_nothing():
    if os.geteuid() != 0:
        raise Skip("only root can be two users")
    gateway = Gateway("", start=False)
    gateway.data.mkdir()
    gateway.data.chmod(0o700)
    with listening(gateway, 65534) as listener:
        code, out, err = gateway.cli("providers", "add", "openai", stdin=KEY + "\n", seconds=60)
        same((code, listener.got), (1, b""), err)
        check("another user's process" in err, err)
    with listening(gateway) as listener:
        gateway.cli("providers", "add", "openai", stdin=KEY + "\n", seconds=60)
        check(listener.got, "one of our own is asked")
    gateway.remove()


def test_what_root_makes_for_a_service_is_the_services():
    """Keys are made by root before the service ever ran."""
    if os.geteuid() != 0:
        raise Skip("only root can be two users")
    for first in (("keys", "create", "--name", "x"), ("providers", "add", "openai")):
        gateway = Gateway("", start=False)
        gateway.data.mkdir(0o700)
        os.chown(gateway.data, 65534, 65533)
        for args in (first, ("keys", "create", "--name", "y"), ("teams", "create", "t")):
            code, _, err = gateway.cli(*args, stdin=KEY + "\n")
            same(code, 0, err)
        made = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in gateway.data.rglob("*")}
        check({"lock", "pepper", "ledger.db"} <= set(made), made)
        same({whose for whose in made.values()}, {(65534, 65533)}, made)
        gateway.remove()
