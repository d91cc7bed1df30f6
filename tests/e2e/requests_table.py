"""R01-R80 of guarantees.md 4.2 as a table: bytes of a request, and what must come of it.

The idea: a `Case` is whole on its own - its bytes carry a valid key unless the row is about keys -
so that requests_test.py can deliver each one whole, byte by byte, split anywhere, and pipelined,
and demand the same verdict every time. `rej` rows must be refused and the connection closed with
nothing sent upstream; `answered` rows are refused or answered without that; `accepted` rows must
reach the provider.
"""

import gzip
import json
from dataclasses import dataclass

BODY = b'{"model":"m","messages":[]}'                    # 27 bytes: 1b in chunk sizes
SIZE = len(BODY)
PATH = b"/v1/chat/completions"
LINE = b"POST " + PATH + b" HTTP/1.1"


@dataclass
class Case:
    id: str
    name: str
    data: bytes
    status: tuple = (400,)          # what the first answer may be
    closes: bool = True             # the connection must end afterwards
    reached: int = 0                # requests that must arrive upstream
    then: tuple = ()                # statuses of the further answers, in order
    maybe: tuple = ()               # statuses that further answers may have, if any come
    half_close: bool = False        # the client ends its side after the bytes
    alone: bool = False             # not to be pipelined: its end depends on what follows
    upstream: bytes = None          # what the provider's body must be
    absent: tuple = ()              # header names the provider must not see
    same_as: str = None             # the answer's body must equal that of this case


