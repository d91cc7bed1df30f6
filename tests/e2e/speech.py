"""What a provider says in each of the six formats, well and badly: the tables of faults_test.py.

A `Speech` is one answer in the making: `open()`, `say(word)` and `close()` give lists of events as
bytes, `whole()` gives the same as one body. `error()` and `error_event()` say that something failed,
before the answer and inside it, in the words that the vendor documents for it.
"""

import binascii
import json
import struct

from answers import dumps

# What failed -> (row of fault.def, status towards the client).
FAULTS = {"busy": ("UPSTREAM_BUSY", 503), "limited": ("UPSTREAM_LIMITED", 429),
          "quota": ("UPSTREAM_QUOTA", 502), "auth": ("UPSTREAM_AUTH", 502),
          "failed": ("UPSTREAM_FAILED", 502), "context": ("CONTEXT_TOO_LONG", 400),
          "filter": ("UPSTREAM_FILTERED", 400)}


def sse(value, name=None):
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + dumps(value) + b"\n\n"


def frame(name, value, exception=False):
    """One message of an AWS event stream."""
    kind = "exception" if exception else "event"
    headers = b""
    for key, text in ((f":{kind}-type", name), (":content-type", "application/json"),
                      (":message-type", kind)):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(text)) + text.encode()
    payload = value if isinstance(value, bytes) else dumps(value)
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head += struct.pack(">I", binascii.crc32(head))
    rest = head + headers + payload
    return rest + struct.pack(">I", binascii.crc32(rest))


class Speech:
    stream_type, frames = "text/event-stream", "sse"
    errors = {}                 # what -> (status, body, headers)
    events = {}                 # what -> one event inside the answer
    finishes = {}
    orders = {}                 # name -> events out of order, behind the first word

    def parts(self, words, finish="stop", **more):
        out = self.open()
        for word in words:
            out += self.say(word)
        return out + self.close(finish, **more)

    def wants_stream(self, request):
        return request.wants_stream()

    def answer(self, text):
        """The script of a provider that is well."""
        def script(x):
            import answers
            said = type(self)()
            if self.wants_stream(x.request):
                x.send(answers.head(200, [("Content-Type", self.stream_type)], framing="chunked")
                       + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in said.parts([text]))
                       + b"0\r\n\r\n")
            else:
                x.send(answers.http(said.whole(text)))
        return script


def error(message, kind, code=None):
    return dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


OPENAI_ERRORS = {
    "busy": (503, error("The engine is overloaded", "server_error", "engine_overloaded"), ()),
    "limited": (429, error("Rate limit reached for m. Please try again in 20ms.", "requests",
                           "rate_limit_exceeded"), ()),
    "quota": (429, error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), ()),
    "auth": (401, error("Incorrect API key provided", "invalid_request_error", "invalid_api_key"), ()),
    "failed": (500, error("The server had an error", "server_error"), ()),
    "context": (400, error("This model's maximum context length is 8192 tokens.", "invalid_request_error",
                           "context_length_exceeded"), ()),
    "filter": (400, error("The prompt was filtered", "invalid_request_error", "content_filter"), ())}


class Chat(Speech):
    name = "openai-chat"
    errors = OPENAI_ERRORS
    # OpenRouter writes the status as the code.
    events = {"busy": sse({"error": {"code": 503, "message": "no capacity"}}),
              "limited": sse({"error": {"code": 429, "message": "slow down"}}),
              "quota": sse({"error": {"type": "insufficient_quota", "message": "no credit", "code": None}}),
              "auth": sse({"error": {"code": 401, "message": "no such user"}}),
              "failed": sse({"error": {"message": "it broke", "type": "server_error", "code": None}}),
              "context": sse({"error": {"message": "too long", "code": "context_length_exceeded"}})}
    finishes = {"stop": "stop", "length": "length", "filter": "content_filter", "odd": "made_up"}
    odd = b""

    def chunk(self, delta, finish=None, **more):
        return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})

    def open(self):
        return [self.chunk({"role": "assistant", "content": ""})]

    def say(self, word):
        return [self.chunk({"content": word})]

    def usage(self, usage):
        given, made = usage
        return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [], "usage": {"prompt_tokens": given, "completion_tokens": made,
                                             "total_tokens": 0 if isinstance(made, str) else given + made}})

    def close(self, finish="stop", usage=(3, 4)):
        return [self.chunk({}, self.finishes[finish])] + ([self.usage(usage)] if usage else []) + [
            b"data: [DONE]\n\n"]

    def call(self, arguments, ident="call_1", name="weather"):
        function = {"arguments": arguments, **({"name": name} if name else {})}
        return [self.chunk({"tool_calls": [{"index": 0, "type": "function", "function": function,
                                            **({"id": ident} if ident else {})}]})]

    def close_call(self):
        return [self.chunk({}, "tool_calls"), self.usage((3, 4)), b"data: [DONE]\n\n"]

    def whole(self, text, finish="stop"):
        return dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                      "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                                   "finish_reason": self.finishes[finish]}],
                      "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})


