"""A client that sends exactly the bytes it is told to and reads answers with suspicion.

The idea: nothing here forgives. A reply whose framing is doubtful is an error of the test run
(`BadReply`), because a lenient client would hide exactly the faults these suites look for.
Waiting is always for a condition with a deadline; SLOW stretches every deadline for sanitizer
builds, which are recognised. Starting the gateway and configuration belong to harness.py.
"""

import os
import socket
import struct
import time

SLUICE = os.path.abspath(os.environ.get(
    "SLUICE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/sluice")))


def _sanitizer():
    """The sanitizer this binary was built with, seen by a symbol of its runtime."""
    try:
        with open(SLUICE, "rb") as file:
            data = file.read()
    except OSError:
        return None
    return next((name for name in ("tsan", "asan") if f"__{name}_init".encode() in data), None)


SANITIZER = _sanitizer()
SLOW = float(os.environ.get("E2E_SLOW", {"tsan": 6, "asan": 3}.get(SANITIZER, 1)))


class BadReply(Exception):
    """What the gateway sent is not HTTP, or is not there."""


class Late(Exception):
    """A condition did not come true before its deadline."""


def until(condition, what, seconds=5.0):
    """Polls `condition` until it is true and gives its value; says what it saw last if late."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"not within {seconds * SLOW:.0f} s: {what}; last saw {value!r}")
        time.sleep(0.002)


def show(data, limit=300):
    """Bytes for a message: repr, shortened in the middle."""
    data = bytes(data)
    if len(data) > limit:
        return f"{data[:limit // 2]!r}..{len(data) - limit} more..{data[-limit // 2:]!r}"
    return repr(data)


# --- has the other side read what we sent? ------------------------------------------------------

class _Diag:
    """Asks the kernel about one loopback socket (inet_diag, exact lookup with tcp_info)."""

    def __init__(self):
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)

    def received(self, here, there):
        """Of the socket bound to `here` and connected to `there`: (bytes waiting unread, bytes
        received so far), or None when there is no such socket any more."""
        where = struct.pack("!HH", here[1], there[1]) + \
            socket.inet_aton(here[0]) + bytes(12) + socket.inet_aton(there[0]) + bytes(12)
        ask = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 2, 0, 0xffffffff) + \
            where + struct.pack("=III", 0, 0xffffffff, 0xffffffff)
        self.netlink.send(struct.pack("=IHHII", 16 + len(ask), 20, 1, 1, 0) + ask)
        answer = self.netlink.recv(8192)
        if struct.unpack_from("=H", answer, 4)[0] == 2:
            return None
        at = 16 + 72
        while at + 4 <= len(answer):
            size, kind = struct.unpack_from("=HH", answer, at)
            if kind == 2 and size >= 4 + 136:
                return (struct.unpack_from("=I", answer, 16 + 4 + 48 + 4)[0],
                        struct.unpack_from("=Q", answer, at + 4 + 128)[0])
            at += max(4, (size + 3) & ~3)
        return None


def drained(sock, seconds=5.0):
    """Waits until the peer's process has read everything that was sent on this loopback socket:
    the peer's kernel has got it all, and none of it waits in its queue."""
    try:
        here, there = sock.getsockname(), sock.getpeername()
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        sent, again = struct.unpack_from("=QQ", info, 200)      # bytes sent, bytes of them resent
    except (OSError, struct.error):
        return
    diag = _Diag()
    try:
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            seen = diag.received(there, here)
            if seen is None or (seen[0] == 0 and seen[1] >= sent - again):
                return
            time.sleep(0)
    finally:
        diag.netlink.close()


# --- replies ------------------------------------------------------------------------------------

