"""A provider may die at any byte: a sample of the enumeration (tests/enum) on real sockets.

The idea: scenes are drawn by the program of the enumeration, which also tells the scripted
providers here what to send; what the client got is judged by the enumeration's judge, and a whole
answer must also pass the strict readers of dialects.py. Here a connection can end in ways that the
simulated machine does not have: TLS without close_notify, and a reset that overtakes bytes.
"""

import collections
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading

import dialects
import harness
from certs import Certs
from harness import Gateway, check
from raw import SLOW, SLUICE
from runner import Skip

ENUM = pathlib.Path(os.environ.get("ENUM") or pathlib.Path(SLUICE).parent / "tests/enum")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "enum"))

import fold  # noqa: E402
import judge  # noqa: E402

FORMATS = ["openai-chat", "openai-responses", "anthropic", "gemini", "bedrock", "cohere"]
BASES = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic": "/v1", "gemini": "/v1beta",
         "bedrock": "", "cohere": "/v2"}
READERS = {each.name: each for each in dialects.ALL}
BATCH = 60                      # scenes for which one gateway has providers
CLOCKS = (", retry: { same_target: 0 }, first_token: 2s, idle: 2s, total: 30s")

certs = upstream = None


def setup():
    global certs, upstream
    if not os.access(ENUM, os.X_OK):
        raise Skip(f"no program at {ENUM} (ninja tests/enum)")
    certs = Certs()
    upstream = Upstream()


def teardown():
    upstream.stop()


class Scene:
    def __init__(self, text, slot, tls):
        self.text, self.slot, self.tls = text, slot, tls
        self.values = dict(re.findall(r"(\w+)=(\S+)", text))
        self.providers = [self.values[f"p{n}"] for n in range(3)]
        self.lock, self.attempts, self.replies = threading.Lock(), 0, []


class Upstream:
    """All providers: the first segment of the path is `SLOT-TARGET`."""

    def __init__(self):
        self.scenes, self.stopping = {}, False
        self.server = subprocess.Popen([ENUM, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lock = threading.Lock()
        self.plain, self.secret = self.listen(None), self.listen(certs.server())

    def listen(self, context):
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self.accept, args=(listener, context), daemon=True).start()
        return listener

    def stop(self):
        self.stopping = True
        self.plain.close()
        self.secret.close()
        self.server.stdin.close()
        self.server.wait(10)

    def accept(self, listener, context):
        while not self.stopping:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn, context), daemon=True).start()

    def ask(self, scene, attempt, format, body):
        """What the provider says: facts, and bytes."""
        with self.lock:
            line = f"{scene.text}|{attempt}|{FORMATS.index(format)}|{len(body)}\n"
            self.server.stdin.write(line.encode() + body)
            self.server.stdin.flush()
            facts = json.loads(self.server.stdout.readline())
            return facts, self.server.stdout.read(facts["length"])

    def serve(self, conn, context):
        try:
            conn.settimeout(60 * SLOW)
            if context:
                conn = context.wrap_socket(conn, server_side=True)
            stream = conn.makefile("rb")
            while self.exchange(conn, stream):
                pass
            stream.close()
        except (OSError, ValueError):
            pass
        finally:
            conn.close()        # of TLS too: without close_notify

    def exchange(self, conn, stream):
        line = stream.readline()
        if not line:
            return False
        length = 0
        while (field := stream.readline().strip().lower()):
            if field.startswith(b"content-length:"):
                length = int(field[15:])
        body = stream.read(length)
        slot, target = map(int, re.match(r"\w+ /(\d+)-(\d+)/", line.decode()).groups())
        scene = self.scenes[slot]
        with scene.lock:
            attempt, scene.attempts = scene.attempts, scene.attempts + 1
        facts, wire = self.ask(scene, attempt, scene.providers[target], body)
        scene.replies.append(facts)
        if facts["silent"]:
            stream.read(1)      # until the gateway leaves
            return False
        conn.sendall(wire[:facts["pause"] or len(wire)])
        if facts["pause"] and facts["pause"] < len(wire):
            conn.sendall(wire[facts["pause"]:])
        if facts["then"] == "rst":
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return facts["then"] == "keep"


