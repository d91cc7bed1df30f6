"""What recorded answers say: a second reading, lenient and by hand from the vendors' documents.

Nothing here is shared with the gateway's readers, and nothing is strict: a vendor's oddity is
taken as it was meant. The answer is the plain one of tests/e2e/dialects.py, so that it can be
compared with what a strict reader finds in the gateway's translation.
"""

import base64
import json
import struct

from dialects import Answer, Call


class NoAnswer(Exception):
    """An error, or something that is no answer of a model."""


def events(body):
    """(name, data) of server-sent events, whatever ends their lines; the last one may be cut."""
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].strip())
        if data:
            yield name, "\n".join(data)


def frames(body):
    """(type, payload) of an AWS event stream."""
    while body:
        total, headers = struct.unpack(">II", body[:8])
        at, found = 12, {}
        while at < 12 + headers:
            n = body[at]
            m, = struct.unpack(">H", body[at + 2 + n:at + 4 + n])
            found[body[at + 1:at + 1 + n].decode()] = body[at + 4 + n:at + 4 + n + m].decode()
            at += 4 + n + m
        name = found.get(":event-type") or "!" + found.get(":exception-type", "")
        yield name, json.loads(body[12 + headers:total - 4])
        body = body[total:]


def arguments(text):
    if not (text or "").strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {"_raw": text}
    return value if isinstance(value, dict) else {"_raw": text}


def settle(answer, cut=False):
    """Calls decide: who says stop and calls a tool, wants its result."""
    if answer.calls and answer.finish == "stop":
        answer.finish = "calls"
    if not answer.calls and answer.finish == "calls":
        answer.finish = "stop"
    return answer


# ---- OpenAI chat and who says to be like it ----

CHAT = {"stop": "stop", "length": "length", "tool_calls": "calls", "function_call": "calls",
        "content_filter": "filter", "eos": "stop", "model_length": "length", "error": "failed",
        "insufficient_system_resource": "failed"}


def chat_content(answer, content):
    """A string, or Mistral's list."""
    if isinstance(content, str):
        answer.text += content
    for part in content if isinstance(content, list) else []:
        if part["type"] == "text":
            answer.text += part["text"]
        elif part["type"] == "thinking":
            answer.reasoning += "".join(each.get("text", "") for each in part["thinking"])


def chat_reasoning(message):
    said = message.get("reasoning_content") or message.get("reasoning")
    if said:
        return said
    return "".join(each.get("text") or each.get("summary") or ""
                   for each in message.get("reasoning_details") or [])


def chat_usage(answer, usage, provider):
    answer.given = usage.get("prompt_tokens") or 0
    answer.made = usage.get("completion_tokens") or 0
    details = usage.get("prompt_tokens_details") or {}
    answer.cached = (details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
                     or usage.get("num_cached_tokens") or usage.get("cached_tokens") or 0)
    total = usage.get("total_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    if provider == "google" or (thought and total == answer.given + answer.made + thought):
        answer.made = total - answer.given  # reasoning stands beside the completion


def chat_whole(body, provider):
    root, answer = json.loads(body), Answer()
    if "choices" not in root:
        raise NoAnswer("error")
    choice = root["choices"][0]
    message = choice["message"]
    chat_content(answer, message.get("content"))
    answer.text += message.get("refusal") or ""
    answer.reasoning += chat_reasoning(message)
    for call in message.get("tool_calls") or []:
        answer.calls.append(Call(call.get("id") or "", call["function"]["name"],
                                 arguments(call["function"].get("arguments"))))
    answer.finish = CHAT[choice["finish_reason"] or "stop"]
    if root.get("usage"):
        chat_usage(answer, root["usage"], provider)
    return settle(answer)


def chat_stream(body, provider):
    answer, calls, last = Answer(), {}, None
    for _, data in events(body):
        if data == "[DONE]":
            last = last or "stop"
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            raise NoAnswer("error")
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        if usage:
            chat_usage(answer, usage, provider)
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            chat_content(answer, delta.get("content"))
            answer.text += delta.get("refusal") or ""
            answer.reasoning += chat_reasoning(delta)
            for piece in delta.get("tool_calls") or []:
                call = calls.setdefault(piece.get("index", len(calls)), ["", "", ""])
                function = piece.get("function") or {}
                call[0] = call[0] or piece.get("id") or ""
                call[1] = call[1] or function.get("name") or ""
                call[2] += function.get("arguments") or ""
            last = choice.get("finish_reason") or last
    if last is None:
        raise NoAnswer("cut")
    answer.calls = [Call(i, n, arguments(a)) for i, n, a in calls.values()]
    answer.finish = CHAT[last]
    return settle(answer)


# ---- OpenAI responses ----

def responses_object(root):
    answer = Answer()
    if root.get("status") in ("queued", "in_progress"):  # to be fetched later
        answer.finish = "pause"
        return answer
    # "complete" is a word of tests written by hand.
    if root.get("status") not in ("completed", "complete", "incomplete", None) or "output" not in root:
        raise NoAnswer(f"a response that is {root.get('status')}")
    for item in root["output"]:
        if item["type"] == "message":
            for part in item["content"]:
                answer.text += part.get("text") or part.get("refusal") or ""
        elif item["type"] == "function_call":
            answer.calls.append(Call(item["call_id"], item["name"], arguments(item["arguments"])))
        elif item["type"] == "reasoning":
            for part in (item.get("summary") or []) + (item.get("content") or []):
                answer.reasoning += part["text"]
    answer.finish = "stop"
    if root.get("status") == "incomplete":
        answer.finish = {"max_output_tokens": "length",
                         "content_filter": "filter"}[root["incomplete_details"]["reason"]]
    if root.get("usage"):
        answer.given, answer.made = root["usage"]["input_tokens"], root["usage"]["output_tokens"]
        answer.cached = (root["usage"].get("input_tokens_details") or {}).get("cached_tokens") or 0
    return settle(answer)


def responses_whole(body, provider):
    return responses_object(json.loads(body))


def responses_stream(body, provider):
    for _, data in events(body):
        event = json.loads(data) if data != "[DONE]" else {"type": ""}
        if event["type"] in ("response.completed", "response.incomplete"):
            return responses_object(event["response"])
    raise NoAnswer("cut")


# ---- Anthropic ----

ANTHROPIC = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "calls", "max_tokens": "length",
             "model_context_window_exceeded": "length", "refusal": "filter", "pause_turn": "pause",
             "compaction": "pause"}