class Table:
    def __init__(self, key, other, third):
        self.key, self.other, self.third = key.encode(), other.encode(), third.encode()
        self.cases = []
        for part in (self.lengths, self.codings, self.chunks, self.lines, self.fields, self.hosts,
                     self.targets, self.expectations, self.bodies, self.pipelines, self.auth,
                     self.json_keys, self.json_sizes, self.json_text):
            part()

    # --- building bytes ---

    def request(self, *fields, line=LINE, body=BODY, length=True, auth=None, host=b"Host: h",
                kind=b"Content-Type: application/json", eol=b"\r\n"):
        """A request; `fields` are whole header lines, put behind the usual ones."""
        lines = [line]
        if host is not None:
            lines.append(host)
        lines.append(b"Authorization: Bearer " + self.key if auth is None else auth)
        if kind and body is not None:
            lines.append(kind)
        if length and body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        lines += fields
        return eol.join(each for each in lines if each) + eol + eol + (body or b"")

    def get(self, target, *fields, method=b"GET", body=None, **more):
        return self.request(*fields, line=method + b" " + target + b" HTTP/1.1", body=body, **more)

    def sized(self, *fields, body=BODY, **more):
        """A request whose framing headers are all given by hand."""
        return self.request(*fields, body=body, length=False, **more)

    def te(self, raw, *fields, coding=b"Transfer-Encoding: chunked", **more):
        return self.sized(coding, *fields, body=raw, **more)

    # --- adding rows ---

    def add(self, id, name, data, **more):
        self.cases.append(Case(id, name, data, **more))

    def rej(self, id, name, data, *status, **more):
        self.add(id, name, data, status=status or (400,), **more)

    def answered(self, id, name, data, *status, **more):
        self.add(id, name, data, status=status, closes=False, **more)

    def accepted(self, id, name, data, upstream=None, **more):
        self.add(id, name, data, status=(200,), closes=False, reached=1,
                 upstream=upstream if upstream is not None else
                 BODY.replace(b'"m"', b'"up-model"'), **more)

    def json(self, id, name, body, *status, **more):
        self.answered(id, name, self.request(body=body), *(status or (400,)), **more)

    # --- framing headers ---

    def lengths(self):
        te, cl = b"Transfer-Encoding: chunked", b"Content-Length: "
        whole = b"1b\r\n" + BODY + b"\r\n0\r\n\r\n"
        self.rej("R01", "CL and TE, fits chunked", self.sized(cl + b"5", te, body=whole))
        self.rej("R01", "TE and CL, fits chunked", self.sized(te, cl + b"%d" % len(whole), body=whole))
        self.rej("R02", "CL and TE, fits length", self.sized(cl + b"%d" % SIZE, te))
        self.rej("R03", "CL and TE, connection: close",
                 self.sized(cl + b"5", te, b"Connection: close", body=whole))
        self.rej("R04", "two equal lengths", self.sized(cl + b"27", cl + b"27"))
        self.rej("R05", "two different lengths", self.sized(cl + b"27", cl + b"5"))
        self.rej("R05", "two different lengths, small first", self.sized(cl + b"0", cl + b"27"))
        for id, value, name in (
                ("R06", b"27, 27", "equal list"), ("R06", b"27, 5", "different list"),
                ("R06", b"27,", "list with an end"), ("R07", b"+27", "plus"),
                ("R08", b"-27", "minus"), ("R08", b"-1", "minus one"), ("R08", b"-0", "minus zero"),
                ("R08", b"-18446744073709551589", "wraps to 27"),
                ("R09", b"0x1b", "hex"), ("R10", b"2_7", "underscore"), ("R10", b"2 7", "inner space"),
                ("R11", b"27abc", "letters behind"), ("R11", b"27.0", "fraction"),
                ("R11", b"27;a", "parameter"), ("R11", b"2.7e1", "exponent"),
                ("R12", b"027", "leading zero"), ("R12", b"00000027", "leading zeros"),
                ("R13", b"", "empty"), ("R13", b"  ", "blanks")):
            self.rej(id, f"length: {name}", self.sized(cl + value))
        for value in (2 ** 63, 2 ** 63 + 27, 2 ** 64, 2 ** 64 + 5, 2 ** 64 + 27, 10 ** 39):
            self.rej("R14", f"length {value}", self.sized(cl + b"%d" % value), 400, 413)
        for blank, name in ((b" ", "space"), (b"\t", "tab")):
            self.rej("R15", f"{name} before the colon, length",
                     self.sized(b"Content-Length" + blank + b": 27"))
            self.rej("R15", f"{name} before the colon, coding",
                     self.te(whole, coding=b"Transfer-Encoding" + blank + b": chunked"))

    def codings(self):
        whole = b"1b\r\n" + BODY + b"\r\n0\r\n\r\n"

        def te(*values):
            return self.sized(*[b"Transfer-Encoding: " + value for value in values], body=whole)
        self.rej("R16", "two codings lines", te(b"chunked", b"chunked"))
        self.rej("R17", "chunked, chunked", te(b"chunked, chunked"))
        self.rej("R18", "chunked not last", te(b"chunked, gzip"))
        self.rej("R18", "chunked not last, two lines", te(b"chunked", b"identity"), 400, 501)
        self.rej("R19", "gzip, chunked", te(b"gzip, chunked"), 501)
        for value in (b"identity", b"br", b"gzip", b"cow"):
            self.rej("R20", f"coding {value.decode()}", te(value), 501)
        self.rej("R21", "empty coding", te(b""))
        for value in (b",chunked", b"chunked,", b", chunked", b"chunked ,"):
            self.rej("R22", f"comma {value.decode()!r}", te(value))
        for value in (b"xchunked", b"chunkedx", b'"chunked"', b"chunk", b"chunked-x"):
            self.rej("R23", f"near miss {value.decode()}", te(value), 501)
        self.rej("R24", "parameter", te(b"chunked;a=b"))
        self.rej("R24", "parameter with blank", te(b"chunked; q=0.5"))
        for byte in (b"\x0b", b"\x0c", b"\0", b"\x85", b"\xa0", b"\xff"):
            self.rej("R25", f"{byte!r} before", te(byte + b"chunked"))
            self.rej("R25", f"{byte!r} after", te(b"chunked" + byte))
        for value in (b"Chunked", b"CHUNKED", b"cHuNkEd", b"chunked \t", b" \tchunked"):
            self.accepted("R26", f"letter case and blanks {value!r}", te(value))
        self.accepted("R26", "letter case of the name",
                      self.te(whole, coding=b"tRANSFER-eNCODING: chunked"))
        self.rej("R27", "folded coding", self.te(whole, coding=b"Transfer-Encoding:\r\n chunked"))
        self.rej("R27", "folded length", self.sized(b"Content-Length:\r\n 27"))
        self.rej("R28", "coding in 1.0", self.te(whole, line=LINE[:-1] + b"0"))
        self.rej("R28", "coding and keep-alive in 1.0",
                 self.te(whole, b"Connection: keep-alive", line=LINE[:-1] + b"0"))
        self.rej("R29", "Transfer_Encoding", self.te(whole, coding=b"Transfer_Encoding: chunked"),
                 400, 411, maybe=(400,))
        self.rej("R29", "Content_Length", self.sized(b"Content_Length: 27"), 400, 411, maybe=(400,))
        self.accepted("R29", "underscore spelling is dropped",
                      self.request(b"Content_Length: 5", b"Transfer_Encoding: chunked"),
                      absent=("content_length", "transfer_encoding"))

    # --- chunk grammar ---

    def chunks(self):
        def size(id, line, name, status=400):
            self.rej(id, f"size {name}", self.te(line + b"\r\n" + BODY + b"\r\n0\r\n\r\n"), status)

        def ok(id, name, raw, **more):
            self.accepted(id, name, self.te(raw), **more)

        size("R30", b"0x1b", "0x")
        size("R31", b"+1b", "plus")
        size("R31", b"-1b", "minus")
        size("R31", b"1_b", "underscore")
        size("R32", b"\r\n1b", "empty line first")
        self.rej("R32", "size empty", self.te(b"\r\n" + BODY + b"\r\n0\r\n\r\n"))
        self.rej("R32", "last size empty", self.te(b"1b\r\n" + BODY + b"\r\n\r\n\r\n"))
        for line in (b" 1b", b"1b ", b"\t1b", b"1b\t", b"1b ;a=b"):
            size("R33", line, repr(line))
        size("R34", b"0000000000000001b", "17 digits")
        size("R34", b"F" * 16, "all F")
        size("R34", b"8000000000000000", "top bit")
        size("R34", b"1000000000000001b", "2^64 + 27")
        size("R35", b"0" * 4096 + b"1b", "4 KiB of zeros")
        end = b"\r\n" + BODY + b"\r\n0\r\n\r\n"
        ok("R36", "extension", b"1b;a=b" + end)
        ok("R36", "quoted extension", b'1b;a="q; r"' + end)
        ok("R36", "extension on the last chunk", b"1b\r\n" + BODY + b"\r\n0;x\r\n\r\n")
        ok("R36", "upper case, several chunks", b"A\r\n" + BODY[:10] + b"\r\n11\r\n" + BODY[10:]
           + b"\r\n0\r\n\r\n")
        size("R37", b"1b;a=" + b"x" * 256, "extension over 256 B")
        self.rej("R37", "extensions over 4 KiB together", self.te(b"".join(
            b"1;a=" + b"x" * 200 + b"\r\n" + BODY[i:i + 1] + b"\r\n" for i in range(SIZE))
            + b"0\r\n\r\n"))
        size("R38", b"1b;a\rb", "bare CR in extension")
        size("R38", b"1b;a\nb", "bare LF in extension")
        size("R38", b"1b;a\0b", "NUL in extension")
        size("R38", b"1b;", "nothing behind ;")
        self.rej("R39", "bare LF behind the size", self.te(b"1b\n" + end[2:]))
        self.rej("R39", "bare LF behind the last size", self.te(b"1b\r\n" + BODY + b"\r\n0\n\r\n"))
        self.rej("R40", "bare LF behind the data", self.te(b"1b\r\n" + BODY + b"\n0\r\n\r\n"))
        self.rej("R40", "bare LF at the end", self.te(b"1b\r\n" + BODY + b"\r\n0\r\n\n"), alone=True)
        self.rej("R41", "CR X behind the size", self.te(b"1b\rX" + end[2:]))
        self.rej("R41", "CR X behind the data", self.te(b"1b\r\n" + BODY + b"\rX0\r\n\r\n"))
        self.rej("R42", "data longer than announced", self.te(b"1a" + end))
        self.rej("R42", "two bytes for CRLF", self.te(b"1b\r\n" + BODY + b"XX0\r\n\r\n"))
        self.rej("R42", "LF CR for CRLF", self.te(b"1b\r\n" + BODY + b"\n\r0\r\n\r\n"))
        self.rej("R43", "text behind the last chunk", self.te(b"1b\r\n" + BODY + b"\r\n0\r\nX\r\n\r\n"))
        self.rej("R43", "a request behind the last chunk", self.te(
            b"1b\r\n" + BODY + b"\r\n0\r\n") + self.get(b"/v1/models"))
        self.rej("R43", "final CRLF missing, then the end", self.te(b"1b\r\n" + BODY + b"\r\n0\r\n"),
                 400, 408, half_close=True, alone=True)
        start = b"1b\r\n" + BODY + b"\r\n0\r\n"
        ok("R44", "trailer is dropped", start + b"X-Checksum: abc\r\n\r\n", absent=("x-checksum",))
        ok("R44", "eight trailers", start + b"".join(b"X-%d: v\r\n" % i for i in range(8)) + b"\r\n",
           absent=("x-0", "x-7"))
        for line in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: other",
                     b"Authorization: Bearer " + self.other, b"X: a\nb", b"X: a\0b", b"no colon"):
            self.rej("R45", f"trailer {line[:20]!r}", self.te(start + line + b"\r\n\r\n"))
        self.rej("R45", "nine trailers", self.te(
            start + b"".join(b"X-%d: v\r\n" % i for i in range(9)) + b"\r\n"))
        text = b'{"model":"m","messages":[],"x":"' + b"a" * 100000 + b'"}'
        self.rej("R46", "100,000 one-byte chunks", self.te(
            b"".join(b"1\r\n%c\r\n" % byte for byte in text) + b"0\r\n\r\n"))

    # --- request line and headers ---

    def lines(self):
        good = self.request()
        self.rej("R48", "bare LF behind the request line", good.replace(b"\r\n", b"\n", 1))
        self.rej("R48", "bare LF behind a header", good.replace(b"h\r\n", b"h\n", 1))
        self.rej("R48", "bare LF everywhere", self.request(eol=b"\n"))
        self.rej("R48", "bare LF closes the block", good.replace(b"\r\n\r\n", b"\r\n\n", 1))
        self.rej("R49", "bare CR in a value", self.request(b"X-A: a\rb"))
        self.rej("R49", "bare CR as a line end", self.request(b"X-A: a\rX-B: b"))
        self.rej("R49", "bare CR behind the request line", good.replace(b"\r\n", b"\r", 1))
        self.rej("R50", "NUL in the method", self.request(line=b"PO\0ST " + LINE[5:]))
        self.rej("R50", "NUL in the target", self.request(line=b"POST /v1/chat\0 HTTP/1.1"))
        self.rej("R50", "NUL in a name", self.request(b"X\0A: a"))
        self.rej("R50", "NUL in a value", self.request(b"X-A: a\0b"))
        for byte in (1, 8, 0x0b, 0x0c, 0x1b, 0x1f, 0x7f):
            self.rej("R51", f"byte {byte:#x} in a value", self.request(b"X-A: a%cb" % byte))
        method, rest = b"POST", LINE[5:]
        for line in (b"POST  " + rest, b"POST " + PATH + b"  HTTP/1.1", b"POST\t" + rest,
                     b"POST\x0b" + rest, b"POST " + PATH + b"\tHTTP/1.1", b"POST HTTP/1.1",
                     b"POST  HTTP/1.1", LINE + b" ", b" " + LINE, b"POST"):
            self.rej("R56", f"line {line!r}", self.request(line=line), 400, 505)
        self.rej("R57", "HTTP/0.9", b"GET /v1/models\r\n\r\n", 400, 505)
        self.rej("R57", "HTTP/0.9 with headers", self.get(b"/v1/models").replace(b" HTTP/1.1", b""),
                 400, 505)
        for version in (b"HTTP/1.2", b"HTTP/1.10", b"HTTP/01.1", b"http/1.1", b"HTTP/1", b"HTTP/1.",
                        b"HTTP/11111111111111111111.1", b"HTTP/9.9", b"HTTP/2.0", b"HTTP/1.1x",
                        b"HTTP 1.1", b"HTTPS/1.1", b"HTTP/-1.1"):
            self.rej("R58", version.decode(), self.request(line=b"POST " + PATH + b" " + version),
                     400, 505)
        self.rej("R58", "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)
        for method in (b"PO(ST", b"P\x01ST", b"P\xd6ST", b"P/ST", b'"POST"'):
            self.rej("R59", f"method {method!r}", self.request(line=method + LINE[4:]))
        for method in (b"BREW", b"post", b"PROPFIND"):
            self.answered("R59", f"unknown method {method.decode()}",
                          self.get(PATH, method=method), 405)

    def fields(self):
        for line in (b"NoColon", b": value", b"A B: v", b"A(B): v", b"A\xe9: v", b"A@B: v",
                     b'"A": v', b"A,B: v"):
            self.rej("R52", f"header {line!r}", self.request(line))
        self.rej("R53", "first header starts with a blank", self.request(host=b" Host: h"))
        self.rej("R53", "first header starts with a tab", self.request(host=b"\tHost: h"))
        self.rej("R54", "folded by a blank", self.request(b"X-A: a\r\n b"))
        self.rej("R54", "folded by a tab", self.request(b"X-A: a\r\n\tb"))
        self.rej("R55", "block closed by CR X",
                 self.request().replace(b"\r\n\r\n", b"\r\n\rX", 1) + b"\r\n\r\n")

    # --- target and host ---

    def hosts(self):
        absolute = b"POST http://%s" + PATH + b" HTTP/1.1"
        self.accepted("R60", "absolute form, equal", self.request(line=absolute % b"h"))
        self.accepted("R60", "absolute form, equal with port",
                      self.request(line=absolute % b"h:80", host=b"Host: h:80"))
        self.rej("R60", "absolute form, different", self.request(line=absolute % b"other"))
        self.rej("R60", "absolute form, userinfo", self.request(line=absolute % b"u@h"))
        for line in (b"GET * HTTP/1.1", b"GET h:80 HTTP/1.1", b"CONNECT h:443 HTTP/1.1",
                     b"TRACE /v1/models HTTP/1.1", b"CONNECT /v1/models HTTP/1.1"):
            self.answered("R61", line.decode(), self.request(line=line, body=None), 400, 405)
        for target in (b"/v1/models#x", b"/v1\\models", b"/v1/mod\xe9ls", b"/v1/mod els",
                       b"/v1/models?a=\xff", b"v1/models"):
            self.rej("R62", f"target {target!r}", self.get(target))
        self.rej("R63", "no host", self.request(host=None))
        self.rej("R63", "no host in 1.0", self.request(host=None, line=LINE[:-1] + b"0"))
        for value in (b"", b"h, h", b"u@h", b"u:p@h", b"h/x", b"h#x", b"h?x", b"h:99999", b"h:x",
                      b"h:-1", b"h h", b"[::1", b"localhost/#@x"):
            self.rej("R63", f"host {value!r}", self.request(host=b"Host: " + value))
        self.rej("R63", "host twice, equal", self.request(b"Host: h"))
        self.rej("R63", "host twice, different", self.request(b"Host: other"))
        for host in (b"localhost/#@x", b"localhost/?x", b"127.0.0.1:8080/#"):
            for target in (b"/key/generate", b"/v1/models", b"/admin/keys"):
                self.add("R63", f"host {host.decode()} towards {target.decode()} without a key",
                         self.get(target, host=b"Host: " + host,
                                  auth=b"Authorization: Bearer nothing"), status=(400, 401))
        self.accepted("R63", "any other host", self.request(host=b"Host: localhost:1"))

    def targets(self):
        tricks = [b"/v1/../v1/chat/completions", b"/./v1/chat/completions", b"//v1/chat/completions",
                  b"/v1//chat/completions", b"/v1/chat/completions/", b"/v1/chat/completions;x=1",
                  b"/V1/CHAT/COMPLETIONS", b"/v1/chat/%2e%2e/chat/completions",
                  b"/v1%2fchat%2fcompletions", b"/v1/chat/completion%73", b"/v1/chat/completions%00",
                  b"/v1/chat/completions%0d%0a", b"/v1/chat%252fcompletions",
                  b"/v1/chat%c0%afcompletions", b"/v1/chat/completions/..", b"/v1/chat/completions.",
                  b"/health/../v1/chat/completions", b"/v1/models/..%2fchat/completions",
                  b"/admin/keys", b"/ui", b"/ui/..%2fv1/chat/completions", b"/metrics"]
        for target in tricks:
            self.answered("R64", f"{target.decode()}",
                          self.request(line=b"POST " + target + b" HTTP/1.1"), 404, 405,
                          *((400,) if b"%0" in target or b"%c0" in target else ()))
            self.answered("R64", f"{target.decode()} without a key", self.request(
                line=b"POST " + target + b" HTTP/1.1", auth=b""), 401, 404, 405,
                *((400,) if b"%0" in target or b"%c0" in target else ()))

    def expectations(self):
        for value in (b"200-ok", b"100-continue, 100-continue", b"100-continue;x", b"100 continue",
                      b"100-continuee", b"x, 100-continue", b'"100-continue"'):
            self.rej("R66", f"expect {value.decode()}", self.request(b"Expect: " + value), 417)
        self.rej("R66", "expect twice",
                 self.request(b"Expect: 100-continue", b"Expect: 100-continue"), 417)

    # --- bodies ---

    def bodies(self):
        for method, target in ((b"GET", b"/v1/models"), (b"HEAD", b"/v1/models"),
                               (b"DELETE", b"/v1/responses/resp_1"), (b"OPTIONS", PATH),
                               (b"GET", b"/v1/models/m")):
            name = f"{method.decode()} {target.decode()}"
            self.rej("R67", f"{name} with a length", self.get(target, method=method, body=BODY,
                                                             kind=None))
            self.rej("R67", f"{name} with chunks", self.te(
                b"5\r\nhello\r\n0\r\n\r\n", line=method + b" " + target + b" HTTP/1.1", kind=None))
        smuggled = self.request(auth=b"Authorization: Bearer " + self.other)
        self.rej("R67", "GET with a request for body", self.get(b"/v1/models", body=smuggled))
        self.rej("R68", "body shorter than its length", self.sized(b"Content-Length: 40"), 400, 408,
                 half_close=True, alone=True)
        self.rej("R68", "chunk shorter than its size", self.te(b"40\r\n" + BODY), 400, 408,
                 half_close=True, alone=True)
        self.add("R69", "body longer than its length: rest is a request without a key",
                 self.request() + self.get(b"/v1/models", auth=b""), status=(200,), then=((401,),),
                 reached=1, closes=False)
        self.add("R69", "body longer than its length: rest is junk",
                 self.request() + b"junk\r\n\r\n", status=(200,), then=((400,),), reached=1)
        self.add("R69", "body longer than its length: rest is a bad chunk",
                 self.te(b"1b\r\n" + BODY + b"\r\n0\r\n\r\n" + b"1b\r\n" + BODY + b"\r\n0\r\n\r\n"),
                 status=(200,), then=((400,),), reached=1)
        self.rej("R70", "header block over 32 KiB",
                 self.request(*[b"X-%d: %s" % (i, b"v" * 1000) for i in range(33)]), 431)
        self.rej("R70", "101 fields", self.request(*[b"X-%d: v" % i for i in range(97)]), 431)
        self.rej("R70", "a name of 64 KiB", self.request(b"X" * 65536 + b": v"), 431)
        self.rej("R70", "target of 8 KiB + 1", self.get(b"/" + b"a" * 8192), 414)
        self.rej("R77", "gzip", self.request(b"Content-Encoding: gzip", body=gzip.compress(BODY)), 415,
                 closes=False)
        for value in (b"br", b"deflate", b"gzip, gzip", b"cow"):
            self.rej("R77", value.decode(), self.request(b"Content-Encoding: " + value), 415,
                     closes=False)

    def pipelines(self):
        keys = [b"Authorization: Bearer " + key for key in (self.key, self.other, self.third)]
        three = [self.request(auth=key) for key in keys]
        self.add("R71", "three keys, three answers", b"".join(three), status=(200,),
                 then=((200,), (200,)), reached=3, closes=False)
        self.add("R71", "invalid third", three[0] + three[1] + self.sized(b"Content-Length: +1"),
                 status=(200,), then=((200,), (400,)), reached=2)
        self.accepted("R72", "h2c upgrade", self.request(
            b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQAAP__"), absent=("upgrade", "http2-settings"))
        self.accepted("R72", "websocket upgrade", self.request(
            b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), absent=("upgrade",))
        self.answered("R72", "websocket upgrade of a GET", self.get(
            b"/v1/models", b"Connection: Upgrade", b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 200)
        self.accepted("R73", "Connection: Authorization", self.request(b"Connection: Authorization"))
        self.accepted("R73", "Connection names a header of ours",
                      self.request(b"Connection: X-Foo", b"X-Foo: a"), absent=("x-foo",))
        for name in (b"Content-Length", b"Transfer-Encoding", b"close, content-length"):
            self.rej("R73", f"Connection: {name.decode()}", self.request(b"Connection: " + name))
        for line in (b"X-Original-URL: /admin/keys", b"X-Rewrite-URL: /health",
                     b"X-HTTP-Method-Override: DELETE", b"X-Forwarded-For: 127.0.0.1",
                     b"X-Forwarded-Host: localhost/#@x", b"X-Forwarded-Proto: gopher",
                     b"Forwarded: for=127.0.0.1;host=x"):
            self.accepted("R74", line.decode(), self.request(line))

    # --- credentials ---

    def auth(self):
        mine, other = b"Bearer " + self.key, b"Bearer " + self.other
        self.answered("R75", "two equal authorizations", self.request(b"Authorization: " + mine), 400)
        self.answered("R75", "two different authorizations",
                      self.request(b"Authorization: " + other), 400)
        self.answered("R75", "x-api-key differs", self.request(b"x-api-key: " + self.other), 400)
        self.answered("R75", "api-key differs", self.request(b"api-key: " + self.other), 400)
        self.answered("R75", "two places but authorization differ", self.request(
            b"x-api-key: " + self.key, b"x-goog-api-key: " + self.other, auth=b""), 400)
        self.accepted("R75", "the same key in two places", self.request(b"x-api-key: " + self.key))
        self.answered("R76", "unknown key", self.request(auth=b"Authorization: " + mine[:-1] + b"~"),
                      401)
        wrong = [b"Bearer ' OR 1=1 --", b"Bearer sk-" + b"0" * 40, b"Bearer k\xe9y", b"Bearer ",
                 b"Bearer", mine[:20], b"Basic " + self.key, b"Bearer  '); DROP TABLE keys;--",
                 mine[:-1], mine + b"0", mine[7:]]
        for value in wrong:
            self.answered("R76", f"credential {value[:24]!r}",
                          self.request(auth=b"Authorization: " + value), 401,
                          same_as="unknown key" if value.startswith(b"Bearer") and len(value) > 8
                          else None)
        self.answered("R76", "no credential", self.request(auth=b""), 401)
        self.rej("R76", "credential of 64 KiB",
                 self.request(auth=b"Authorization: Bearer " + b"k" * 65536), 401, 431)
        self.rej("R76", "NUL in the credential",
                 self.request(auth=b"Authorization: " + mine[:20] + b"\0"), 400, 401)

    # --- JSON, the second framing layer ---

    def json_keys(self):
        m, msg = b'"model":"m"', b'"messages":[]'
        for name, body in (
                ("model twice", b"{%s,%s,%s}" % (m, msg, b'"model":"other"')),
                ("model twice, equal", b"{%s,%s,%s}" % (m, m, msg)),
                ("stream twice", b'{%s,%s,"stream":false,"stream":true}' % (m, msg)),
                ("max_tokens twice", b'{%s,%s,"max_tokens":1,"max_tokens":2}' % (m, msg)),
                ("n twice", b'{%s,%s,"n":1,"n":2}' % (m, msg)),
                ("messages twice", b"{%s,%s,%s}" % (m, msg, msg)),
                ("nested twice", b'{%s,%s,"stream":true,"stream_options":{"include_usage":true,'
                                 b'"include_usage":false}}' % (m, msg)),
                ("by an escape", b'{%s,%s,"mod\\u0065l":"x"}' % (m, msg)),
                ("by an escape first", b'{"\\u006dodel":"x",%s,%s}' % (m, msg)),
                ("by letter case", b'{%s,%s,"Model":"x"}' % (m, msg)),
                ("by letter case, stream", b'{%s,%s,"stream":false,"STREAM":true}' % (m, msg)),
                ("by letter case and escape", b'{%s,%s,"\\u004dodel":"x"}' % (m, msg)),
                ("by a NUL", b'{%s,%s,"model\\u0000":"x"}' % (m, msg)),
                ("unknown member twice", b'{%s,%s,"x":1,"x":2}' % (m, msg))):
            self.json("R78", name, body)

    def json_sizes(self):
        def more(text):
            return BODY[:-1] + b"," + text + b"}"

        def up(body):
            return body.replace(b'"m"', b'"up-model"')
        for depth, name in ((65, "65"), (1000, "1,000"), (100000, "100,000")):
            self.json("R79", f"depth {name}", more(b'"x":' + b"[" * (depth - 1) + b"]" * (depth - 1)))
            self.json("R79", f"depth {name} of objects", more(
                b'"x":' + b'{"a":' * (depth - 1) + b"1" + b"}" * (depth - 1)))
        deep = more(b'"x":' + b"[" * 63 + b"]" * 63)
        self.accepted("R79", "depth 64", self.request(body=deep), up(deep))
        self.json("R79", "name of 1 MiB", more(b'"' + b"k" * 2 ** 20 + b'":1'))
        self.json("R79", "100,000 names", more(b",".join(b'"k%06d":0' % i for i in range(100000))))
        self.json("R79", "100,000 objects", more(b'"x":[' + b",".join([b"{}"] * 100001) + b"]"))
        for value in (b"1" * 2 ** 20, b"1e400", b"-0", b"9223372036854775808", b"1e-400", b"-1",
                      b"1.5", b'"7"', b"2147483649", b"true", b"[]", b"{}", b"1e1", b"-2147483649",
                      b"18446744073709551617"):
            self.json("R79", f"max_tokens {value[:24].decode()}", more(b'"max_tokens":' + value))
        for value in (b"-1", b"1.5", b'"7"', b"2147483649"):
            self.json("R79", f"max_completion_tokens {value.decode()}",
                      more(b'"max_completion_tokens":' + value))
        for value in (b"1", b"16384", b"null", b"2147483647"):
            body = more(b'"max_tokens":' + value)
            self.accepted("R79", f"max_tokens {value.decode()}", self.request(body=body), up(body))
        for value in (b"-0", b"1e400", b"9223372036854775808", b"1e-400", b"123456789012345678901.5"):
            body = more(b'"x":' + value)
            self.accepted("R79", f"{value.decode()} in a member we do not read",
                          self.request(body=body), up(body))

    def json_text(self):
        def more(text):
            return BODY[:-1] + b"," + text + b"}"

        for name, body in (
                ("BOM", b"\xef\xbb\xbf" + BODY), ("UTF-16 LE", BODY.decode().encode("utf-16-le")),
                ("UTF-16 with BOM", BODY.decode().encode("utf-16")),
                ("UTF-16 BE", BODY.decode().encode("utf-16-be")),
                ("UTF-32", BODY.decode().encode("utf-32")),
                ("trailing bytes", BODY + b"x"), ("two objects", BODY + BODY),
                ("trailing NUL", BODY + b"\0"), ("comment", more(b"/*c*/" + b'"x":1')),
                ("line comment", BODY + b"//c"), ("NaN", more(b'"x":NaN')),
                ("Infinity", more(b'"x":-Infinity')), ("empty", b""), ("blanks", b"  \r\n"),
                ("array root", b"[" + BODY + b"]"), ("string root", b'"model"'), ("null root", b"null"),
                ("number root", b"1")):
            self.json("R80", name, body)
        for text in (b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xe2\x82"', b'"\xf4\x90\x80\x80"',
                     b'"\xf8\x88\x80\x80\x80"', b'"\x80"'):
            self.json("R80", f"invalid UTF-8 {text!r}", more(b'"x":' + text))
        for text in (b"[1,]", b"[,1]", b"[1,,2]", b"{'a':1}", b"{a:1}", b'{"a":1,}', b'{"a" 1}',
                     b'{"a"}', b'{"a"::1}', b"012", b"+1", b".5", b"1.", b"0x1", b"1e", b"1e+", b"-",
                     b"--1", b"1_0", b'"\\x41"', b'"\\u12G4"', b'"\\u12"', b'"\\ud8"', b'"a\nb"',
                     b'"a\tb"', b'"a\0b"', b'"', b'"\\"', b"[", b"[1", b'{"a":1', b"]", b"nul", b"TRUE",
                     b"True", b"undefined", b"\x0c1", b"\xa01", b"1 2", b'"a" "b"', b"[1}", b'{"a":1]',
                     b"\\u0031", b"'a'", b'{1:1}', b"-01", b"1.2.3", b"1ee2", b""):
            self.json("R80", f"not JSON: {text!r}", more(b'"x":' + text))
        for text in (b'"\\ud83d"', b'"\\udc00\\ud800"', b'"\xf0\x9f\x99\x82"', b'"\\u0000"', b'"\\/"',
                     b"[ ]", b"{ }", b"-0.0e+1", b"1E+2", b"[[],[[]],{}]", b'"\xe2\x80\xa8"', b'""',
                     b"true", b"null", b'{"":0}', b'"\\"\\\\\\b\\f\\n\\r\\t"', b'"\x7f"'):
            body = more(b'"x" :\t' + text + b" \r\n")
            self.accepted("R80", f"JSON: {text!r}", self.request(body=body),
                          body.replace(b'"m"', b'"up-model"'))
        spaced = b' \r\n\t{ "model" : "m" , "messages" : [ ] } \n'
        self.accepted("R80", "white space all over", self.request(body=spaced),
                      spaced.replace(b'"m"', b'"up-model"'))
        escaped = b'{"m\\u006fdel":"\\u006d","messages":[]}'
        self.add("R80", "escaped member and value", self.request(body=escaped), status=(200,),
                 closes=False, reached=1)
        for kind in (b"text/plain", b"application/x-www-form-urlencoded", b"application/xml",
                     b"multipart/form-data; boundary=x"):
            self.answered("R80", f"content type {kind.decode()}",
                          self.request(kind=b"Content-Type: " + kind), 400, 415)
        for kind in (b"application/json; charset=utf-8", b"Application/JSON"):
            self.accepted("R80", f"content type {kind.decode()}",
                          self.request(kind=b"Content-Type: " + kind))


assert SIZE == 27 and json.loads(BODY)