class Reply:
    """One answer. `end` says how its body ended: none, length, chunked, close, or cut, reset."""

    def __init__(self):
        self.status = 0
        self.reason = ""
        self.version = ""
        self.headers = []       # (lower-case name, value), as received
        self.body = bytearray()
        self.end = None         # None while more may come
        self.interim = []       # statuses of 1xx answers seen before
        self.framing = None
        self.left = 0

    def header(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise BadReply(f"header {name} came {len(values)} times: {values}")
        return values[0] if values else None

    def all(self, name):
        return [value for n, value in self.headers if n == name.lower()]

    def json(self):
        import json
        try:
            return json.loads(self.body)
        except ValueError as why:
            raise BadReply(f"status {self.status}, body is not JSON ({why}): {show(self.body)}")

    def closes(self):
        return "close" in (self.header("connection") or "").lower()

    def __str__(self):
        return f"{self.status} {show(self.body, 200)} ({self.end})"


class Raw:
    """One client connection."""

    def __init__(self, port, host="127.0.0.1", timeout=15.0, rcvbuf=None, tls=None, source=None):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(timeout * SLOW)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.buffer = bytearray()
        self.ended = None       # "eof" or "reset" once the peer is gone

    # sending: false when the peer no longer takes our bytes, which a refusal may well do

    def send(self, data):
        try:
            self.sock.sendall(data)
            return True
        except (ConnectionResetError, BrokenPipeError):
            return False

    def send_bytewise(self, data):
        return all(self.send(data[i:i + 1]) for i in range(len(data)))

    def send_split(self, data, *offsets):
        """Sends in pieces; each is read by the gateway before the next one leaves."""
        cuts = [0, *sorted(offsets), len(data)]
        for start, end in zip(cuts, cuts[1:]):
            if start > 0:
                drained(self.sock)
            if not self.send(data[start:end]):
                return False
        return True

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # receiving

    def _fill(self):
        """One more piece into the buffer; false at the end of the connection."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            self.ended = "reset"
            return False
        except socket.timeout:
            raise BadReply(f"nothing came for {self.sock.gettimeout():.0f} s, "
                           f"had {show(self.buffer)}") from None
        if not data:
            self.ended = "eof"
            return False
        self.buffer += data
        return True

    def _take(self, size):
        piece = bytes(self.buffer[:size])
        del self.buffer[:size]
        return piece

    def _line(self, what):
        while True:
            at = self.buffer.find(b"\n")
            if at >= 0:
                line = self._take(at + 1)
                if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                    raise BadReply(f"{what} not ended by CRLF: {show(line)}")
                return line[:-2]
            if len(self.buffer) > 70000:
                raise BadReply(f"endless {what}: {show(self.buffer)}")
            if not self._fill():
                raise BadReply(f"connection ended ({self.ended}) in {what}, "
                               f"had {show(self.buffer)}")

    def head(self, method="POST"):
        """Status line and headers of the next final answer; its body is pulled by more()."""
        reply = Reply()
        while True:
            line = self._line("status line")
            parts = line.split(b" ", 2)
            if len(parts) < 3 or parts[0] not in (b"HTTP/1.1", b"HTTP/1.0") \
                    or len(parts[1]) != 3 or not parts[1].isdigit():
                raise BadReply(f"bad status line: {show(line)}")
            status, headers = int(parts[1]), []
            while line := self._line("header"):
                name, colon, value = line.partition(b":")
                if not colon or not name or name.strip() != name:
                    raise BadReply(f"bad header line: {show(line)}")
                if any(byte < 32 and byte != 9 or byte == 127 for byte in value):
                    raise BadReply(f"control byte in header: {show(line)}")
                headers.append((name.decode("latin1").lower(), value.strip(b" \t").decode("latin1")))
            if 100 <= status < 200 and status != 101:
                reply.interim.append(status)
                continue
            break
        reply.version, reply.status = parts[0].decode(), status
        reply.reason, reply.headers = parts[2].decode("latin1"), headers
        length, coding = reply.header("content-length"), reply.header("transfer-encoding")
        if length is not None and coding is not None:
            raise BadReply("content-length and transfer-encoding together")
        if coding is not None and coding != "chunked":
            raise BadReply(f"transfer-encoding: {coding}")
        if length is not None and not (length.isdigit() and length == str(int(length))):
            raise BadReply(f"content-length: {length}")
        if method == "HEAD" or status in (101, 204, 304):
            reply.framing = reply.end = "none"
        elif coding:
            reply.framing = "chunked"
        elif length is not None:
            reply.framing, reply.left = "length", int(length)
            if reply.left == 0:
                reply.end = "length"
        else:
            reply.framing = "close"
        return reply

    def more(self, reply):
        """Pulls one more piece of the body; false when it has ended (see reply.end)."""
        if reply.end:
            return False
        if reply.framing == "chunked" and reply.left == 0:
            try:
                size = self._line("chunk size")
                if not size or size.strip(b"0123456789abcdefABCDEF"):
                    raise BadReply(f"bad chunk size: {show(size)}")
                reply.left = int(size, 16)
                if reply.left == 0:
                    while self._line("trailer"):
                        pass
                    reply.end = "chunked"
                    return False
            except BadReply:
                return self._ended(reply)
        if not self.buffer and not self._fill():
            if reply.framing == "close" and self.ended == "eof":
                reply.end = "close"
                return False
            return self._ended(reply)
        if reply.framing == "close":
            reply.body += self._take(len(self.buffer))
            return True
        piece = self._take(reply.left)
        reply.body += piece
        reply.left -= len(piece)
        if reply.left == 0 and reply.framing == "length":
            reply.end = "length"
        if reply.left == 0 and reply.framing == "chunked":
            while len(self.buffer) < 2 and self._fill():
                pass
            if not self.buffer.startswith(b"\r\n"):
                if len(self.buffer) < 2:
                    return self._ended(reply)
                raise BadReply(f"chunk not ended by CRLF but {show(self.buffer[:20])}")
            self._take(2)
        return True

    def _ended(self, reply):
        if not self.ended:
            raise
        reply.end = "reset" if self.ended == "reset" else "cut"
        return False

    def reply(self, method="POST"):
        """The whole next answer."""
        reply = self.head(method)
        while self.more(reply):
            pass
        return reply

    def until_body(self, reply, wanted):
        """Reads on until `wanted` stands in the body; true when it does."""
        while wanted not in reply.body:
            if not self.more(reply):
                return wanted in reply.body
        return True

    def left_over(self, seconds=3.0):
        """Waits for the end of the connection: ("eof"|"reset"|"open", bytes that still came)."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds * SLOW)
        try:
            while self._fill():
                pass
        except BadReply:
            return "open", self.buffer
        finally:
            self.sock.settimeout(before)
        return self.ended, self.buffer


def request(method, target, headers=(), body=None, version="HTTP/1.1", host="gateway.test"):
    """The bytes of a plain request; content-length is added for a body."""
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin1") + b"\r\n\r\n" + (body or b"")


def chunked(data, sizes=None, last=b"0\r\n\r\n"):
    """`data` in chunked framing; `sizes` are repeated until the data ends."""
    out, at, i = [], 0, 0
    while at < len(data):
        size = sizes[i % len(sizes)] if sizes else len(data)
        piece = data[at:at + size]
        out.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        at, i = at + len(piece), i + 1
    return b"".join(out) + last
