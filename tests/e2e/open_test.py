"""Open mode answers this machine alone, whatever the sockets are that the gateway really has.

The file says `listen: 127.0.0.1`; the sockets are others: one from before a reload, one of a
supervisor (LISTEN_FDS). And a client of another address is refused also at a loopback socket.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess

import answers
from fake_provider import Fake
from harness import CHAT, SLUICE, Gateway, check, in_netns, openai_error, provider, same
from raw import Raw, request, until

ELSEWHERE = "10.9.9.9"


def add_address():
    """Gives lo:1 an address that is not loopback (ip addr add ELSEWHERE/32 dev lo)."""
    name = struct.pack("16s16s", b"lo:1", struct.pack("HH4s8x", socket.AF_INET, 0,
                                                     socket.inet_aton(ELSEWHERE)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8916, name)                     # SIOCSIFADDR


def ask(gateway, to="127.0.0.1", source=None, port=None):
    """One question without a key, at an address, from an address."""
    body = json.dumps(gateway.chat("p/m")).encode()
    with Raw(port or gateway.port, to, source=source) as raw:
        raw.send(request("POST", CHAT, [("Content-Type", "application/json")], body,
                         host="localhost"))
        return raw.reply()


def made(auth, listen="127.0.0.1", start=True):
    fake = Fake()
    fake.site("p").default = answers.reply(answers.chat())
    gateway = Gateway("providers:\n" + provider("p", fake.site("p").url), auth=auth, start=False)
    gateway.host = listen
    gateway.text = lambda body: Gateway.text(gateway, body).replace(
        f"listen: 127.0.0.1:{gateway.port}", f"listen: {gateway.host}:{gateway.port}")
    gateway.write(gateway.body)
    return gateway.start() if start else gateway


def test_a_reload_does_not_open_a_socket_beyond_loopback():
    def work():
        add_address()
        gateway = made("keys", "0.0.0.0")
        same(ask(gateway, ELSEWHERE).status, 401, "with keys, from elsewhere")
        gateway.host, gateway.auth = "127.0.0.1", "open"
        gateway.write(gateway.body)
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "reload" in gateway.stderr(), "the reload to be spoken of")
        check("reload refused" in gateway.stderr() and "0.0.0.0" in gateway.stderr(),
              gateway.stderr())
        same(ask(gateway, ELSEWHERE).status, 401, "after the reload, from elsewhere")
        gateway.remove()
    in_netns(work)


def test_an_inherited_socket_beyond_loopback_refuses_open_mode():
    gateway = made("open", start=False)
    for host, ok in (("0.0.0.0", False), ("127.0.0.1", True)):
        def run(host=host, ok=ok):
            with socket.socket() as sock:
                sock.bind((host, 0))
                sock.listen(16)
                env = {"PATH": os.environ["PATH"], "HOME": str(gateway.dir), "LISTEN_FDS": "1"}
                shell = f'exec 3<&{sock.fileno()}; LISTEN_PID=$$ exec "$0" serve -c "$1"'
                process = subprocess.Popen(["sh", "-c", shell, SLUICE, str(gateway.file)], env=env,
                                           pass_fds=[sock.fileno()], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                           text=True)
                try:
                    if ok:
                        port = sock.getsockname()[1]
                        same(ask(gateway, port=port).status, 200, "at an inherited loopback socket")
                        process.terminate()
                    said = process.communicate(timeout=20)[1]
                finally:
                    process.kill()
                same(process.returncode, 0 if ok else 1, f"exit code; said {said!r}")
                check(ok or ("LISTEN_FDS" in said and "auth: open" in said), said)
        yield host, run


def test_a_client_of_another_address_is_refused():
    def work():
        add_address()
        gateway = made("open")
        same(ask(gateway).status, 200, "from this machine")
        openai_error(ask(gateway, source=ELSEWHERE), 403)
        gateway.remove()
    in_netns(work)