class Responses(Speech):
    name = "openai-responses"
    errors = OPENAI_ERRORS
    finishes = {"stop": None, "length": "max_output_tokens", "filter": "content_filter"}

    def failed(code, message="it failed"):
        return sse({"type": "response.failed", "sequence_number": 9, "response": {
            "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "failed",
            "output": [], "error": {"code": code, "message": message}}}, "response.failed")

    events = {"busy": sse({"type": "error", "code": "server_is_overloaded", "message": "busy",
                           "param": None, "sequence_number": 2}, "error"),
              "limited": failed("rate_limit_exceeded"), "quota": failed("insufficient_quota"),
              "failed": failed("server_error"), "context": failed("context_length_exceeded"),
              "auth": sse({"type": "error", "error": {"type": "invalid_request_error",
                                                      "code": "invalid_api_key", "message": "no"}}, "error")}

    def __init__(self):
        self.number, self.text, self.output = 0, "", []

    def event(self, kind, **more):
        self.number += 1
        return sse({"type": f"response.{kind}", "sequence_number": self.number - 1, **more},
                   f"response.{kind}")

    def response(self, status="in_progress", usage=None, why=None):
        return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status,
                "error": None, "incomplete_details": {"reason": why} if why else None, "tools": [],
                "tool_choice": "auto", "parallel_tool_calls": True, "output": list(self.output),
                "usage": usage and {"input_tokens": usage[0], "output_tokens": usage[1],
                                    "total_tokens": usage[0] + usage[1],
                                    "input_tokens_details": {"cached_tokens": 0},
                                    "output_tokens_details": {"reasoning_tokens": 0}}}

    def item(self, status):
        content = [{"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}]
        return {"id": "msg_1", "type": "message", "role": "assistant", "status": status,
                "content": content if status != "in_progress" else []}

    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}

    def open(self):
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        return [self.event("created", response=self.response()),
                self.event("in_progress", response=self.response()),
                self.event("output_item.added", output_index=0, item=self.item("in_progress")),
                self.event("content_part.added", **self.place, part=part)]

    def say(self, word):
        self.text += word
        return [self.event("output_text.delta", **self.place, delta=word, logprobs=[])]

    def close(self, finish="stop", usage=(3, 4)):
        why = self.finishes[finish]
        status = "incomplete" if why else "completed"
        out = [self.event("output_text.done", **self.place, text=self.text, logprobs=[]),
               self.event("content_part.done", **self.place, part=self.item(status)["content"][0]),
               self.event("output_item.done", output_index=0, item=self.item(status))]
        self.output = [self.item(status)]
        return [*out, self.event(status, response=self.response(status, usage, why))]

    def whole(self, text, finish="stop"):
        self.text = text
        why = self.finishes[finish]
        self.output = [self.item("incomplete" if why else "completed")]
        return dumps(self.response("incomplete" if why else "completed", (3, 4), why))

    @property
    def odd(self):
        return self.event("novel.delta", delta="x")


class Messages(Speech):
    name = "anthropic"

    def failure(kind, message):
        return {"type": "error", "error": {"type": kind, "message": message}}

    errors = {"busy": (529, dumps(failure("overloaded_error", "Overloaded")), ()),
              "limited": (429, dumps(failure("rate_limit_error", "slow")), ()),
              "quota": (400, dumps(failure("invalid_request_error", "Your credit balance is too low to "
                                           "access the Anthropic API.")), ()),
              "auth": (401, dumps(failure("authentication_error", "invalid x-api-key")), ()),
              "failed": (500, dumps(failure("api_error", "Internal server error")), ()),
              "context": (400, dumps(failure("invalid_request_error", "prompt is too long: 9000 tokens > "
                                             "8192 maximum")), ()),
              "filter": (400, dumps(failure("invalid_request_error",
                                            "Output blocked by content filtering policy")), ())}
    events = {"busy": sse(failure("overloaded_error", "Overloaded"), "error"),
              "limited": sse(failure("rate_limit_error", "slow"), "error"),
              "quota": sse(failure("billing_error", "no credit"), "error"),
              "auth": sse(failure("authentication_error", "no"), "error"),
              "failed": sse(failure("api_error", "it broke"), "error"),
              "context": sse(failure("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
                             "error")}
    finishes = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal", "odd": "made_up"}
    odd = sse({"type": "novel_event"}, "novel_event")

    def event(self, kind, **more):
        return sse({"type": kind, **more}, kind)

    def start(self):
        return self.event("message_start", message={
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}})

    def block(self, index=0):
        return self.event("content_block_start", index=index, content_block={"type": "text", "text": ""})

    def open(self):
        return [self.start(), self.block()]

    def say(self, word, index=0):
        return [self.event("content_block_delta", index=index, delta={"type": "text_delta", "text": word})]

    def end(self, finish="stop", usage=(3, 4)):
        more = {"usage": {"output_tokens": usage[1], "input_tokens": usage[0]}} if usage else {}
        return [self.event("message_delta", delta={"stop_reason": self.finishes.get(finish, finish),
                                                   "stop_sequence": None}, **more),
                self.event("message_stop")]

    def close(self, finish="stop", usage=(3, 4)):
        return [self.event("content_block_stop", index=0), *self.end(finish, usage)]

    def call(self, arguments, ident="toolu_1", name="weather"):
        block = {"type": "tool_use", "input": {}, **({"id": ident} if ident else {}),
                 **({"name": name} if name else {})}
        return [self.event("content_block_stop", index=0),
                self.event("content_block_start", index=1, content_block=block),
                self.event("content_block_delta", index=1, delta={"type": "input_json_delta",
                                                                  "partial_json": arguments})]

    def close_call(self):
        return [self.event("content_block_stop", index=1), *self.end("tool_use")]

    def whole(self, text, finish="stop"):
        return dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                      "content": [{"type": "text", "text": text}] if text else [],
                      "stop_reason": self.finishes[finish], "stop_sequence": None,
                      "usage": {"input_tokens": 3, "output_tokens": 4}})


