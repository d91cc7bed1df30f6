"""What a request says, whatever its format: the words that must arrive in every other one.

Texts of all turns, names and arguments of calls, results, names and descriptions of tools, base64
data. What the gateway named as dropped is let off by kind; everything else has to be found somewhere in
the strings of the request that was written.
"""

import base64
import json


def leaves(value):
    """All strings in it, numbers as JSON writes them."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value


def deep(value):
    """All strings and member names; strings that are JSON are looked into as well."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from deep(each)
    elif isinstance(value, list):
        for each in value:
            yield from deep(each)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            try:
                yield from deep(json.loads(value))
            except ValueError:
                pass


def arguments(value):
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            yield value
            return
    yield from leaves(value)


def data_url(url):
    return url.split(",", 1)[1] if url.startswith("data:") else url


def parts(content):
    """Of OpenAI's, Anthropic's and Cohere's lists, as far as they look alike."""
    if isinstance(content, str):
        yield "text", content
        return
    for part in content or []:
        if isinstance(part, str):
            yield "text", part
            continue
        kind = part.get("type") or next(iter(part))  # Mistral's clients leave it out
        if kind in ("text", "input_text", "output_text"):
            yield "text", part["text"]
        elif kind == "refusal":
            yield "text", part["refusal"]
        elif kind == "image_url":
            url = part["image_url"]
            yield "data", data_url(url["url"] if isinstance(url, dict) else url)
        elif kind == "input_image" and part.get("image_url"):
            yield "data", data_url(part["image_url"])
        elif kind == "input_audio":
            audio = part["input_audio"]
            yield "data", data_url(audio if isinstance(audio, str) else audio["data"])
        elif kind in ("file", "input_file"):
            file = part.get("file", part)
            if file.get("file_data"):
                yield "data", data_url(file["file_data"])
            if file.get("file_url"):
                yield "data", file["file_url"]
        elif kind in ("image", "document") and part["source"]["type"] in ("base64", "text", "url"):
            source = part["source"]
            yield "data", source.get("data") or source.get("url")
        elif kind == "tool_use":
            yield "name", part["name"]
            for each in arguments(part["input"]):
                yield "arguments", each
        elif kind == "tool_result":
            yield from (("result", text) for _, text in parts(part.get("content")))


def chat(body):
    for message in body["messages"]:
        yield from parts(message.get("content"))
        for call in message.get("tool_calls") or []:
            yield "name", call["function"]["name"]
            yield from (("arguments", each) for each in arguments(call["function"].get("arguments")))
    for tool in body.get("tools") or []:
        if "function" in tool:
            yield "tool", tool["function"]["name"]
            yield "tool", tool["function"].get("description") or ""


def responses(body):
    yield "text", body.get("instructions") or ""
    items = body["input"]
    if isinstance(items, str):
        yield "text", items
        return
    for item in items:
        if item.get("type") in (None, "message"):
            yield from parts(item["content"])
        elif item["type"] == "function_call":
            yield "name", item["name"]
            yield from (("arguments", each) for each in arguments(item["arguments"]))
        elif item["type"] == "function_call_output":
            yield from (("result", text) for _, text in parts(item["output"]))
    for tool in body.get("tools") or []:
        if tool["type"] == "function":
            yield "tool", tool["name"]
            yield "tool", tool.get("description") or ""


def anthropic(body):
    yield from parts(body.get("system"))
    for message in body["messages"]:
        yield from parts(message["content"])
    for tool in body.get("tools") or []:
        if "input_schema" in tool:
            yield "tool", tool["name"]
            yield "tool", tool.get("description") or ""


def either(value, camel, snake):
    return value.get(camel, value.get(snake))


def gemini(body):
    contents = body["contents"] + [either(body, "systemInstruction", "system_instruction") or {}]
    for content in contents:
        for part in content.get("parts") or []:
            if "text" in part and not part.get("thought"):
                yield "text", part["text"]
            inline, file = either(part, "inlineData", "inline_data"), either(part, "fileData", "file_data")
            call = either(part, "functionCall", "function_call")
            result = either(part, "functionResponse", "function_response")
            if inline:
                yield "data", inline["data"].replace("-", "+").replace("_", "/")
            if file:
                yield "data", either(file, "fileUri", "file_uri")
            if call:
                yield "name", call["name"]
                yield from (("arguments", each) for each in leaves(call.get("args")))
            if result:
                yield from (("result", each) for each in leaves(result["response"]))
    tools = body.get("tools") or []
    for tool in tools if isinstance(tools, list) else [tools]:
        for function in either(tool, "functionDeclarations", "function_declarations") or []:
            yield "tool", function["name"]
            yield "tool", function.get("description") or ""


def bedrock_blocks(blocks):
    for block in blocks:
        for kind, value in block.items():
            if kind == "text":
                yield "text", value
            elif kind in ("image", "document", "video") and "bytes" in value["source"]:
                yield "data", value["source"]["bytes"]
            elif kind == "toolUse" and value.get("type") != "server_tool_use":
                yield "name", value["name"]
                yield from (("arguments", each) for each in leaves(value["input"]))
            elif kind == "toolResult" and value.get("type") != "code_execution_tool_result":
                yield from (("result", text) for _, text in bedrock_blocks(value["content"]))
            elif kind == "json":
                yield from (("result", each) for each in leaves(value))


def bedrock(body):
    yield from bedrock_blocks(body.get("system") or [])
    for message in body["messages"]:
        yield from bedrock_blocks(message["content"])
    for tool in (body.get("toolConfig") or {}).get("tools") or []:
        if "toolSpec" in tool:
            yield "tool", tool["toolSpec"]["name"]
            yield "tool", tool["toolSpec"].get("description") or ""


READERS = {"openai-chat": chat, "openai-responses": responses, "anthropic": anthropic,
           "gemini": gemini, "bedrock": bedrock, "cohere": chat}


def narrows(body):
    """Does it forbid tools, or allow only some? Then formats that cannot say so leave out the others."""
    config = either(body, "toolConfig", "tool_config") or {}
    calling = either(config, "functionCallingConfig", "function_calling_config") or {}
    choice = body.get("tool_choice") or config.get("toolChoice") or {}
    return (choice in ("none", "NONE") or "tool" in choice or calling.get("mode") == "NONE"
            or bool(either(calling, "allowedFunctionNames", "allowed_function_names"))
            or isinstance(choice, dict) and (
                "function" in choice or choice.get("type") not in (None, "auto", "any")))


def ways(kind, text):
    """The same said otherwise: trimmed, as the values of its JSON, text as base64 and the reverse."""
    yield [text]
    yield [text.strip()]
    if text[:1] in ("{", "["):
        try:
            yield list(leaves(json.loads(text)))
        except ValueError:
            pass
    if kind in ("data", "result"):
        yield [base64.b64encode(text.encode()).decode()]
        try:
            yield [base64.b64decode(text).decode().strip()]
        except ValueError:
            pass


def missing(source, body, written, dropped):
    found = "\0".join(deep(written))
    few = narrows(body)
    return [(kind, text[:100]) for kind, text in READERS[source](body)
            if text.strip() and not (kind == "tool" and few)
            and not any(all(each in found for each in way) for way in ways(kind, text))]
