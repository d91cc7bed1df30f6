"""The raw-byte scripted upstream: an AI provider that does exactly what a test tells it to.

The idea: a *script* is a function of one exchange, `script(x)`, that sends bytes, waits, stalls,
ends or resets the connection; answers.py holds the usual ones. Which script runs is decided by
*site*, the first path segment of the base URL (`http://127.0.0.1:PORT/SITE/v1`), so one server
plays any number of providers: first the site's queue, then its script for the model, then its
default. Every request is recorded byte for byte; every attempt id (`x-client-request-id`) goes
on the provider's own *bill*, the oracle for the ledger. Whatever the gateway sends that is not
clean HTTP/1.1 becomes a violation, which the runner reports as a failure.
"""

import json
import select
import socket
import struct
import threading
import time

import answers
from raw import SLOW, drained, show, until


class Gone(Exception):
    """The gateway has closed the connection."""


class Request:
    """One request as it came; `complete` once its body is there, `gone` once the peer left."""

    def __init__(self, number, conn_id, raw_head):
        self.number, self.conn_id, self.raw_head = number, conn_id, raw_head
        self.at, self.gone_at, self.answered_at = time.monotonic(), None, None
        self.raw_body, self.body = b"", b""
        self.complete = False
        self.sent = 0                       # bytes of the answer handed to the kernel
        self.gone = threading.Event()
        self.method = self.target = ""
        self.headers = []

    def header(self, name):
        values = self.all(name)
        return values[0] if values else None

    def all(self, name):
        return [value for n, value in self.headers if n.lower() == name.lower()]

    @property
    def id(self):
        return self.header("x-client-request-id")

    def json(self):
        return json.loads(self.body)

    def wants_stream(self):
        try:
            return self.json().get("stream") is True
        except (ValueError, AttributeError):
            return False

    def wants_usage(self):
        try:
            return (self.json().get("stream_options") or {}).get("include_usage") is True
        except (ValueError, AttributeError):
            return False


class Bill:
    """What this provider would invoice for one attempt."""

    def __init__(self, request, site):
        self.id, self.site, self.request = request.id, site, request
        self.input = 10 + request.number % 990          # all different, so a mix-up shows
        self.output = 1 + request.number * 7 % 980
        self.again = False                  # an earlier one of this id got no byte of an answer
        self.reported = False               # every byte of an answer with this usage was sent


class Exchange:
    """What a script gets: the request, the bill, and the connection to answer on."""

    def __init__(self, fake, site, request, conn):
        self.fake, self.site, self.request, self.conn = fake, site, request, conn
        self.bill = None
        self.over = False

    def send(self, data, pieces=None, settled=True):
        """Sends `data`; `pieces` cuts it: a size, or a list of offsets. Between pieces it waits
        (if settled) until the gateway has read the last one, so each is a read of its own."""
        if pieces is None:
            cuts = [len(data)]
        elif isinstance(pieces, int):
            cuts = [*range(pieces, len(data), pieces), len(data)]
        else:
            cuts = [*sorted(at for at in pieces if 0 < at < len(data)), len(data)]
        start = 0
        for end in cuts:
            if start and settled:
                drained(self.conn)
            try:
                self.conn.sendall(data[start:end])
            except OSError:
                self.left()
                raise Gone() from None
            self.request.sent += end - start
            start = end

    def left(self):
        if not self.request.gone.is_set():
            self.request.gone_at = time.monotonic()
            self.request.gone.set()

    def peer_is_gone(self, seconds=0.0):
        """True when the gateway closed or reset; waits for it at most `seconds`."""
        watch = select.poll()
        watch.register(self.conn, select.POLLIN)
        if not watch.poll(seconds * 1000):
            return False
        try:
            data = self.conn.recv(65536)
        except OSError:
            data = b""
        if data:
            if self.request.complete:
                self.fake.violation(f"bytes while an answer was pending: {show(data)}")
            return False
        self.left()
        return True

    def drain(self):
        """Reads and drops whatever still comes until the gateway closes; gives its size."""
        size = 0
        try:
            while data := self.conn.recv(262144):
                size += len(data)
        except OSError:
            pass
        self.left()
        self.close()
        return size

    def hold(self, seconds=30.0):
        """Reads nothing more, waits until the gateway closes or resets."""
        watch = select.poll()
        watch.register(self.conn, select.POLLRDHUP)
        end = time.monotonic() + seconds * SLOW
        while not watch.poll(50) and time.monotonic() < end and not self.fake.stopped.is_set():
            pass
        self.left()
        self.close()

    def wait(self, gate, seconds=60.0):
        """Until the test opens the gate (a threading.Event); Gone if the gateway leaves first."""
        end = time.monotonic() + seconds * SLOW
        while not gate.wait(0.2):           # hundreds of scripts may wait at once
            if self.peer_is_gone():
                raise Gone()
            if time.monotonic() > end or self.fake.stopped.is_set():
                raise Gone()

    def stall(self, seconds=120.0):
        """Says nothing more until the gateway gives up."""
        end = time.monotonic() + seconds * SLOW
        while not self.peer_is_gone(0.05):
            if time.monotonic() > end or self.fake.stopped.is_set():
                break
        self.close()

    def close(self):
        """FIN, or for TLS an end without close_notify."""
        self.over = True
        try:
            self.conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.conn.close()

    def reset(self):
        """RST. What was sent before is read by the gateway first, so the cut is where we say."""
        drained(self.conn)
        self.over = True
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.conn.close()

    def end(self, how):
        """keep, fin, rst or stall."""
        {"keep": lambda: None, "fin": self.close, "rst": self.reset, "stall": self.stall}[how]()