def anthropic_block(answer, block):
    if block["type"] == "text":
        answer.text += block["text"]
    elif block["type"] == "thinking":
        answer.reasoning += block["thinking"]
    elif block["type"] == "tool_use":
        answer.calls.append(Call(block["id"], block["name"], block["input"]))


def anthropic_usage(answer, usage):
    answer.cached = usage.get("cache_read_input_tokens") or 0
    answer.given = (usage.get("input_tokens") or 0) + answer.cached + (
        usage.get("cache_creation_input_tokens") or 0)
    answer.made = usage.get("output_tokens") or 0
    for each in usage.get("iterations") or []:  # the totals leave these out, the bill does not
        if each["type"] == "compaction":
            cached = each.get("cache_read_input_tokens") or 0
            answer.cached += cached
            answer.given += each["input_tokens"] + cached + (each.get("cache_creation_input_tokens") or 0)
            answer.made += each["output_tokens"]


def anthropic_whole(body, provider):
    root, answer = json.loads(body), Answer()
    if root["type"] != "message":
        raise NoAnswer(root["type"])
    for block in root["content"]:
        anthropic_block(answer, block)
    answer.finish = ANTHROPIC[root["stop_reason"]]
    anthropic_usage(answer, root["usage"])
    return settle(answer)


def anthropic_stream(body, provider):
    answer, block, usage, reason = Answer(), None, {}, None
    for _, data in events(body):
        event = json.loads(data)
        kind = event["type"]
        if kind == "error":
            raise NoAnswer("error")
        if kind == "message_start":
            usage.update(event["message"]["usage"])
        elif kind == "content_block_start":
            block = event["content_block"]
            block["json"] = ""
        elif kind == "content_block_delta":
            delta = event["delta"]
            for name, key in (("text", "text"), ("thinking", "thinking"), ("partial_json", "json")):
                block[key] = block.get(key, "") + delta.get(name, "")
        elif kind == "content_block_stop":
            if block["type"] == "tool_use":
                block["input"] = arguments(block["json"])
            anthropic_block(answer, block)
        elif kind == "message_delta":
            usage.update({k: v for k, v in event["usage"].items() if v is not None})
            reason = event["delta"]["stop_reason"]
    if reason is None:
        raise NoAnswer("cut")
    answer.finish = ANTHROPIC[reason]
    anthropic_usage(answer, usage)
    return settle(answer)


# ---- Gemini ----

