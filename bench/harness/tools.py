"""Our two C tools: found or built, started, their results read."""

import contextlib
import json
import os
import struct
import subprocess

from harness.machine import Child, accepts, free_port, wait_for

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = {"bench_upstream": ["upstream.c", "script.c", "script_other.c", "-lssl", "-lcrypto"],
         "bench_load": ["load.c", "reply.c", "request.c"]}
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"]


def find_or_build(build, folder):
    """{tool: path}.  Those of the build are taken when no source is newer; else they
    are compiled here, which takes two seconds and asks nobody."""
    newest = max(os.path.getmtime(os.path.join(HERE, name)) for name in os.listdir(HERE)
                 if name.endswith((".c", ".h")))
    tools = {}
    for name, parts in PARTS.items():
        built = os.path.join(build, "bench", name)
        if os.path.exists(built) and os.path.getmtime(built) >= newest:
            tools[name] = built
            continue
        tools[name] = os.path.join(folder, name)
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-o", tools[name], *parts],
                       cwd=HERE, check=True)
    return tools


class Upstream:
    """A mock provider whose streams have `events` events, `rate` of them per second."""

    def __init__(self, bench, events, rate, tls=False):
        self.events, self.rate, self.tls = events, rate, tls
        self.port = free_port()
        command = [bench.tools["bench_upstream"], "--listen", str(self.port),
                   "--events", str(events), "--rate", str(rate)]
        if tls:
            command += ["--tls", bench.certificate.cert, "--key", bench.certificate.key]
        self.child = bench.start(f"upstream-{self.port}", command, bench.client_core)
        wait_for("upstream", lambda: accepts(self.port), 5)

    def seconds(self):
        return self.events / self.rate

    def stop(self):
        self.child.stop()


class Load:
    """A running load client.  Its counters are read from memory it shares with us, so
    reading them disturbs nobody."""

    FIELDS = ("started", "good", "errors", "opened", "finished", "events")

    def __init__(self, bench, gateway, *options):
        self.path = bench.path("progress")
        self.options = options
        with open(self.path, "wb") as file:
            file.write(bytes(8 * len(self.FIELDS)))
        command = [bench.tools["bench_load"], "--port", str(gateway.port), "--key",
                   gateway.key, "--model", gateway.model, "--progress", self.path]
        self.child = Child(os.path.basename(self.path), command + list(map(str, options)),
                           bench.client_core, bench.folder)
        bench.children.append(self.child)

    def progress(self):
        # Read, not mapped: the client truncates the file as it starts, and a mapped page
        # that is gone would kill us.
        with open(self.path, "rb") as file:
            data = file.read(8 * len(self.FIELDS))
        data += bytes(8 * len(self.FIELDS) - len(data))
        values = struct.unpack(f"{len(self.FIELDS)}Q", data)
        return dict(zip(self.FIELDS, values))

    def open_streams(self):
        now = self.progress()
        return now["opened"] - now["finished"]

    def result(self, seconds=180):
        text = self.child.wait(seconds)
        if not text.startswith("{"):
            raise RuntimeError(self.child.complaint())
        result = json.loads(text)
        if result["errors"]:
            result["complaint"] = self.child.complaint()
        os.unlink(self.path)
        return result


class Certificate:
    """A throwaway authority and a certificate of it for 127.0.0.1 and localhost."""

    def __init__(self, folder):
        path = lambda name: os.path.join(folder, name)
        self.ca, self.cert, self.key = path("ca.pem"), path("cert.pem"), path("key.pem")
        with open(path("san.ext"), "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                       "extendedKeyUsage=serverAuth\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for command in (
                ["req", "-x509", *new_key, "-keyout", path("ca.key"), "-out", self.ca,
                 "-days", "2", "-subj", "/CN=bench throwaway CA"],
                ["req", *new_key, "-keyout", self.key, "-out", path("cert.csr"),
                 "-subj", "/CN=localhost"],
                ["x509", "-req", "-in", path("cert.csr"), "-CA", self.ca, "-CAkey",
                 path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
                 path("san.ext"), "-out", self.cert]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        with contextlib.suppress(OSError):
            os.unlink(path("ca.key"))