class Site:
    """One provider among those this server plays."""

    def __init__(self, fake, name):
        self.fake, self.name = fake, name
        self.default = answers.auto
        self.models = {}                    # model name -> script
        self.early = None                   # runs when the head is there, before any body
        self.pending = []
        self.requests = []

    @property
    def url(self):
        return f"{self.fake.origin}/{self.name}/v1"

    def queue(self, *scripts):
        """The next answers, in order; then the default again."""
        self.pending.extend(scripts)

    def pick(self, request):
        if self.pending:
            return self.pending.pop(0)
        if self.models:
            try:
                return self.models.get(request.json().get("model"), self.default)
            except (ValueError, AttributeError):
                pass
        return self.default

    def wait(self, count, seconds=5.0):
        """The `count`-th request of this site, complete."""
        until(lambda: len(self.requests) >= count and self.requests[count - 1].complete,
              f"site {self.name} to get request {count} (has {len(self.requests)})", seconds)
        return self.requests[count - 1]

    def clear(self):
        self.pending.clear()
        self.requests.clear()


class Fake:
    """The server. `tls` is an ssl.SSLContext; `on_accept(conn)` may ruin a connection at birth
    by returning true."""

    everyone = []                           # for the runner: all that live, with their violations

    def __init__(self, tls=None, on_accept=None, host="127.0.0.1"):
        self.tls, self.on_accept = tls, on_accept
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 0))
        self.listener.listen(1024)
        self.host, self.port = self.listener.getsockname()
        self.origin = f"{'https' if tls else 'http'}://{self.host}:{self.port}"
        self.sites, self.bill = {}, {}
        self.requests, self.violations, self.tls_failures = [], [], []
        self.mute = False                   # nothing is a violation here
        self.bytes_in = self.connections = 0
        self.open = set()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        Fake.everyone.append(self)
        threading.Thread(target=self._accept, daemon=True).start()

    def site(self, name):
        with self.lock:
            return self.sites.setdefault(name, Site(self, name))

    def violation(self, text):
        if not self.mute:
            self.violations.append(text)

    def stop(self):
        """Closes everything; running scripts end with Gone."""
        self.stopped.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for conn in list(self.open):
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self in Fake.everyone:
            Fake.everyone.remove(self)

    def close_idle(self):
        """FIN on every open connection."""
        for conn in list(self.open):
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # --- connections ---

    def _accept(self):
        while not self.stopped.is_set():
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(conn, self.connections),
                             daemon=True).start()

    def _serve(self, conn, conn_id):
        self.open.add(conn)
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.on_accept and self.on_accept(conn):
                return
            if self.tls:
                plain = conn
                try:
                    conn = self.tls.wrap_socket(plain, server_side=True)
                except OSError as why:
                    self.tls_failures.append(str(why))
                    return
                self.open.discard(plain)
                self.open.add(conn)
            self._requests(conn, conn_id)
        except (OSError, Gone):
            pass
        finally:
            self.open.discard(conn)
            conn.close()

    def _requests(self, conn, conn_id):
        buffer = b""
        last = None
        while True:
            while b"\r\n\r\n" not in buffer:
                data = self._recv(conn)
                if not data:
                    if buffer:
                        self.violation(f"connection ended inside a head: {show(buffer)}")
                    if last:
                        last.left()
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            with self.lock:
                request = Request(len(self.requests) + 1, conn_id, head + b"\r\n\r\n")
                self.requests.append(request)
            site = self._parse(request)
            site.requests.append(request)
            x = last = Exchange(self, site, request, conn)
            try:
                if site.early:
                    site.early(x)
                    if x.over:
                        return
                buffer = self._body(request, conn, buffer)
                if not request.complete:
                    x.left()
                    return
                self._enter(x)
                site.pick(request)(x)
                request.answered_at = time.monotonic()
            except (Gone, OSError):
                x.left()
                return
            except Exception as why:                # a fault of the test's own script
                self.violation(f"script for {site.name!r}: {why!r}")
                return
            if x.over:
                return

    def _recv(self, conn):
        try:
            data = conn.recv(262144)
        except OSError:
            data = b""
        self.bytes_in += len(data)
        return data

    def _enter(self, x):
        """The attempt goes on the bill. An id may come twice only when the first got no byte."""
        bill = x.bill = Bill(x.request, x.site.name)
        if x.request.method != "POST":
            return
        if not bill.id:
            self.violation(f"no x-client-request-id: {show(x.request.raw_head)}")
            return
        with self.lock:
            before = self.bill.get(bill.id)
            if before and (before.request.sent or before.again):
                self.violation(f"attempt id {bill.id} came again after an answer")
            bill.again = before is not None     # a stale connection: resent once, the same attempt
            self.bill[bill.id] = bill

    # --- strict reading ---

    def _parse(self, request):
        """Method, target and headers; gives the site."""
        lines = request.raw_head[:-4].split(b"\r\n")
        parts = lines[0].split(b" ")
        if len(parts) != 3 or parts[2] != b"HTTP/1.1":
            self.violation(f"request line {show(lines[0])}")
            parts = (parts + [b"", b"", b""])[:3]
        request.method, request.target = parts[0].decode("latin1"), parts[1].decode("latin1")
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name.strip() != name or b" " in name \
                    or any(byte < 32 and byte != 9 or byte == 127 for byte in line):
                self.violation(f"header line {show(line)}")
            request.headers.append((name.decode("latin1"), value.strip(b" \t").decode("latin1")))
        if request.all("host") != [f"{self.host}:{self.port}"]:
            self.violation(f"Host is {request.all('host')}, not {self.host}:{self.port}")
        framing = request.all("content-length"), request.all("transfer-encoding")
        if len(framing[0]) + len(framing[1]) > 1:
            self.violation(f"framing {framing}")
        segments = request.target.split("?")[0].strip("/").split("/")
        return self.site("" if segments[0] == "v1" else segments[0])

    def _body(self, request, conn, buffer):
        """Reads the body by its framing; gives what was left in the buffer."""
        coding, length = request.header("transfer-encoding"), request.header("content-length")
        parts, raw = [], []

        def need(size):
            nonlocal buffer
            pieces, have = [buffer], len(buffer)
            while have < size:
                data = self._recv(conn)
                if not data:
                    request.raw_body = b"".join(raw) + b"".join(pieces)
                    raise Gone()
                pieces.append(data)
                have += len(data)
            buffer = b"".join(pieces)

        def take(size):
            nonlocal buffer
            need(size)
            piece, buffer = buffer[:size], buffer[size:]
            raw.append(piece)
            return piece

        def line():
            while b"\r\n" not in buffer:
                need(len(buffer) + 1)
            return take(buffer.index(b"\r\n") + 2)[:-2]

        try:
            if coding:
                if coding != "chunked":
                    self.violation(f"transfer-encoding {coding}")
                while True:
                    size = line()
                    if not size or size.strip(b"0123456789abcdefABCDEF"):
                        self.violation(f"chunk size {show(size)}")
                        return buffer
                    if int(size, 16) == 0:
                        if line():
                            self.violation("trailers")
                        break
                    parts.append(take(int(size, 16)))
                    if take(2) != b"\r\n":
                        self.violation("chunk data not ended by CRLF")
            elif length:
                parts.append(take(int(length)))
        except Gone:
            return buffer
        request.raw_body, request.body = b"".join(raw), b"".join(parts)
        request.complete = True
        return buffer


# --- addresses where nobody answers ---------------------------------------------------------------

class Refused:
    """A port that is taken but not listened on: every connect is refused."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}/v1"

    def stop(self):
        self.sock.close()


class BlackHole:
    """A listener whose queue is full: a SYN is dropped and connect() hangs, as with a dead host."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(0)
        self.filler = []
        address = self.sock.getsockname()
        while len(self.filler) < 64:
            filler = socket.socket()
            filler.settimeout(0.2)
            self.filler.append(filler)
            try:
                filler.connect(address)
            except OSError:
                break
        self.url = f"http://127.0.0.1:{address[1]}/v1"

    def stop(self):
        for sock in [self.sock, *self.filler]:
            sock.close()
