"""The six formats as a client speaks them, written anew in Python from the vendors' documents.

A dialect builds a request from plain values and reads an answer, whole or as a stream, back into
plain values; reading is strict about order, so that an answer which a vendor's SDK would choke on
does not pass. Nothing here is shared with the gateway's own readers and writers.
"""

import base64
import binascii
import json
import struct
from dataclasses import dataclass, field

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Answer:
    text: str = ""
    reasoning: str = ""
    calls: list = field(default_factory=list)
    stop: str = ""    # the stop sequence that was met, where the format says it
    finish: str = ""  # stop, length, calls, filter, pause, failed
    given: int = -1   # tokens of the prompt and of the answer, as reported
    made: int = -1
    cached: int = 0   # of the prompt, read from a cache
    foreign: int = 0  # blocks that only the format itself knows


@dataclass
class Turn:
    """What a request says: texts of the user and the assistant, calls and their results."""
    text: str = "hello"
    system: str = ""
    tools: dict = None        # name -> schema
    past: tuple = ()          # (Call, result text)
    schema: dict = None
    image: bool = False
    most: int = 0
    stops: tuple = ()
    effort: str = ""


def need(condition, what):
    if not condition:
        raise AssertionError(what)


def sse(body):
    """(event name, data) in their order; comments are left out."""
    text = body.decode().replace("\r\n", "\n")
    need(text.endswith("\n\n"), f"no blank line at the end: {text[-80:]!r}")
    for block in text[:-2].split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            else:
                need(line == "" or line.startswith(":"), f"odd line {line!r}")
        if data:
            yield name, "\n".join(data)


def frames(body):
    """(event type, payload) of an AWS event stream; both checksums are looked at."""
    while body:
        total, headers, crc = struct.unpack(">III", body[:12])
        need(binascii.crc32(body[:8]) == crc, "prelude checksum")
        need(binascii.crc32(body[:total - 4]) == struct.unpack(">I", body[total - 4:total])[0],
             "message checksum")
        at, found = 12, {}
        while at < 12 + headers:
            n = body[at]
            name = body[at + 1:at + 1 + n].decode()
            need(body[at + 1 + n] == 7, "header type")
            m = struct.unpack(">H", body[at + 2 + n:at + 4 + n])[0]
            found[name] = body[at + 4 + n:at + 4 + n + m].decode()
            at += 4 + n + m
        need(found.get(":message-type") == "event", f"message {found}")
        yield found[":event-type"], json.loads(body[12 + headers:total - 4])
        body = body[total:]