class Gemini(Speech):
    name = "gemini"

    def failure(code, status, message, **more):
        return {"error": {"code": code, "message": message, "status": status, **more}}

    errors = {"busy": (503, dumps(failure(503, "UNAVAILABLE", "The model is overloaded.")), ()),
              "limited": (429, dumps(failure(429, "RESOURCE_EXHAUSTED", "Please retry in 0.02s.", details=[
                  {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.02s"}])), ()),
              "auth": (400, dumps(failure(400, "INVALID_ARGUMENT", "API key not valid.", details=[
                  {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}])), ()),
              "failed": (500, dumps(failure(500, "INTERNAL", "An internal error.")), ()),
              "context": (400, dumps(failure(400, "INVALID_ARGUMENT", "The input token count (9000) exceeds "
                                             "the maximum number of tokens allowed (8192).")), ())}
    events = {"busy": sse(failure(503, "UNAVAILABLE", "The model is overloaded.")),
              "limited": sse(failure(429, "RESOURCE_EXHAUSTED", "slow")),
              "auth": sse(failure(403, "PERMISSION_DENIED", "no")),
              "failed": sse(failure(500, "INTERNAL", "it broke")),
              "context": sse(failure(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the "
                                     "maximum number of tokens allowed (8)."))}
    finishes = {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY",
                "failed": "MALFORMED_FUNCTION_CALL"}
    odd = sse({"novel": {"a": 1}})

    def wants_stream(self, request):
        return ":streamGenerateContent" in request.target

    def answer_of(self, parts=(), finish=None, usage=None):
        candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
        if finish:
            candidate["finishReason"] = self.finishes[finish]
        out = {"candidates": [candidate], "modelVersion": "m", "responseId": "r1"}
        if usage:
            out["usageMetadata"] = {"promptTokenCount": usage[0], "candidatesTokenCount": usage[1],
                                    "totalTokenCount": usage[0] + usage[1]}
        return out

    def open(self):
        return []

    def say(self, word):
        return [sse(self.answer_of([{"text": word}]))]

    def close(self, finish="stop", usage=(3, 4)):
        return [sse(self.answer_of([], finish, usage))]

    def whole(self, text, finish="stop"):
        return dumps(self.answer_of([{"text": text}] if text else [], finish, (3, 4)))


class Converse(Speech):
    name, stream_type, frames = "bedrock", "application/vnd.amazon.eventstream", "aws"

    def kind(name):
        return (("x-amzn-errortype", name + ":http://internal.amazon.com/coral/"),)

    errors = {"busy": (503, dumps({"message": "Too busy"}), kind("ServiceUnavailableException")),
              "limited": (429, dumps({"message": "Too many requests"}), kind("ThrottlingException")),
              "auth": (403, dumps({"message": "The security token is invalid."}),
                       kind("UnrecognizedClientException")),
              "failed": (500, dumps({"message": "It broke"}), kind("InternalServerException")),
              "context": (400, dumps({"message": "Input is too long for requested model."}),
                          kind("ValidationException"))}
    events = {"busy": frame("serviceUnavailableException", {"message": "busy"}, True),
              "limited": frame("throttlingException", {"message": "slow"}, True),
              "auth": frame("accessDeniedException", {"message": "no"}, True),
              "failed": frame("modelStreamErrorException", {"message": "it broke"}, True),
              "context": frame("validationException", {"message": "prompt is too long: 9"}, True)}
    finishes = {"stop": "end_turn", "length": "max_tokens", "filter": "guardrail_intervened",
                "odd": "made_up"}
    odd = frame("novelEvent", {"a": 1})

    def wants_stream(self, request):
        return request.target.endswith("/converse-stream")

    def open(self):
        return [frame("messageStart", {"role": "assistant"})]

    def say(self, word, index=0):
        return [frame("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": word}})]

    def end(self, finish="stop", usage=(3, 4)):
        out = [frame("messageStop", {"stopReason": self.finishes.get(finish, finish)})]
        if usage:
            out.append(frame("metadata", {"usage": {
                "inputTokens": usage[0], "outputTokens": usage[1],
                "totalTokens": 0 if isinstance(usage[1], str) else usage[0] + usage[1]},
                "metrics": {"latencyMs": 5}}))
        return out

    def close(self, finish="stop", usage=(3, 4)):
        return [frame("contentBlockStop", {"contentBlockIndex": 0}), *self.end(finish, usage)]

    def whole(self, text, finish="stop"):
        return dumps({"output": {"message": {"role": "assistant", "content": [{"text": text}] if text else []}},
                      "stopReason": self.finishes[finish], "metrics": {"latencyMs": 5},
                      "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}})


class Cohere(Speech):
    name = "cohere"
    errors = {"busy": (503, dumps({"message": "overloaded"}), ()),
              "limited": (429, dumps({"message": "Please wait and try again later"}), ()),
              "quota": (429, dumps({"message": "You are using a Trial key, which is limited to 1000 API calls "
                                               "/ month."}), ()),
              "auth": (401, dumps({"message": "invalid api token"}), ()),
              "failed": (500, dumps({"message": "internal server error"}), ()),
              "context": (400, dumps({"message": "too many tokens: total number of tokens in the prompt. The "
                                                 "limit for this model is 8192"}), ())}
    finishes = {"stop": "COMPLETE", "length": "MAX_TOKENS", "odd": "MADE_UP"}

    def event(self, kind, **more):
        return sse({"type": kind, **more}, kind)

    # Only one way to fail inside a stream, with words alone.
    events = {"context": sse({"type": "message-end", "delta": {
        "error": "too many tokens: 9", "finish_reason": "ERROR"}}, "message-end")}
    odd = sse({"type": "novel-event"}, "novel-event")

    def start(self):
        return self.event("message-start", id="c1", delta={"message": {
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}})

    def block(self, index=0):
        return self.event("content-start", index=index, delta={"message": {
            "content": {"type": "text", "text": ""}}})

    def open(self):
        return [self.start(), self.block()]

    def say(self, word, index=0):
        return [self.event("content-delta", index=index, delta={"message": {"content": {"text": word}}})]

    def end(self, finish="stop", usage=(3, 4)):
        given, made = usage or (0, 0)
        counts = {"usage": {"billed_units": {"input_tokens": given, "output_tokens": made},
                            "tokens": {"input_tokens": given, "output_tokens": made}}} if usage else {}
        return [self.event("message-end", id="c1", delta={"finish_reason": self.finishes.get(finish, finish),
                                                          **counts})]

    def close(self, finish="stop", usage=(3, 4)):
        return [self.event("content-end", index=0), *self.end(finish, usage)]

    def whole(self, text, finish="stop"):
        counts = {"input_tokens": 3, "output_tokens": 4}
        return dumps({"id": "c1", "finish_reason": self.finishes[finish], "message": {
            "role": "assistant", "content": [{"type": "text", "text": text}] if text else []},
            "usage": {"billed_units": counts, "tokens": counts}})


ALL = [Chat, Responses, Messages, Gemini, Converse, Cohere]


def order_rows(speech):
    """(name, events) that break the format's own order, behind `open()` and the first word."""
    if speech.name == "anthropic":
        return [("a second message_start", [speech.start()]),
                ("a delta in a block that is not open", speech.say("x", 7)),
                ("a block inside a block", [speech.block(1)]),
                ("a message_stop without its message_delta", [speech.event("content_block_stop", index=0),
                                                              speech.event("message_stop")])]
    if speech.name == "bedrock":
        return [("a second messageStart", [frame("messageStart", {"role": "assistant"})])]
    if speech.name == "cohere":
        return [("a second message-start", [speech.start()])]
    return []
