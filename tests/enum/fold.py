"""A client's reading of a stream, for each of the six formats: bytes -> events -> message.

The idea: fold(format, body) puts together what a program that trusts the format would put
together, and notes everything such a program might choke on. It is written from the vendors'
documents and shares nothing with the gateway; e2e's dialects.py is another reading, stricter about
whole answers and blind to broken ones.
"""

import binascii
import json
import struct


class Broken(Exception):
    """No reader gets past this."""


class Message:
    """What has been put together: parts in their order, and how it ended."""

    def __init__(self):
        self.parts = []         # [kind, text, seal, id, name]
        self.end = "none"       # success, error, none
        self.finish = ""        # stop, length, calls, filter
        self.error = ""
        self.usage = None       # (prompt, completion)
        self.wrong = []         # what a strict reader objects to
        self.frames = {}        # members that must never change -> their value

    def need(self, condition, what):
        if not condition and len(self.wrong) < 8:
            self.wrong.append(what)

    def steady(self, name, value):
        """F5: one id, one model, one time."""
        if self.frames.setdefault(name, value) != value:
            self.need(False, f"F5: {name} was {self.frames[name]!r} and is {value!r}")

    def open(self, kind, id="", name=""):
        self.parts.append([kind, "", "", id, name])
        return self.parts[-1]

    def add(self, kind, text):
        """To the last part if it is of that kind, else to a new one."""
        if text and not (self.parts and self.parts[-1][0] == kind):
            self.open(kind)
        if text:
            self.parts[-1][1] += text

    def joined(self, kind):
        return whole_pairs("".join(part[1] for part in self.parts if part[0] == kind))

    def seals(self):
        return [part[2] for part in self.parts if part[2]]

    def calls(self):
        return [(part[3], part[4], part[1]) for part in self.parts if part[0] == "call"]

    def kinds(self):
        kinds = [part[0] for part in self.parts if part[1] or part[0] == "call"]
        return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]

    def is_empty(self):
        return not any(part[1] or part[2] or part[0] == "call" for part in self.parts)


