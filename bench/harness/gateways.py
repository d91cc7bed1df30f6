"""The subjects of the comparison: how each is configured, started and found at rest.

All are in their plainest form that can carry an AI stream: upstream connections kept
alive, no buffering of answers, no logs.  Sluice alone authenticates, meters, journals and
records, because that is what it is for; its log goes to a file.
"""

import contextlib
import http.client
import json
import os
import socket
import sqlite3
import subprocess
import time

from harness.machine import accepts, cpu_between, free_port, wait_for

NGINX = "/usr/sbin/nginx"
HAPROXY = "/usr/sbin/haproxy"

NGINX_CONFIG = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections {room}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_timeout 300s;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass {scheme}://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 300s;
{tls}
        }}
    }}
}}
"""

NGINX_TLS = """\
            proxy_ssl_protocols TLSv1.3;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_name localhost;"""

HAPROXY_CONFIG = """\
global
    nbthread 1
    maxconn {room}
defaults
    mode http
    http-reuse always
    option http-no-delay
    timeout connect 5s
    timeout client 300s
    timeout server 300s
frontend clients
    bind 127.0.0.1:{port} backlog 4096
    default_backend provider
backend provider
    server upstream 127.0.0.1:{upstream} pool-purge-delay 300s{tls}
"""

HAPROXY_TLS = " ssl verify required ca-file {ca} verifyhost localhost ssl-min-ver TLSv1.3"

SLUICE_CONFIG = """\
version: 1
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
data: {folder}/data
auth: keys
workers: {workers}
providers:
  bench:
    format: openai-chat
    url: "{scheme}://127.0.0.1:{upstream}/v1"
    key: none{tls}
routes:
  fast: {{ targets: [bench/bench-model] }}
"""

# What a Governed has more than SLUICE_CONFIG: budgets want to know what a model costs.
PRICES = """\
prices:
  bench/bench-model: {{ input: $0.25/1M, cache_read: $0.025/1M, output: $2/1M }}
"""
# Of organisation, team and key each: far more than a bench can use up.
LIMITS = {"rpm": 4_000_000_000, "tpm": 4_000_000_000, "concurrent": 1_000_000}

# What a Translator has more than SLUICE_CONFIG.
TRANSLATED_ROUTES = """\
  claude: {{ targets: [claude/claude-haiku-4-5] }}
  nova: {{ targets: [nova/amazon.nova-lite-v1:0] }}
"""
TRANSLATED_PROVIDERS = """\
  claude: {{ format: anthropic, url: "http://127.0.0.1:{upstream}/v1", key: none }}
  nova: {{ format: bedrock, url: "http://127.0.0.1:{upstream}", key: none }}