def gateway_for(scenes):
    body, routes = "providers:\n", "routes:\n"
    for scene in scenes:
        for target, format in enumerate(scene.providers):
            tls = scene.tls and target == 0
            port = (upstream.secret if tls else upstream.plain).getsockname()[1]
            body += (f'  p{scene.slot}x{target}: {{ format: {format}, key: none, url: "http{"s" * tls}'
                     f'://127.0.0.1:{port}/{scene.slot}-{target}{BASES[format]}"'
                     + (f", tls: {{ ca: {certs.ca} }}" if tls else "") + " }\n")
        targets = ", ".join(f"p{scene.slot}x{n}/m" for n in range(3))
        routes += f"  r{scene.slot}: {{ targets: [{targets}]{CLOCKS} }}\n"
    return Gateway(body + routes, auth="open")


def ask(gateway, scene):
    """The client: (status, ending, body)."""
    path, body = subprocess.run([ENUM, "--ask", scene.text], capture_output=True, check=True,
                                ).stdout.split(b"\n")[:2]
    path = re.sub(r"/r(?=[:/])", f"/r{scene.slot}", path.decode())
    body = body.replace(b'"model":"r"', b'"model":"r%d"' % scene.slot)
    client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60 * SLOW)
    try:
        client.request("POST", path, body, {"Content-Type": "application/json"})
        reply = client.getresponse()
        try:
            return reply.status, "whole", reply.read()
        except http.client.IncompleteRead as cut:
            return reply.status, "cut", cut.partial
        except ConnectionError:
            return reply.status, "reset", b""
    except (http.client.HTTPException, OSError) as why:
        return 0, f"lost ({why})", b""
    finally:
        client.close()


def verdict(scene, status, ending, body):
    """What the enumeration's judge says, and for a whole answer the strict reader too."""
    court, facts = judge.Judge(), scene.replies
    oracle = facts[0]["oracle"] if facts else {"parts": []}
    accepts = [each for reply in facts for each in reply["accepts"]]
    court.answers = dict(enumerate([oracle, *accepts]))
    court.bodies = {0: body}
    case = {"client": scene.values["client"], "providers": scene.providers, "status": status,
            "ending": ending, "body": 0, "oracle": 0, "accepts": list(range(1, len(accepts) + 1)),
            "attempts": scene.attempts, "continued": sum(reply["continued"] for reply in facts),
            "as_sent": 0, "prefills": 0, **{k: scene.values[k] for k in ("shape", "cut", "second", "third")}}
    said, why = court.verdict(case)
    if said == "exact" and case["providers"][0] == case["client"] == case["providers"][1]:
        try:
            READERS[case["client"]].stream(body)
        except (AssertionError, KeyError, ValueError) as odd:
            # It died between messageStop and metadata: what was used is lost, the answer is whole.
            ended = case["client"] == "bedrock" and case["cut"] != "NONE" and str(odd) == "ends in over"
            if scene.values["shape"] != "emoji" and not ended:      # emoji has halves of pairs
                return "odd", f"dialects.py: {odd}"
    return said, why


def test_sample():
    """Rows of 60 scenes; each answer is exact or honestly broken."""
    rows = 84 if harness.NIGHT else 1 if harness.FEW else 3
    for row in range(rows):
        def run(row=row):
            lines = subprocess.run([ENUM, "--sample", str(BATCH), str(1000 + row)], capture_output=True,
                                   check=True, text=True).stdout.splitlines()
            scenes = [Scene(text, slot, slot % 4 == 0) for slot, text in enumerate(lines)]
            upstream.scenes = {scene.slot: scene for scene in scenes}
            gateway = gateway_for(scenes)
            failures, counts, lock = [], collections.Counter(), threading.Lock()
            waiting = iter(scenes)

            def work():
                while True:
                    with lock:
                        scene = next(waiting, None)
                    if scene is None:
                        return
                    found = ask(gateway, scene)
                    said, why = verdict(scene, *found)
                    with lock:
                        counts[said] += 1
                        if said in ("wrong", "odd") and not judge.KNOWN.match(why):
                            failures.append(f"{why}\n  {scene.text} tls={scene.tls}\n  {found[2][-300:]!r}")
            threads = [threading.Thread(target=work) for _ in range(12)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            rows = len(gateway.rows("number > 0"))
            gateway.remove()
            check(not failures, f"{len(failures)} of {BATCH} scenes, first:\n" + "\n".join(failures[:3]))
            check(sum(counts.values()) == BATCH and counts["exact"] > 5 and counts["honest"] + counts["exact"] > 50,
                  "too little came out whole:", dict(counts), rows)
        run.seconds = 300
        yield f"row {row}", run
