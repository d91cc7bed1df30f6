"""A collector of OpenTelemetry's: an HTTP server that takes OTLP/HTTP with JSON and reads it
strictly, written from opentelemetry-proto's specification.

The idea: what arrives is decoded and checked at once; a rule that is broken is remembered in
`complaints`, which each test looks at. How it answers is a list of scripts, the last of which
stays.
"""

import http.server
import json
import re
import threading
import time

HEX = re.compile(r"[0-9a-f]+")
SPAN = {"traceId", "spanId", "parentSpanId", "traceState", "flags", "name", "kind",
        "startTimeUnixNano", "endTimeUnixNano", "attributes", "droppedAttributesCount", "events",
        "droppedEventsCount", "links", "droppedLinksCount", "status"}


def need(condition, *what):
    if not condition:
        raise ValueError(" ".join(str(each) for each in what))


def only(value, allowed, what):
    need(isinstance(value, dict), what, "is no object:", value)
    need(set(value) <= set(allowed), what, "has members that there are not:", set(value) - set(allowed))


def an_id(value, length, what):
    need(isinstance(value, str) and len(value) == length and HEX.fullmatch(value), what, value)
    need(set(value) != {"0"}, what, "is all zeros")
    return value


def a_u64(value, what):
    """64-bit integers are text in JSON."""
    need(isinstance(value, str) and value.isdigit() and int(value) < 2 ** 64, what, repr(value))
    return int(value)


def any_value(value):
    only(value, {"stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue",
                 "bytesValue"}, "a value")
    need(len(value) == 1, "a value of several kinds", value)
    kind, inner = next(iter(value.items()))
    if kind == "stringValue":
        need(isinstance(inner, str), value)
    elif kind == "boolValue":
        need(isinstance(inner, bool), value)
    elif kind == "intValue":
        need(isinstance(inner, str) and re.fullmatch(r"-?\d+", inner), "an intValue is text:", value)
        need(-2 ** 63 <= int(inner) < 2 ** 63, value)
        return int(inner)
    elif kind == "doubleValue":
        need(isinstance(inner, (int, float)) and not isinstance(inner, bool), value)
        return float(inner)
    elif kind == "arrayValue":
        only(inner, {"values"}, "an array")
        return [any_value(each) for each in inner.get("values", [])]
    else:
        raise ValueError(f"{kind} is not used here")
    return inner


def attributes(values):
    need(isinstance(values, list), "attributes", values)
    out = {}
    for each in values:
        only(each, {"key", "value"}, "an attribute")
        need(isinstance(each.get("key"), str) and each["key"], "an attribute without a name", each)
        need(each["key"] not in out, each["key"], "stands twice")
        out[each["key"]] = any_value(each["value"])
    return out


def span(value):
    only(value, SPAN, "a span")
    out = {"trace": an_id(value["traceId"], 32, "traceId"), "id": an_id(value["spanId"], 16, "spanId"),
           "parent": None, "name": value["name"], "kind": value["kind"]}
    if value.get("parentSpanId"):
        out["parent"] = an_id(value["parentSpanId"], 16, "parentSpanId")
    need(isinstance(out["name"], str) and out["name"], "a span without a name")
    need(type(out["kind"]) is int and 1 <= out["kind"] <= 5, "kind", out["kind"])
    out["from"] = a_u64(value["startTimeUnixNano"], "startTimeUnixNano")
    out["to"] = a_u64(value["endTimeUnixNano"], "endTimeUnixNano")
    need(out["from"] <= out["to"], "ends before it begins")
    out["attributes"] = attributes(value.get("attributes", []))
    out["events"] = {}
    for event in value.get("events", []):
        only(event, {"timeUnixNano", "name", "attributes", "droppedAttributesCount"}, "an event")
        out["events"][event["name"]] = a_u64(event["timeUnixNano"], "timeUnixNano")
    status = value.get("status", {})
    only(status, {"message", "code"}, "a status")
    need(type(status.get("code", 0)) is int and 0 <= status.get("code", 0) <= 2, "status", status)
    out["status"] = status
    return out


def decode(body):
    """A request's spans, with their resource and scope."""
    def no_twins(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "a member twice", pairs)
        return dict(pairs)
    root = json.loads(body.decode("utf-8"), object_pairs_hook=no_twins)
    only(root, {"resourceSpans"}, "the request")
    need(root.get("resourceSpans"), "an empty envelope")
    out = []
    for group in root["resourceSpans"]:
        only(group, {"resource", "scopeSpans", "schemaUrl"}, "resourceSpans")
        only(group["resource"], {"attributes", "droppedAttributesCount"}, "a resource")
        resource = attributes(group["resource"]["attributes"])
        need("service.name" in resource, "a resource without service.name")
        need(group["scopeSpans"], "an empty resourceSpans")
        for scope in group["scopeSpans"]:
            only(scope, {"scope", "spans", "schemaUrl"}, "scopeSpans")
            only(scope["scope"], {"name", "version", "attributes"}, "a scope")
            need(scope["spans"], "an empty scopeSpans")
            need(scope["schemaUrl"].startswith("https://opentelemetry.io/schemas/"), scope["schemaUrl"])
            for each in scope["spans"]:
                out.append({**span(each), "resource": resource, "scope": scope["scope"]})
    return out


def answer(status=200, body=b"{}", headers=(), after=0.0):
    """A script: how a request is answered."""
    return {"status": status, "body": body, "headers": headers, "after": after}


LOST = {"lost": True}           # the connection closes without an answer


class Collector:
    def __init__(self, tls=None):
        self.spans, self.requests, self.complaints = [], [], []
        self.scripts = [answer()]
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.take(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            self.requests.append({"path": handler.path, "headers": dict(handler.headers),
                                  "size": len(body), "body": body, "script": script, "at": time.monotonic()})
            try:
                need(handler.headers["Content-Type"] == "application/json", "content type")
                need(len(body) < 4 * 1024 * 1024, "a request of", len(body))
                spans = decode(body)
            except (ValueError, KeyError, TypeError) as why:
                self.complaints.append(f"{type(why).__name__}: {why} in {body[:2000]}")
                spans = []
            if script.get("status", 0) // 100 == 2:
                self.spans += spans
        if script.get("lost"):
            handler.close_connection = True
            return
        self.stopped.wait(script["after"])
        try:
            handler.send_response(script["status"])
            for name, value in script["headers"]:
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(script["body"])))
            handler.end_headers()
            handler.wfile.write(script["body"])
        except OSError:
            pass

    def of_request(self, request_id):
        """The spans of that exchange: (the server's or None, the attempts' by number)."""
        with self.lock:
            mine = [each for each in self.spans
                    if each["attributes"].get("sluice.request.id") == request_id]
        servers = [each for each in mine if each["kind"] == 2]
        clients = sorted((each for each in mine if each["kind"] == 3),
                         key=lambda each: each["attributes"]["sluice.attempt.number"])
        return servers[0] if servers else None, clients

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