def whole_pairs(text):
    """Halves of surrogate pairs that came apart are one character again."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text


def events_of(body, message):
    """(name, data) as the WHATWG rules have them; what is unfinished at the end is no event."""
    try:
        text = body.decode()
    except UnicodeDecodeError as why:
        raise Broken(f"F4: not UTF-8: {why}") from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    message.need(lines[-1] == "", "F11: the stream ends inside a line")
    name, data = "", []
    for line in lines[:-1]:
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
        elif line[0] != ":":
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data.append(value)
            elif field == "event":
                name = value
            else:
                message.need(field in ("id", "retry"), f"F4: odd line {line[:60]!r}")
    message.need(not data, "F11: the stream ends inside an event")


def loads(data):
    try:
        root = json.loads(data)
    except ValueError as why:
        raise Broken(f"F4: not JSON: {why}: {data[:80]!r}") from None
    if not isinstance(root, dict):
        raise Broken(f"F4: no object: {data[:80]!r}")
    return root


def chat(body, m):
    finishes = {"stop": "stop", "length": "length", "tool_calls": "calls", "content_filter": "filter"}
    done = has_role = False
    calls = {}
    for name, data in events_of(body, m):
        m.need(m.end != "error", "F11: something behind the error")
        m.need(not done, "F10: something behind [DONE]")
        if data.startswith("[DONE]"):   # as the vendor's own SDK looks at it
            m.need(m.end != "error", "F11: [DONE] behind an error")
            done = True
            continue
        root = loads(data)
        if root.get("error"):
            m.end, m.error = "error", str(root["error"])
            continue
        m.need(root.get("object") == "chat.completion.chunk", "object")
        for member in ("id", "created", "model", "system_fingerprint"):
            m.steady(member, root.get(member))
        if root.get("usage"):
            m.need(m.usage is None, "F7: two usages")
            usage = root["usage"]
            m.usage = usage["prompt_tokens"], usage["completion_tokens"]
            m.need(usage["total_tokens"] == sum(m.usage), "F7: total")
        for choice in root["choices"]:
            delta = choice.get("delta") or {}
            m.need(choice["index"] == 0, "F10: index")
            m.need(not m.finish, "F10: a choice behind its finish")
            m.need(bool(delta.get("role")) == (not has_role), "F5: the role comes first and once")
            has_role = True
            m.add("reasoning", delta.get("reasoning_content"))
            m.add("text", delta.get("content"))
            m.add("refusal", delta.get("refusal"))
            for piece in delta.get("tool_calls") or []:
                index, function = piece["index"], piece.get("function") or {}
                if index not in calls:
                    m.need(index == len(calls) and piece.get("id") and function.get("name"),
                           "F10: beginning of a call")
                    calls[index] = m.open("call", piece.get("id", ""), function.get("name", ""))
                else:
                    m.need(not piece.get("id"), "F9: a call begins twice")
                calls[index][1] += function.get("arguments") or ""
            if choice.get("finish_reason"):
                m.finish = finishes.get(choice["finish_reason"], choice["finish_reason"])
    if m.end != "error" and m.finish:
        m.end = "success"
    m.need(not done or m.finish, "F11: [DONE] without a finish")


def responses(body, m):
    number, items, texts, last = 0, {}, {}, None
    for name, data in events_of(body, m):
        event = loads(data)
        kind = str(event.get("type"))
        m.need(name == kind, "the event's name is not its type")
        m.need(last is None, f"F10: {kind} behind the terminal event")
        m.need(event.get("sequence_number") == number, f"F10: sequence_number "
               f"{event.get('sequence_number')} of {kind}, not {number}")
        number += 1
        if kind == "error":
            m.error = str(event.get("error") or event.get("message"))
            m.end = "error"
            continue
        kind = kind.removeprefix("response.")
        if m.end == "error":
            m.need(kind == "failed", f"F11: {kind} behind the error")
        if "response" in event:
            for member in ("id", "model", "created_at"):
                m.steady(member, event["response"].get(member))
        if number < 3:
            m.need(kind == ("created", "in_progress")[number - 1] or kind == "failed",
                   f"F10: event {number} is {kind}")
        index = event.get("output_index")
        where = index, event.get("content_index"), event.get("summary_index"), event.get("item_id")
        if kind == "output_item.added":
            item = event["item"]
            m.need(index == len(items), f"F10: output_index {index}")
            items[index] = [item, m.open({"message": "text", "function_call": "call"}.get(
                item["type"], item["type"]), item.get("call_id", ""), item.get("name", "")), True]
        elif kind == "output_item.done":
            m.need(index in items and items[index][2], "F10: an item ends that is not open")
            if index in items:
                kept, part, _ = items[index]
                items[index][2] = False
                m.need(kept["id"] == event["item"]["id"], "F5: an item's id changes")
                m.need(item_text(event["item"]) == whole_pairs(part[1]), "F10: item and deltas differ")
                part[2] = event["item"].get("encrypted_content") or ""
        elif kind.endswith(".delta"):
            m.need(index in items and items[index][2], "F10: a delta outside an item")
            if index in items:
                m.need(event.get("item_id") == items[index][0]["id"], "F5: item_id")
                items[index][1][1] += event["delta"]
                texts[where] = texts.get(where, "") + event["delta"]
                if kind == "refusal.delta":
                    items[index][1][0] = "refusal"
        elif kind.endswith(".done") and "part" not in kind:
            whole = event.get("text", event.get("arguments", event.get("refusal")))
            m.need(whole_pairs(texts.get(where, "")) == whole, f"F10: {kind} and its deltas differ")
        elif kind in ("content_part.done", "reasoning_summary_part.done"):
            whole = event["part"].get("text", event["part"].get("refusal"))
            m.need(whole_pairs(texts.get(where, "")) == whole, f"F10: {kind} and its deltas differ")
        elif kind in ("completed", "incomplete", "failed"):
            last = event["response"]
            m.need(last.get("status") == kind, "status")
    if last is None:
        return
    if last["status"] == "failed":
        m.end, m.error = "error", str(last.get("error"))
        return
    m.need(m.end != "error", "F11: success behind an error")
    m.end = "success"
    m.need(not any(each[2] for each in items.values()), "F10: an item is open at the end")
    m.need([item_text(each) for each in last["output"]]
           == [whole_pairs(each[1][1]) for each in items.values()],
           "F10: the last event and the items differ")
    m.finish = "calls" if any(part[0] == "call" for part in m.parts) else "stop"
    if last["status"] == "incomplete":
        m.finish = {"max_output_tokens": "length", "content_filter": "filter"}.get(
            (last.get("incomplete_details") or {}).get("reason"), "?")
    if last.get("usage"):
        usage = last["usage"]
        m.usage = usage["input_tokens"], usage["output_tokens"]
        m.need(usage["total_tokens"] == sum(m.usage), "F7: total")


def item_text(item):
    if item["type"] == "message":
        return "".join(part.get("text", part.get("refusal", "")) for part in item["content"])
    if item["type"] == "reasoning":
        return "".join(part["text"] for part in item.get("summary", []) + (item.get("content") or []))
    return item.get("arguments", "")


def anthropic(body, m):
    finishes = {"end_turn": "stop", "max_tokens": "length", "tool_use": "calls",
                "stop_sequence": "stop", "refusal": "filter", "model_context_window_exceeded": "length"}
    state, index, part, prompt = "begin", 0, None, 0
    for name, data in events_of(body, m):
        event = loads(data)
        m.need(event.get("type") == name, "the event's name is not its type")
        m.need(state != "end", f"F10: {name} behind message_stop")
        m.need(m.end != "error", f"F11: {name} behind the error")
        if name == "ping":
            continue
        if name == "error":
            m.end, m.error = "error", str(event.get("error"))
        elif name == "message_start":
            m.need(state == "begin", "F5: a second message_start")
            m.steady("id", event["message"]["id"])
            prompt = event["message"]["usage"]["input_tokens"]
            state = "between"
        elif name == "content_block_start":
            m.need(state == "between" and event["index"] == index,
                   f"F10: block {event['index']} starts in {state}")
            block, state = event["content_block"], "inside"
            kind = {"text": "text", "thinking": "reasoning", "tool_use": "call"}.get(block["type"], "?")
            part = m.open(kind, block.get("id", ""), block.get("name", ""))
            part[1] = block.get("text") or block.get("thinking") or ""
        elif name == "content_block_delta":
            delta = event["delta"]
            m.need(state == "inside" and event["index"] == index, f"F10: delta in {state}")
            if part is None:
                continue
            wanted = {"text_delta": ("text", "text"), "thinking_delta": ("reasoning", "thinking"),
                      "input_json_delta": ("call", "partial_json"),
                      "signature_delta": ("reasoning", "signature")}[delta["type"]]
            m.need(part[0] == wanted[0], f"F10: {delta['type']} in a {part[0]} block")
            if wanted[1] == "signature":
                m.need(not part[2], "F8: two signatures")
                part[2] = delta["signature"]
            else:
                m.need(not part[2], "F8: something behind the signature")
                part[1] += delta[wanted[1]]
        elif name == "content_block_stop":
            m.need(state == "inside" and event["index"] == index, f"F10: stop in {state}")
            state, index, part = "between", index + 1, None
        elif name == "message_delta":
            m.need(state == "between", f"F10: message_delta in {state}")
            m.need(not m.finish, "F6: two finishes")
            m.finish = finishes.get(event["delta"]["stop_reason"], "?")
            usage = event.get("usage") or {}
            m.usage = usage.get("input_tokens", prompt), usage.get("output_tokens", -1)
            state = "over"
        elif name == "message_stop":
            m.need(state == "over", f"F10: message_stop in {state}")
            state, m.end = "end", "success"
        else:
            m.need(False, f"unknown event {name}")


def gemini(body, m):
    finishes = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "filter"}
    for name, data in events_of(body, m):
        root = loads(data)
        m.need(not name, "an event's name")
        m.need(m.end != "error", "F11: something behind the error")
        if "error" in root:
            m.end, m.error = "error", str(root["error"])
            continue
        m.steady("modelVersion", root.get("modelVersion"))
        m.steady("responseId", root.get("responseId"))
        for candidate in root.get("candidates", []):
            for part in (candidate.get("content") or {}).get("parts", []):
                m.need(not m.finish, "F10: content behind the finish")
                if "functionCall" in part:
                    call = part["functionCall"]
                    m.open("call", call.get("id", ""), call["name"])[1] = json.dumps(call["args"])
                else:
                    m.add("reasoning" if part.get("thought") else "text", part.get("text"))
                if part.get("thoughtSignature"):
                    m.open("seal")[2] = part["thoughtSignature"]
            if candidate.get("finishReason"):
                m.need(not m.finish, "F6: two finishes")
                m.finish = finishes.get(candidate["finishReason"], "?")
        usage = root.get("usageMetadata")
        if usage:
            made = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
            m.need(m.usage is None or m.usage[1] <= made, "F7: the count of tokens falls")
            m.usage = usage["promptTokenCount"], made
            m.need(usage.get("totalTokenCount", sum(m.usage)) == sum(m.usage), "F7: total")
    if m.end != "error" and m.finish:
        m.end = "success"
    if m.finish == "stop" and m.calls():
        m.finish = "calls"


def frames_of(body):
    while body:
        if len(body) < 16:
            raise Broken("F11: the stream ends inside a message")
        total, length, crc = struct.unpack(">III", body[:12])
        if binascii.crc32(body[:8]) != crc:
            raise Broken("F4: prelude checksum")
        if len(body) < total:
            raise Broken("F11: the stream ends inside a message")
        if binascii.crc32(body[:total - 4]) != struct.unpack(">I", body[total - 4:total])[0]:
            raise Broken("F4: message checksum")
        at, headers = 12, {}
        while at < 12 + length:
            n = body[at]
            name, at = body[at + 1:at + 1 + n].decode(), at + 1 + n
            if body[at] != 7:
                raise Broken("F4: header type")
            n = struct.unpack(">H", body[at + 1:at + 3])[0]
            headers[name], at = body[at + 3:at + 3 + n].decode(), at + 3 + n
        yield headers, loads(body[12 + length:total - 4])
        body = body[total:]


def bedrock(body, m):
    finishes = {"end_turn": "stop", "max_tokens": "length", "tool_use": "calls",
                "content_filtered": "filter", "guardrail_intervened": "filter", "stop_sequence": "stop"}
    state, index, part = "begin", 0, None
    for headers, event in frames_of(body):
        m.need(m.end != "error", "F11: something behind the exception")
        if headers.get(":message-type") != "event":
            m.end, m.error = "error", str(event)
            continue
        name = headers[":event-type"]
        at = event.get("contentBlockIndex")
        if name == "messageStart":
            m.need(state == "begin", "F5: a second messageStart")
            state = "between"
        elif name == "contentBlockStart":
            m.need(state == "between" and at == index, f"F10: block {at} starts in {state}")
            use = event["start"]["toolUse"]
            part, state = m.open("call", use["toolUseId"], use["name"]), "inside"
        elif name == "contentBlockDelta":
            m.need(state in ("between", "inside") and at == index, f"F10: delta of {at} in {state}")
            (sort, value), = event["delta"].items()
            kind = {"text": "text", "reasoningContent": "reasoning", "toolUse": "call"}[sort]
            if state != "inside":
                m.need(kind != "call", "F10: a call without a start")
                part, state = m.open(kind), "inside"
            m.need(part[0] == kind, f"F10: {sort} in a {part[0]} block")
            if kind == "text":
                part[1] += value
            elif kind == "call":
                part[1] += value["input"]
            elif "signature" in value:
                part[2] = value["signature"]
            else:
                m.need(not part[2], "F8: something behind the signature")
                part[1] += value["text"]
        elif name == "contentBlockStop":
            m.need(state == "inside" and at == index, f"F10: stop of {at} in {state}")
            state, index = "between", index + 1
        elif name == "messageStop":
            m.need(state == "between", f"F10: messageStop in {state}")
            m.finish, state, m.end = finishes.get(event["stopReason"], "?"), "over", "success"
        elif name == "metadata":
            m.need(state == "over" and m.usage is None, "F7: metadata")
            usage = event["usage"]
            m.usage = usage["inputTokens"], usage["outputTokens"]
            m.need(usage["totalTokens"] == sum(m.usage), "F7: total")
        else:
            m.need(False, f"unknown event {name}")


def cohere(body, m):
    finishes = {"COMPLETE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "calls", "STOP_SEQUENCE": "stop"}
    state, open_at, part, indexes = "begin", None, None, {"content": -1, "tool-call": -1}
    for name, data in events_of(body, m):
        if data == "[DONE]":
            m.need(state == "end" and m.end == "success", "F11: [DONE]")
            continue
        event = loads(data)
        m.need(event.get("type") == name, "the event's name is not its type")
        m.need(state != "end", f"F10: {name} behind message-end")
        delta = (event.get("delta") or {}).get("message") or {}
        sort, _, verb = name.rpartition("-")
        if name == "message-start":
            m.need(state == "begin", "F5: a second message-start")
            m.steady("id", event.get("id"))
            state = "inside"
        elif name == "message-end":
            state, reason = "end", event["delta"].get("finish_reason")
            if reason in ("ERROR", "TIMEOUT"):
                m.end, m.error = "error", str(event["delta"].get("error"))
                continue
            m.need(open_at is None, "F10: message-end inside a block")
            m.finish, m.end = finishes.get(reason, "?"), "success"
            tokens = (event["delta"].get("usage") or {}).get("tokens")
            if tokens:
                m.usage = tokens["input_tokens"], tokens["output_tokens"]
        elif name == "tool-plan-delta":
            m.add("reasoning", delta["tool_plan"])
        elif verb == "start" and sort in indexes:
            m.need(state == "inside" and open_at is None, f"F10: {name} inside a block")
            m.need(event["index"] == indexes[sort] + 1, f"F10: index {event['index']} of {name}")
            open_at, indexes[sort] = (sort, event["index"]), event["index"]
            if sort == "content":
                content = delta["content"]
                part = m.open("reasoning" if content["type"] == "thinking" else "text")
                part[1] = content.get("text") or content.get("thinking") or ""
            else:
                call = delta["tool_calls"]
                part = m.open("call", call["id"], call["function"]["name"])
                part[1] = call["function"].get("arguments") or ""
        elif verb in ("delta", "end") and sort in indexes:
            m.need(open_at == (sort, event["index"]), f"F10: {name} outside its block")
            if verb == "end":
                open_at = None
            elif sort == "content":
                content = delta["content"]
                m.need(part and part[0] == ("reasoning" if "thinking" in content else "text"), "F10: kind")
                if part:
                    part[1] += content.get("text") or content.get("thinking") or ""
            elif part:
                part[1] += delta["tool_calls"]["function"]["arguments"]
        else:
            m.need(False, f"unknown event {name}")


READERS = {"openai-chat": chat, "openai-responses": responses, "anthropic": anthropic, "gemini": gemini,
           "bedrock": bedrock, "cohere": cohere}


def fold(client, body):
    """Never raises: what stops a reader stands in `wrong`."""
    m = Message()
    try:
        READERS[client](body, m)
    except Broken as why:
        m.need(False, str(why))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, struct.error) as why:
        m.need(False, f"F4: {type(why).__name__}: {why}")
    for part in m.parts:
        part[1] = whole_pairs(part[1])
    return m


def is_error_body(client, body):
    """Is that the body of a failure, in that format?"""
    try:
        root = json.loads(body)
    except ValueError:
        return False
    if client in ("openai-chat", "openai-responses"):
        return isinstance(root.get("error"), dict) and "message" in root["error"]
    if client == "anthropic":
        return root.get("type") == "error" and "message" in root["error"]
    if client == "gemini":
        return {"code", "message", "status"} <= set(root.get("error", {}))
    return "message" in root