class Chat:
    name, path, base = "openai-chat", "/v1/chat/completions", "/v1"
    finishes = {"stop": "stop", "length": "length", "tool_calls": "calls", "content_filter": "filter"}

    def request(self, model, turn, stream):
        messages = []
        if turn.system:
            messages.append({"role": "system", "content": turn.system})
        content = turn.text
        if turn.image:
            content = [{"type": "text", "text": turn.text},
                       {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]
        messages.append({"role": "user", "content": content})
        if turn.past:
            messages.append({"role": "assistant", "content": None, "tool_calls": [
                {"id": call.id, "type": "function",
                 "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
                for call, _ in turn.past]})
            messages += [{"role": "tool", "tool_call_id": call.id, "content": result}
                         for call, result in turn.past]
        body = {"model": model, "messages": messages}
        if turn.tools:
            body["tools"] = [{"type": "function", "function": {"name": n, "parameters": s}}
                             for n, s in turn.tools.items()]
        if turn.schema:
            body["response_format"] = {"type": "json_schema", "json_schema": {
                "name": "answer", "schema": turn.schema, "strict": True}}
        if turn.most:
            body["max_completion_tokens"] = turn.most
        if turn.stops:
            body["stop"] = list(turn.stops)
        if turn.effort:
            body["reasoning_effort"] = turn.effort
        if stream:
            body.update(stream=True, stream_options={"include_usage": True})
        return self.path, body

    def usage(self, answer, usage):
        need(usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"], "total")
        answer.given, answer.made = usage["prompt_tokens"], usage["completion_tokens"]
        answer.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)

    def whole(self, body):
        root = json.loads(body)
        need(root["object"] == "chat.completion" and root["id"] and root["model"], "frame")
        need(len(root["choices"]) == 1, "choices")
        message = root["choices"][0]["message"]
        need(message["role"] == "assistant", "role")
        answer = Answer((message["content"] or "") + (message.get("refusal") or ""),
                        message.get("reasoning_content") or "")
        for call in message.get("tool_calls") or []:
            need(call["type"] == "function", "type of call")
            answer.calls.append(Call(call["id"], call["function"]["name"],
                                     json.loads(call["function"]["arguments"])))
        answer.finish = self.finishes[root["choices"][0]["finish_reason"]]
        if "usage" in root:
            self.usage(answer, root["usage"])
        return answer

    def stream(self, body):
        answer, calls, done, first, ids = Answer(), {}, False, True, set()
        for name, data in sse(body):
            need(not done and not name, "something behind [DONE], or an event name")
            if data == "[DONE]":
                done = True
                continue
            chunk = json.loads(data)
            need(chunk["object"] == "chat.completion.chunk", "object")
            ids.add(chunk["id"])
            if chunk.get("usage"):
                self.usage(answer, chunk["usage"])
            if not chunk["choices"]:
                continue
            need(answer.given < 0, "usage before the end")
            choice, = chunk["choices"]
            need(not answer.finish, "something behind the finish")
            delta = choice["delta"]
            need(not first or delta.get("role") == "assistant", "no role at first")
            first = False
            answer.text += (delta.get("content") or "") + (delta.get("refusal") or "")
            answer.reasoning += delta.get("reasoning_content") or ""
            for piece in delta.get("tool_calls") or []:
                if piece["index"] not in calls:
                    need(piece["index"] == len(calls) and piece["type"] == "function", "index")
                    calls[piece["index"]] = [piece["id"], piece["function"]["name"], ""]
                calls[piece["index"]][2] += piece["function"].get("arguments") or ""
            if choice.get("finish_reason"):
                answer.finish = self.finishes[choice["finish_reason"]]
        need(done and len(ids) == 1, "no [DONE], or several ids")
        answer.calls = [Call(i, n, json.loads(a)) for i, n, a in calls.values()]
        return answer


class Responses:
    name, path, base = "openai-responses", "/v1/responses", "/v1"
    hosted = {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
              "mcp_call", "mcp_list_tools", "tool_search_call", "tool_search_output", "compaction"}

    def request(self, model, turn, stream):
        content = [{"type": "input_text", "text": turn.text}]
        if turn.image:
            content.append({"type": "input_image", "image_url": "data:image/png;base64," + PNG})
        items = [{"role": "user", "content": content}]
        for call, _ in turn.past:
            items.append({"type": "function_call", "call_id": call.id, "name": call.name,
                          "arguments": json.dumps(call.arguments)})
        for call, result in turn.past:
            items.append({"type": "function_call_output", "call_id": call.id, "output": result})
        body = {"model": model, "input": items, "store": False}
        if turn.system:
            body["instructions"] = turn.system
        if turn.tools:
            body["tools"] = [{"type": "function", "name": n, "parameters": s, "strict": False}
                             for n, s in turn.tools.items()]
        if turn.schema:
            body["text"] = {"format": {"type": "json_schema", "name": "answer", "strict": True,
                                       "schema": turn.schema}}
        if turn.most:
            body["max_output_tokens"] = turn.most
        if turn.effort:
            body["reasoning"] = {"effort": turn.effort, "summary": "auto"}
        if stream:
            body["stream"] = True
        return self.path, body

    def object(self, root):
        for key in ("id", "object", "created_at", "status", "error", "incomplete_details", "model",
                    "output", "tools", "tool_choice", "parallel_tool_calls", "usage"):
            need(key in root, f"no {key}")
        need(root["id"].startswith("resp_") and root["object"] == "response", "frame")
        answer = Answer()
        for item in root["output"]:
            if item["type"] == "message":
                need(item["id"].startswith("msg_") and item["status"] == "completed" or turn_cut(root),
                     "item")
                for part in item["content"]:
                    if part["type"] == "refusal":
                        answer.text += part["refusal"]
                        continue
                    need(part["type"] == "output_text", "part")
                    need(all(each["type"] == "url_citation" and each["url"] and each["start_index"]
                             <= each["end_index"] <= len(part["text"]) for each in part["annotations"]),
                         f"annotations {part['annotations']}")
                    answer.text += part["text"]
            elif item["type"] == "function_call":
                need(item["id"].startswith("fc_"), "id of call")
                answer.calls.append(Call(item["call_id"], item["name"], json.loads(item["arguments"])))
            elif item["type"] in self.hosted:
                answer.foreign += 1
            else:
                need(item["type"] == "reasoning", f"item {item['type']}")
                for part in item.get("summary", []) + item.get("content", []):
                    answer.reasoning += part["text"]
        answer.finish = "calls" if answer.calls else "stop"
        if root["status"] == "incomplete":
            answer.finish = {"max_output_tokens": "length", "content_filter": "filter"}[
                root["incomplete_details"]["reason"]]
        else:
            need(root["status"] == "completed", "status")
        usage = root["usage"]
        if usage is None:
            return answer
        need(usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], "total")
        answer.given, answer.made = usage["input_tokens"], usage["output_tokens"]
        answer.cached = usage["input_tokens_details"]["cached_tokens"]
        return answer

    def whole(self, body):
        return self.object(json.loads(body))

    def stream(self, body):
        number, last, opened, deltas = 0, None, {}, {}
        for name, data in sse(body):
            event = json.loads(data)
            need(event["type"] == name and event["sequence_number"] == number, "type or number")
            number += 1
            need(last is None, "something behind the end")
            kind = name.removeprefix("response.")
            if number == 1:
                need(kind == "created" and event["response"]["status"] == "in_progress", "created")
            elif number == 2:
                need(kind == "in_progress", "in_progress")
            elif kind == "output_item.added":
                need(event["output_index"] == len(opened), "output_index")
                opened[event["output_index"]] = "open"
            elif kind == "output_item.done":
                need(opened[event["output_index"]] == "open", "done twice")
                opened[event["output_index"]] = "done"
            elif kind.endswith(".delta"):
                key = event["output_index"], event.get("content_index"), event.get("summary_index")
                need(opened[event["output_index"]] == "open", "delta outside an item")
                deltas[key] = deltas.get(key, "") + event["delta"]
            elif kind.endswith((".done",)) and not kind.endswith("part.done"):
                key = event["output_index"], event.get("content_index"), event.get("summary_index")
                whole = event.get("text", event.get("arguments", event.get("refusal")))
                need(deltas.get(key, "") == whole, f"deltas and whole differ: {kind}")
            elif kind in ("completed", "incomplete"):
                need(all(each == "done" for each in opened.values()), "an item is open")
                last = event["response"]
                need(len(last["output"]) == len(opened), "items of the end")
        need(last is not None, "no end")
        return self.object(last)


def turn_cut(root):
    return root["status"] == "incomplete"


class Messages:
    name, path, base = "anthropic", "/v1/messages", "/v1"
    finishes = {"end_turn": "stop", "max_tokens": "length", "tool_use": "calls", "stop_sequence": "stop",
                "model_context_window_exceeded": "length", "refusal": "filter", "pause_turn": "pause"}

    def request(self, model, turn, stream):
        content = [{"type": "text", "text": turn.text}]
        if turn.image:
            content.append({"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                                        "data": PNG}})
        messages = [{"role": "user", "content": content}]
        if turn.past:
            messages.append({"role": "assistant", "content": [
                {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
                for call, _ in turn.past]})
            messages.append({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": result}
                for call, result in turn.past]})
        body = {"model": model, "messages": messages, "max_tokens": turn.most or 1024}
        if turn.system:
            body["system"] = [{"type": "text", "text": turn.system,
                               "cache_control": {"type": "ephemeral"}}]
        if turn.tools:
            body["tools"] = [{"name": n, "input_schema": s} for n, s in turn.tools.items()]
        if turn.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": turn.schema}}
        if turn.stops:
            body["stop_sequences"] = list(turn.stops)
        if turn.effort:
            body["max_tokens"] = 8000
            body["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        if stream:
            body["stream"] = True
        return self.path, body

    def block(self, answer, block):
        if block["type"] == "text":
            answer.text += block["text"]
        elif block["type"] == "thinking":
            need("signature" in block, "no signature")
            answer.reasoning += block["thinking"]
        elif block["type"] in ("redacted_thinking", "server_tool_use", "mcp_tool_use", "compaction") or (
                block["type"].endswith("_tool_result")):
            answer.foreign += 1
        else:
            need(block["type"] == "tool_use", block["type"])
            answer.calls.append(Call(block["id"], block["name"], block["input"]))

    def end(self, answer, reason, usage):
        answer.finish = self.finishes[reason]
        answer.given = usage["input_tokens"] + (usage.get("cache_read_input_tokens") or 0) + (
            usage.get("cache_creation_input_tokens") or 0)
        answer.made = usage["output_tokens"]
        answer.cached = usage.get("cache_read_input_tokens") or 0

    def whole(self, body):
        root = json.loads(body)
        need(root["type"] == "message" and root["role"] == "assistant" and root["id"].startswith("msg_"),
             "frame")
        answer = Answer()
        for block in root["content"]:
            self.block(answer, block)
        answer.stop = root["stop_sequence"] or ""
        self.end(answer, root["stop_reason"], root["usage"])
        return answer

    def stream(self, body):
        answer, block, index, state = Answer(), None, 0, "begin"
        for name, data in sse(body):
            event = json.loads(data)
            need(event["type"] == name, "name and type differ")
            if name == "ping":
                continue
            if state == "begin":
                need(name == "message_start" and event["message"]["content"] == []
                     and event["message"]["stop_reason"] is None and event["message"]["usage"], name)
                state = "between"
            elif name == "content_block_start":
                need(state == "between" and event["index"] == index, "start")
                block, state, said = event["content_block"], "inside", ""
            elif name == "content_block_delta":
                need(state == "inside" and event["index"] == index, "delta")
                delta = event["delta"]
                if delta["type"] == "text_delta":
                    block["text"] += delta["text"]
                elif delta["type"] == "citations_delta":
                    need(block["type"] == "text" and delta["citation"]["type"], "citation")
                elif delta["type"] == "compaction_delta":
                    need(block["type"] == "compaction", "compaction")
                elif delta["type"] == "thinking_delta":
                    block["thinking"] += delta["thinking"]
                elif delta["type"] == "signature_delta":
                    block["signature"] = delta["signature"]
                else:
                    need(delta["type"] == "input_json_delta", delta["type"])
                    said += delta["partial_json"]
            elif name == "content_block_stop":
                need(state == "inside" and event["index"] == index, "stop")
                if block["type"] in ("tool_use", "server_tool_use", "mcp_tool_use"):
                    need(block["input"] == {}, "input at the start")
                    block["input"] = json.loads(said or "{}")
                self.block(answer, block)
                index, state = index + 1, "between"
            elif name == "message_delta":
                need(state == "between", "message_delta")
                answer.stop = event["delta"]["stop_sequence"] or ""
                self.end(answer, event["delta"]["stop_reason"], event["usage"])
                state = "over"
            else:
                need(name == "message_stop" and state == "over", f"{name} in {state}")
                state = "end"
        need(state == "end", f"ends in {state}")
        return answer


class Gemini:
    name, base = "gemini", "/v1beta"
    finishes = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys((
        "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "IMAGE_SAFETY"),
        "filter")}

    def __init__(self, array=False):
        self.array = array

    def request(self, model, turn, stream):
        parts = [{"text": turn.text}]
        if turn.image:
            parts.append({"inlineData": {"mimeType": "image/png", "data": PNG}})
        contents = [{"role": "user", "parts": parts}]
        if turn.past:
            contents.append({"role": "model", "parts": [
                {"functionCall": {"name": call.name, "args": call.arguments}} for call, _ in turn.past]})
            contents.append({"role": "user", "parts": [
                {"functionResponse": {"name": call.name, "response": {"output": result}}}
                for call, result in turn.past]})
        body, config = {"contents": contents}, {}
        if turn.system:
            body["systemInstruction"] = {"parts": [{"text": turn.system}]}
        if turn.tools:
            body["tools"] = [{"functionDeclarations": [
                {"name": n, "parametersJsonSchema": s} for n, s in turn.tools.items()]}]
        if turn.schema:
            config.update(responseMimeType="application/json", responseJsonSchema=turn.schema)
        if turn.most:
            config["maxOutputTokens"] = turn.most
        if turn.stops:
            config["stopSequences"] = list(turn.stops)
        if turn.effort:
            config["thinkingConfig"] = {"thinkingBudget": 2048, "includeThoughts": True}
        if config:
            body["generationConfig"] = config
        verb = ":streamGenerateContent" if stream else ":generateContent"
        return (f"/v1beta/models/{model}{verb}" + ("?alt=sse" if stream and not self.array else "")), body

    def take(self, answer, root):
        need(root.get("modelVersion") and root.get("responseId"), "frame")
        candidate, = root["candidates"]
        for part in (candidate.get("content") or {}).get("parts", []):
            if "functionCall" in part:
                call = part["functionCall"]
                answer.calls.append(Call(call.get("id", ""), call["name"], call["args"]))
            elif part.get("thought"):
                answer.reasoning += part["text"]
            elif "text" in part:
                answer.text += part["text"]
            else:
                answer.foreign += 1
        if candidate.get("finishReason"):
            need(not answer.finish, "finished twice")
            answer.finish = self.finishes[candidate["finishReason"]]
            if answer.calls and answer.finish == "stop":
                answer.finish = "calls"
        if root.get("usageMetadata"):
            usage = root["usageMetadata"]
            answer.given = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
            answer.cached = usage.get("cachedContentTokenCount", 0)
            answer.made = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
            if answer.finish:
                need(usage["totalTokenCount"] == answer.given + answer.made, "total")

    def whole(self, body):
        answer = Answer()
        self.take(answer, json.loads(body))
        return answer

    def stream(self, body):
        answer = Answer()
        for each in json.loads(body) if self.array else (json.loads(data) for _, data in sse(body)):
            need(not answer.finish, "something behind the finish")
            self.take(answer, each)
        return answer


class Converse:
    name, base = "bedrock", ""
    finishes = {"end_turn": "stop", "max_tokens": "length", "tool_use": "calls", "stop_sequence": "stop",
                "model_context_window_exceeded": "length", "guardrail_intervened": "filter",
                "content_filtered": "filter"}

    def request(self, model, turn, stream):
        content = [{"text": turn.text}]
        if turn.image:
            content.append({"image": {"format": "png", "source": {"bytes": PNG}}})
        messages = [{"role": "user", "content": content}]
        if turn.past:
            messages.append({"role": "assistant", "content": [
                {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}}
                for call, _ in turn.past]})
            messages.append({"role": "user", "content": [
                {"toolResult": {"toolUseId": call.id, "content": [{"text": result}]}}
                for call, result in turn.past]})
        body = {"messages": messages}
        if turn.system:
            body["system"] = [{"text": turn.system}]
        if turn.tools:
            body["toolConfig"] = {"tools": [
                {"toolSpec": {"name": n, "inputSchema": {"json": s}}} for n, s in turn.tools.items()]}
        if turn.schema:
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {
                "jsonSchema": {"name": "answer", "schema": json.dumps(turn.schema)}}}}
        if turn.most:
            body["inferenceConfig"] = {"maxTokens": turn.most}
        if turn.stops:
            body.setdefault("inferenceConfig", {})["stopSequences"] = list(turn.stops)
        if turn.effort:
            body["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
            body["inferenceConfig"] = {"maxTokens": 8000}
        return f"/model/{model.replace('/', '%2F')}/converse" + ("-stream" if stream else ""), body

    def usage(self, answer, usage):
        answer.given = usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) + usage.get(
            "cacheWriteInputTokens", 0)
        answer.made = usage["outputTokens"]
        answer.cached = usage.get("cacheReadInputTokens", 0)
        need(usage["totalTokens"] == answer.given + answer.made, "total")

    def whole(self, body):
        root, answer = json.loads(body), Answer()
        need(root["output"]["message"]["role"] == "assistant" and "latencyMs" in root["metrics"], "frame")
        for block in root["output"]["message"]["content"]:
            (kind, value), = block.items()
            if kind == "text":
                answer.text += value
            elif kind == "reasoningContent":
                (sort, inner), = value.items()
                need(sort in ("reasoningText", "redactedContent"), sort)
                answer.reasoning += inner["text"] if sort == "reasoningText" else ""
                answer.foreign += sort == "redactedContent"
            elif kind == "citationsContent":
                answer.text += "".join(each["text"] for each in value["content"])
            elif kind == "toolResult":
                answer.foreign += 1
            else:
                need(kind == "toolUse", kind)
                answer.calls.append(Call(value["toolUseId"], value["name"], value["input"]))
        answer.finish = self.finishes[root["stopReason"]]
        self.usage(answer, root["usage"])
        return answer

    def stream(self, body):
        answer, state, calls, open_at = Answer(), "begin", {}, None
        for kind, event in frames(body):
            if state == "begin":
                need(kind == "messageStart" and event["role"] == "assistant", kind)
                state = "blocks"
            elif kind == "contentBlockStart":
                need(state == "blocks" and open_at is None, "start")
                open_at = event["contentBlockIndex"]
                if "toolUse" in event["start"]:
                    use = event["start"]["toolUse"]
                    calls[open_at] = [use["toolUseId"], use["name"], ""]
            elif kind == "contentBlockDelta":
                need(state == "blocks" and open_at in (None, event["contentBlockIndex"]), "delta")
                open_at = event["contentBlockIndex"]
                (what, value), = event["delta"].items()
                if what == "text":
                    answer.text += value
                elif what == "toolUse":
                    calls[open_at][2] += value["input"]
                elif what not in ("citation", "toolResult"):
                    need(what == "reasoningContent", what)
                    answer.reasoning += value.get("text", "")
            elif kind == "contentBlockStop":
                need(open_at == event["contentBlockIndex"], "stop")
                open_at = None
            elif kind == "messageStop":
                need(state == "blocks" and open_at is None, "messageStop")
                answer.finish, state = self.finishes[event["stopReason"]], "over"
            else:
                need(kind == "metadata" and state == "over", f"{kind} in {state}")
                self.usage(answer, event["usage"])
                state = "end"
        need(state == "end", f"ends in {state}")
        answer.calls = [Call(i, n, json.loads(a or "{}")) for i, n, a in calls.values()]
        return answer


class Cohere:
    name, path, base = "cohere", "/v2/chat", "/v2"
    finishes = {"COMPLETE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "calls", "STOP_SEQUENCE": "stop",
                "ERROR": "failed", "TIMEOUT": "failed"}

    def request(self, model, turn, stream):
        _, body = Chat().request(model, Turn(turn.text, turn.system, turn.tools, turn.past,
                                             image=turn.image), False)
        for message in body["messages"]:
            if message["content"] is None:
                del message["content"]
        if turn.schema:
            body["response_format"] = {"type": "json_object", "json_schema": turn.schema}
        if turn.most:
            body["max_tokens"] = turn.most
        if turn.stops:
            body["stop_sequences"] = list(turn.stops)
        if turn.effort:
            body["thinking"] = {"type": "enabled", "token_budget": 2048}
        body["stream"] = stream
        return self.path, body

    def end(self, answer, reason, usage):
        answer.finish = self.finishes[reason]
        answer.given, answer.made = usage["tokens"]["input_tokens"], usage["tokens"]["output_tokens"]
        answer.cached = usage.get("cached_tokens") or 0

    def whole(self, body):
        root, answer = json.loads(body), Answer()
        message = root["message"]
        need(root["id"] and message["role"] == "assistant", "frame")
        for block in message.get("content") or []:
            if block["type"] == "text":
                answer.text += block["text"]
            else:
                answer.reasoning += block["thinking"]
        answer.reasoning += message.get("tool_plan") or ""
        for call in message.get("tool_calls") or []:
            answer.calls.append(Call(call["id"], call["function"]["name"],
                                     json.loads(call["function"]["arguments"])))
        self.end(answer, root["finish_reason"], root["usage"])
        return answer

    def stream(self, body):
        answer, state, calls, open_at, cited = Answer(), "begin", [], None, None
        for name, data in sse(body):
            if data == "[DONE]":
                need(state == "end", "[DONE]")
                continue
            event = json.loads(data)
            need(event["type"] == name, "name and type differ")
            delta = event.get("delta", {}).get("message", {})
            if state == "begin":
                need(name == "message-start" and delta["role"] == "assistant", name)
                state = "blocks"
            elif name in ("content-start", "tool-call-start"):
                need(open_at is None, "start")
                open_at = name[:-5], event["index"]
                if name == "tool-call-start":
                    call = delta["tool_calls"]
                    calls.append([call["id"], call["function"]["name"], call["function"]["arguments"]])
            elif name == "content-delta":
                need(open_at == ("content-" + "", event["index"]), "delta")
                answer.text += delta["content"].get("text", "")
                answer.reasoning += delta["content"].get("thinking", "")
            elif name == "tool-call-delta":
                calls[-1][2] += delta["tool_calls"]["function"]["arguments"]
            elif name == "tool-plan-delta":
                answer.reasoning += delta["tool_plan"]
            elif name in ("citation-start", "citation-end"):
                cites = name == "citation-start"
                need(cites != (cited == event["index"]), "citation")
                cited = event["index"] if cites else None
                need(not cites or delta["citations"]["sources"], "sources")
            elif name in ("content-end", "tool-call-end"):
                need(open_at == (name[:-3], event["index"]), "end")
                open_at = None
            else:
                need(name == "message-end" and open_at is None, name)
                self.end(answer, event["delta"]["finish_reason"], event["delta"]["usage"])
                state = "end"
        need(state == "end", f"ends in {state}")
        answer.calls = [Call(i, n, json.loads(a or "{}")) for i, n, a in calls]
        return answer


ALL = [Chat(), Responses(), Messages(), Gemini(), Converse(), Cohere()]


def data_url():
    return "data:image/png;base64," + PNG


def is_png(text):
    return base64.b64decode(text).startswith(b"\x89PNG")