GEMINI = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys((
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"),
    "filter"), **dict.fromkeys((
        "LANGUAGE", "OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "NO_IMAGE"), "failed")}


def gemini_roots(roots):
    answer, most = Answer(), {}
    for root in roots:
        if "error" in root:
            raise NoAnswer("error")
        for candidate in root.get("candidates") or []:
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part:
                    call = part["functionCall"]
                    answer.calls.append(Call(call.get("id", ""), call["name"], call.get("args") or {}))
                elif part.get("thought"):
                    answer.reasoning += part.get("text", "")
                else:
                    answer.text += part.get("text", "")
            if candidate.get("finishReason"):
                answer.finish = GEMINI[candidate["finishReason"]]
        if (root.get("promptFeedback") or {}).get("blockReason"):
            answer.finish = "filter"
        for key, value in (root.get("usageMetadata") or {}).items():
            if isinstance(value, int):
                most[key] = value  # the last word counts; a member may be missing in it
    if not answer.finish:
        raise NoAnswer("cut")
    if not most:
        return settle(answer)
    answer.given = most.get("promptTokenCount", 0) + most.get("toolUsePromptTokenCount", 0)
    answer.made = most.get("candidatesTokenCount", 0) + most.get("thoughtsTokenCount", 0)
    answer.cached = most.get("cachedContentTokenCount", 0)
    return settle(answer)


def gemini_whole(body, provider):
    return gemini_roots([json.loads(body)])


def gemini_stream(body, provider):
    return gemini_roots(json.loads(data) for _, data in events(body))


# ---- Bedrock ----

BEDROCK = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "calls", "max_tokens": "length",
           "model_context_window_exceeded": "length", "guardrail_intervened": "filter",
           "content_filtered": "filter", "malformed_model_output": "failed", "malformed_tool_use": "failed"}


def bedrock_usage(answer, usage):
    answer.cached = usage.get("cacheReadInputTokens") or 0
    answer.given = usage["inputTokens"] + answer.cached + (usage.get("cacheWriteInputTokens") or 0)
    answer.made = usage["outputTokens"]


def bedrock_whole(body, provider):
    root, answer = json.loads(body), Answer()
    if "output" not in root:
        raise NoAnswer("error")
    for block in root["output"]["message"]["content"]:
        answer.text += block.get("text", "")
        answer.text += "".join(each.get("text", "") for each in
                               (block.get("citationsContent") or {}).get("content") or [])
        answer.reasoning += ((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text", "")
        if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
            use = block["toolUse"]
            answer.calls.append(Call(use["toolUseId"], use["name"], use["input"]))
    answer.finish = BEDROCK[root["stopReason"]]
    bedrock_usage(answer, root["usage"])
    return settle(answer)


def bedrock_stream(body, provider):
    answer, calls = Answer(), {}
    for kind, event in frames(body):
        at = event.get("contentBlockIndex")
        if kind == "contentBlockStart" and "toolUse" in event["start"]:
            calls[at] = [event["start"]["toolUse"], ""]
        elif kind == "contentBlockDelta":
            delta = event["delta"]
            answer.text += delta.get("text", "")
            answer.reasoning += (delta.get("reasoningContent") or {}).get("text", "")
            if "toolUse" in delta:
                calls[at][1] += delta["toolUse"]["input"]
        elif kind == "messageStop":
            answer.finish = BEDROCK[event["stopReason"]]
        elif kind == "metadata":
            bedrock_usage(answer, event["usage"])
        elif kind.startswith("!"):
            raise NoAnswer("error")
    if not answer.finish:
        raise NoAnswer("cut")
    answer.calls = [Call(use["toolUseId"], use["name"], arguments(text)) for use, text in calls.values()
                    if use.get("type") != "server_tool_use"]
    return settle(answer)


# ---- Cohere ----

COHERE = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "TOOL_CALL": "calls", "MAX_TOKENS": "length",
          "ERROR": "failed", "TIMEOUT": "failed"}


def cohere_usage(answer, usage):
    tokens = usage.get("tokens") or usage["billed_units"]
    answer.given, answer.made = int(tokens["input_tokens"]), int(tokens["output_tokens"])
    answer.cached = int(usage.get("cached_tokens") or 0)


def cohere_whole(body, provider):
    root, answer = json.loads(body), Answer()
    if "finish_reason" not in root:
        raise NoAnswer("error")
    answer.reasoning = root["message"].get("tool_plan") or ""
    for block in root["message"].get("content") or []:
        answer.text += block.get("text") or ""
        answer.reasoning += block.get("thinking") or ""
    for call in root["message"].get("tool_calls") or []:
        answer.calls.append(Call(call["id"], call["function"]["name"],
                                 arguments(call["function"].get("arguments"))))
    answer.finish = COHERE[root["finish_reason"]]
    cohere_usage(answer, root["usage"])
    return settle(answer)


def cohere_stream(body, provider):
    answer, calls = Answer(), {}
    for _, data in events(body):
        if data == "[DONE]":
            continue
        event = json.loads(data)
        delta = event.get("delta") or {}
        message, kind, at = delta.get("message") or {}, event["type"], event.get("index")
        if kind == "content-delta":
            answer.text += message["content"].get("text") or ""
            answer.reasoning += message["content"].get("thinking") or ""
        elif kind == "tool-plan-delta":
            answer.reasoning += message["tool_plan"]
        elif kind == "tool-call-start":
            call = message["tool_calls"]
            calls[at] = [call["id"], call["function"]["name"], call["function"].get("arguments") or ""]
        elif kind == "tool-call-delta":
            calls[at][2] += message["tool_calls"]["function"]["arguments"]
        elif kind == "message-end":
            answer.finish = COHERE[delta["finish_reason"]]
            cohere_usage(answer, delta["usage"])
    if not answer.finish:
        raise NoAnswer("cut")
    answer.calls = [Call(i, n, arguments(a)) for i, n, a in calls.values()]
    return settle(answer)


READERS = {"openai-chat": (chat_whole, chat_stream), "openai-responses": (responses_whole, responses_stream),
           "anthropic": (anthropic_whole, anthropic_stream), "gemini": (gemini_whole, gemini_stream),
           "bedrock": (bedrock_whole, bedrock_stream), "cohere": (cohere_whole, cohere_stream)}


def read(source, body, stream, provider=""):
    return READERS[source][stream](body, provider)


def body_of(record):
    body = record["response_body"]
    return base64.b64decode(body["base64"]) if isinstance(body, dict) else body.encode()
