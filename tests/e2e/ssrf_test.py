"""G33 of guarantees.md: no provider's name leads into the network behind the gateway.

The real binary asks a name server of ours: in a private network and with a resolv.conf of its own,
so nothing in the program is bent for it. One address of that network is public (93.184.216.34, on
the loopback device); canaries listen wherever a forbidden answer would lead, and must never see a
connection. What redirects do is in upstream_test.py, U15.
"""

import ctypes
import fcntl
import os
import pathlib
import select
import socket
import struct
import tempfile
import threading

from collector import Collector
from fake_provider import Fake
from harness import Gateway, check, in_netns, openai_error, provider, route, same
from raw import until
from runner import Skip

PUBLIC = "93.184.216.34"

# What a name may not resolve to, and what is wrong with it.
FORBIDDEN = {
    "this-network": ["0.0.0.0"],
    "private-10": ["10.0.0.1"],
    "private-172": ["172.16.0.1"],
    "private-192": ["192.168.1.1"],
    "carrier": ["100.64.0.1"],
    "loopback": ["127.0.0.1"],
    "loopback-far": ["127.8.8.8"],
    "metadata": ["169.254.169.254"],
    "azure": ["168.63.129.16"],
    "oracle": ["192.0.0.192"],
    "benchmark": ["198.18.0.1"],
    "documentation": ["203.0.113.1"],
    "multicast": ["224.0.0.1"],
    "broadcast": ["255.255.255.255"],
    "v6-loopback": ["::1"],
    "v6-unspecified": ["::"],
    "v6-mapped": ["::ffff:127.0.0.1"],
    "v6-compatible": ["::127.0.0.1"],
    "nat64": ["64:ff9b::7f00:1"],
    "nat64-local": ["64:ff9b:1::7f00:1"],
    "6to4": ["2002:7f00:1::1"],
    "teredo": ["2001:0:7f00:1::1"],
    "aws-v6": ["fd00:ec2::254"],
    "link-local": ["fe80::1"],
    "site-local": ["fec0::1"],
    "v6-multicast": ["ff02::1"],
    "v6-documentation": ["2001:db8::1"],
    "mixed-first": ["127.0.0.1", PUBLIC],
    "mixed-last": [PUBLIC, "10.0.0.1"],
    "mixed-v6": [PUBLIC, "::1"],
}


class Names:
    """A name server: `answers[name]` is a list of addresses, all with a TTL of zero."""

    def __init__(self):
        self.answers, self.asked = {}, {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, peer = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(data), peer)

    def answer(self, data):
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        name = ".".join(labels).lower()
        kind = struct.unpack_from("!H", data, at + 1)[0]
        question = data[12:at + 5]
        self.asked[name] = self.asked.get(name, 0) + 1
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        found = [socket.inet_pton(family, each) for each in self.answers.get(name, ())
                 if family and (":" in each) == (kind == 28)]
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
        return head + question + b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(each)) + each
                                          for each in found)


class Canary:
    """Counts connections to a port of every address."""

    def __init__(self, port, *addresses):
        self.connections, self.open = 0, []
        self.listeners = []
        for address in addresses:
            listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in address:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, port))
            listener.listen(64)
            self.listeners.append(listener)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            for listener in select.select(self.listeners, [], [])[0]:
                self.open.append(listener.accept())
                self.connections += 1


def with_names(work):
    """work(names) in a private network whose only name server is ours."""
    resolv = tempfile.NamedTemporaryFile("w", prefix="sluice-resolv-", delete=False)
    resolv.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    resolv.close()
    os.chmod(resolv.name, 0o644)

    def inside():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x00020000) != 0:                       # CLONE_NEWNS
            raise Skip("no private mounts here")
        libc.mount(None, b"/", None, 0x4000 | 0x40000, None)    # MS_REC | MS_PRIVATE
        if libc.mount(resolv.name.encode(), b"/etc/resolv.conf", None, 0x1000, None) != 0:
            raise Skip("resolv.conf cannot be replaced here")
        with socket.socket() as sock:                           # SIOCSIFADDR: a public address
            fcntl.ioctl(sock, 0x8916, struct.pack("16sH2s4s8x", b"lo:1", socket.AF_INET, b"",
                                                  socket.inet_aton(PUBLIC)))
        try:
            work(Names())
        finally:
            for gate in list(Gateway.everyone):                 # nobody else sees them
                gate.remove()
    try:
        in_netns(inside)
    finally:
        pathlib.Path(resolv.name).unlink()


def test_forbidden_addresses():
    def work(names):
        canary = Canary(0, PUBLIC)
        port = canary.listeners[0].getsockname()[1]
        inner = Canary(port, "127.0.0.1", "127.8.8.8", "::1")
        names.answers = {f"{name}.test": where for name, where in FORBIDDEN.items()}
        names.answers["good.test"] = [PUBLIC]
        body = "providers:\n" + "".join(provider(name, f"http://{name}.test:{port}/v1")
                                        for name in [*FORBIDDEN, "good"])
        gate = Gateway(body, top="drain: 2s\nworkers: 2\n")
        for name in FORBIDDEN:
            reply = gate.post(gate.chat(f"{name}/m"))
            openai_error(reply, 502)
            same(names.asked.get(f"{name}.test", 0) > 0, True, f"questions for {name}.test")
        same(inner.connections, 0, "connections to addresses that are forbidden")
        same(canary.connections, 0, "connections to the good one among forbidden addresses")
    with_names(work)