"""


class Gateway:
    name = "?"
    key = "none"
    model = "bench-model"
    child = None

    def __init__(self, bench, upstream, room=4096, workers=1):
        self.bench, self.upstream = bench, upstream
        self.room, self.workers = room, workers
        self.port = free_port()
        self.folder = bench.path(self.name)
        os.mkdir(self.folder)
        self.configure()

    def configure(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def write_config(self, name, template, **values):
        values = {"folder": self.folder, "port": self.port, "room": self.room,
                  "upstream": self.upstream.port, "tls": "", **values}
        self.config = os.path.join(self.folder, name)
        with open(self.config, "w", encoding="ascii") as file:
            file.write(template.format(**values))

    def spawn(self):
        """Starts it without waiting until it answers."""
        self.child = self.bench.start(self.name, self.command(), self.bench.gateway_core,
                                      self.folder, env=self.environment())
        return self

    def start(self):
        self.spawn()
        try:
            wait_for("answer", lambda: not self.child.alive() or accepts(self.port), 10)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {self.child.complaint()}") from None
        if not self.child.alive():
            raise RuntimeError(self.child.complaint())
        return self

    def environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.folder}

    def stop(self):
        if self.child:
            self.child.stop()

    def cpu(self):
        return self.child.cpu()

    def memory(self):
        return self.child.memory()

    def settle(self):
        """Waits until all work for past requests is done; None, or what went wrong."""
        return None

    def rows(self):
        """How many exchanges its ledger holds; None where there is no such thing."""
        return None

    def ask(self):
        """One plain request over a fresh connection: the whole answer, or b""."""
        body = json.dumps({"model": self.model,
                           "messages": [{"role": "user", "content": "hello"}]}).encode()
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Type: application/json\r\nAuthorization: Bearer {self.key}\r\n"
                f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n")
        answer = b""
        with contextlib.suppress(OSError), socket.socket() as connection:
            connection.settimeout(5)
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(head.encode() + body)
            while piece := connection.recv(65536):
                answer += piece
                if b'"total_tokens"' in answer:
                    break
        return answer


class Direct(Gateway):
    """No gateway: the client asks the upstream itself."""
    name = "direct"

    def configure(self):
        self.port = self.upstream.port

    def spawn(self):
        return self

    start = spawn

    def cpu(self):
        return {}


class Nginx(Gateway):
    name = "nginx"

    def configure(self):
        tls = self.upstream.tls
        self.write_config(
            "nginx.conf", NGINX_CONFIG, user="user root;" if os.geteuid() == 0 else "",
            files=self.room + 64, scheme="https" if tls else "http",
            tls=NGINX_TLS.format(ca=self.bench.certificate.ca) if tls else "")

    def command(self):
        return [NGINX, "-p", self.folder, "-e", os.path.join(self.folder, "nginx.log"),
                "-c", self.config]


class Haproxy(Gateway):
    name = "haproxy"

    def configure(self):
        tls = self.upstream.tls
        self.write_config("haproxy.cfg", HAPROXY_CONFIG, tls=HAPROXY_TLS.format(
            ca=self.bench.certificate.ca) if tls else "")

    def command(self):
        return [HAPROXY, "-db", "-q", "-f", self.config]


class Sluice(Gateway):
    name = "sluice"
    model = "fast"

    def configure(self):
        tls = self.upstream.tls
        self.write_config(
            "sluice.yaml", SLUICE_CONFIG, admin=free_port(), workers=self.workers,
            scheme="https" if tls else "http",
            tls=f'\n    tls: {{ ca: "{self.bench.certificate.ca}" }}' if tls else "")
        self.key = self.make_key()

    def make_key(self):
        return self.create("keys", "bench")["key"]

    def create(self, kind, name, *options):
        made = subprocess.run(
            [self.bench.sluice, kind, "create", "--name", name, "--json", "-c",
             self.config, *options], env=self.environment(), cwd=self.folder,
            capture_output=True, text=True, timeout=20, check=False)
        if made.returncode != 0:
            raise RuntimeError(f"sluice {kind} create: {made.stderr.strip()[-1000:]}")
        return json.loads(made.stdout)

    def command(self):
        return [self.bench.sluice, "-c", self.config]

    def settle(self):
        """The recorder works behind the requests, and what it does later was caused by
        them.  It is at rest when the process uses less than 1 % of its core for half a
        second; its poll every 100 ms costs far less than that."""
        quiet, end = 0, time.monotonic() + 60
        before = self.cpu()
        while quiet < 2:
            if time.monotonic() > end:
                return "the recorder was still working after 60 s"
            time.sleep(0.25)
            after = self.cpu()
            quiet = quiet + 1 if cpu_between(before, after) < 2_500_000 else 0
            before = after
        return None

    def rows(self):
        """Read only, after settle(), and closed at once: a reader that stays would keep
        the recorder from truncating its write-ahead log."""
        data = os.path.join(self.folder, "data")
        for name in sorted(os.listdir(data)) if os.path.isdir(data) else ():
            if not name.endswith((".db", ".sqlite", ".sqlite3")):
                continue
            with contextlib.suppress(sqlite3.Error), contextlib.closing(
                    sqlite3.connect(f"file:{data}/{name}?mode=ro", uri=True)) as ledger:
                return ledger.execute("SELECT count(*) FROM exchanges").fetchone()[0]
        return None


class Governed(Sluice):
    """Sluice with rates and a number of requests at a time on the organisation, a team and
    a key, a budget for each month on the team and for each day on the key."""

    def write_config(self, name, template, **values):
        super().write_config(name, template + PRICES, **values)

    def make_key(self):
        limits = [text for name, most in LIMITS.items() for text in (f"--{name}", str(most))]
        self.create("teams", "research", *limits, "--budget", "900000/month")
        return self.create("keys", "bench", "--team", "research", *limits, "--budget",
                           "900000/day")["key"]

    def start(self):
        super().start()
        wait_for("admin.sock", lambda: os.path.exists(self.socket_path()), 10)
        self.admin("PATCH", "/admin/v1/organisations/default", {"limits": LIMITS})
        return self

    def socket_path(self):
        return os.path.join(self.folder, "data", "admin.sock")

    def admin(self, method, path, body=None):
        """The text of the answer; behind the socket nobody needs a token."""
        link = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX) as link.sock:
            link.sock.settimeout(10)
            link.sock.connect(self.socket_path())
            link.request(method, path, json.dumps(body) if body else None,
                         {"Content-Type": "application/json"} if body else {})
            answer = link.getresponse()
            text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]}")
        return text

    def not_governed(self):
        """What is missing of all that is to be measured; None: nothing."""
        answer = self.ask()
        if f"x-ratelimit-limit-requests: {LIMITS['rpm']}".encode() not in answer:
            return f"there is no limit in the answer: {answer[:300]}"
        if self.settle():
            return "the recorder does not come to rest"
        for kind, name, window in (("teams", "research", "month"), ("keys", "bench", "day")):
            node = json.loads(self.admin("GET", f"/admin/v1/{kind}/{name}"))
            if not node["usage"]["budget"][window]["spent"].strip("$0."):
                return f"nothing was charged to {name}"
        if "sluice_" not in self.admin("GET", "/metrics"):
            return "/metrics is empty"
        return None


class Translator(Sluice):
    """Sluice with a provider of each format the upstream speaks: a route each."""
    name = "translator"

    def write_config(self, name, template, **values):
        template = template.replace("routes:\n", TRANSLATED_PROVIDERS + "routes:\n")
        super().write_config(name, template + TRANSLATED_ROUTES, **values)


def available(bench):
    """The classes that can run here.  A quick run does without HAProxy: the targets are
    ratios to nginx."""
    kinds = [Direct]
    if os.path.exists(NGINX):
        kinds.append(Nginx)
    if os.path.exists(HAPROXY) and not bench.quick:
        kinds.append(Haproxy)
    if bench.sluice:
        kinds.append(Sluice)
    return kinds