def test_a_name_that_changes_its_mind():
    """DNS rebinding: first the public address, then ours. What was checked is what is connected."""
    def work(names):
        fake = Fake(host=PUBLIC)
        fake.mute = True                                        # the Host header is a name here
        canary = Canary(fake.port, "127.0.0.1", "::1")
        names.answers["rebind.test"] = [PUBLIC]
        gate = Gateway("providers:\n" + provider("p", f"http://rebind.test:{fake.port}/v1"))
        same(gate.post(gate.chat("p/m")).status, 200, "the public address")
        names.answers["rebind.test"] = ["127.0.0.1"]

        def refused():
            fake.close_idle()
            return gate.post(gate.chat("p/m")).status == 502
        until(refused, "the changed name to be refused", 30)
        names.answers["rebind.test"] = [PUBLIC, "::1"]
        asked = names.asked["rebind.test"]
        until(lambda: names.asked["rebind.test"] > asked + 1, "the name to be asked again", 30)
        same(gate.post(gate.chat("p/m")).status, 502, "half of its addresses are ours")
        names.answers["rebind.test"] = [PUBLIC]
        until(lambda: gate.post(gate.chat("p/m")).status == 200, "the name to be good again", 30)
        same(canary.connections, 0, "connections to the rebound address")
    with_names(work)


def test_permission_is_for_one_provider():
    """`private: yes` opens a name; a literal is its own permission."""
    def work(names):
        fake = Fake()
        fake.mute = True
        names.answers["inside.test"] = ["127.0.0.1"]
        body = "providers:\n" + provider("open", f"http://inside.test:{fake.port}/v1", more=", private: yes") \
            + provider("closed", f"http://inside.test:{fake.port}/v1") \
            + provider("literal", f"http://127.0.0.1:{fake.port}/v1") \
            + "routes:\n" + route("both", "closed/m", "open/m")
        gate = Gateway(body)
        same(gate.post(gate.chat("open/m")).status, 200, "private: yes")
        same(gate.post(gate.chat("closed/m")).status, 502, "without it")
        same(gate.post(gate.chat("literal/m")).status, 200, "a literal")
        same(gate.post(gate.chat("both")).status, 200, "the next target")
    with_names(work)


def test_discovery_and_catalogue():
    """Lists of models and catalogues are fetched through the same check."""
    def work(names):
        canary = Canary(0, PUBLIC)
        port = canary.listeners[0].getsockname()[1]
        inner = Canary(port, "127.0.0.1", "::1")
        names.answers["list.test"] = ["127.0.0.1"]
        gate = Gateway("providers:\n" + provider("p", f"http://list.test:{port}/v1",
                                                 more=", discover: 1s, probe: 1s"))
        until(lambda: "does not tell its models" in gate.stderr(), "discovery to be refused", 20)
        code, out, err = gate.cli("models", "update", f"https://list.test:{port}/api.json")
        check(code != 0 and "private" in err, "models update:", code, out, err)
        same(inner.connections, 0, "connections of discovery and the catalogue")
    with_names(work)


def test_the_collector_of_the_environment():
    """A variable names a collector as the file does: a name of the network inside needs permission."""
    def work(names):
        sink = Collector()
        port = sink.url.rsplit(":", 1)[1]
        names.answers["collector.test"] = ["127.0.0.1"]
        fake = Fake()
        body = "providers:\n" + provider("p", fake.site("p").url)
        for variable in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
            for url, more, arrives in ((f"http://collector.test:{port}", "", False), (f"http://127.0.0.1:{port}", "", True),
                                       (f"http://collector.test:{port}", "telemetry: { otlp: { private: yes } }\n", True)):
                before, asked = len(sink.requests), names.asked.get("collector.test", 0)
                whole = "/v1/traces" if "TRACES" in variable else ""
                gate = Gateway(body + more, env={variable: url + whole})
                same(gate.post(gate.chat("p/m")).status, 200, "a request")
                gate.stop()                                     # what waits is sent once more
                check(arrives or "gives no answer" in gate.stderr(), "not told:", gate.stderr())
                same(len(sink.requests) > before, arrives, f"{variable}={url} {more}: {gate.stderr()[-500:]}")
                same(names.asked.get("collector.test", 0) > asked, "collector.test" in url, "the name was asked for")
        sink.stop()
    with_names(work)


def test_clients_choose_no_host():
    """Nothing a client says names a host: not the model, not the path, not a header."""
    canary = Canary(0, "127.0.0.1")
    port = canary.listeners[0].getsockname()[1]
    fake = Fake()
    gate = Gateway("providers:\n" + provider("p", fake.site("p").url))
    there = f"127.0.0.1:{port}"
    for model in (f"http://{there}/m", f"p@{there}/m", f"//{there}", f"p/../{there}", f"unix:/{there}"):
        gate.post(gate.chat(model))             # at most the name of a model of p
    for headers in ([("Host", there)], [("X-Original-URL", f"http://{there}/")], [("X-Forwarded-Host", there)],
                    [("Forwarded", f"host={there}")], [("X-Base-Url", f"http://{there}/")]):
        gate.post(gate.chat("p/m"), headers=headers)
    for path in (f"http://{there}/v1/chat/completions", f"//{there}/v1/chat/completions"):
        gate.post(gate.chat("p/m"), path=path)
    same(canary.connections, 0, "connections to a host of the client's choice")
