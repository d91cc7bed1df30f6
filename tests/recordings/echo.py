"""An answer sent back: the next request of a client who keeps what it was given.

Clients echo the assistant's turn as they got it, with the results of its calls behind it. What a
provider sealed has to come home from there unchanged, whatever the client speaks; and nothing
that the gateway marked may reach another provider.
"""

MARK = "sluice1."


def chat(root):
    message = root["choices"][0]["message"]
    after = [{"role": "tool", "tool_call_id": call["id"], "content": "done"}
             for call in message.get("tool_calls") or []] or [{"role": "user", "content": "go on"}]
    return {"model": "m", "messages": [{"role": "user", "content": "q"}, message] + after}


def responses(root):
    after = [{"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
             for item in root["output"] if item["type"] == "function_call"]
    return {"model": "m", "store": False, "include": ["reasoning.encrypted_content"],
            "input": [{"role": "user", "content": "q"}] + root["output"]
            + (after or [{"role": "user", "content": "go on"}])}


def anthropic(root):
    after = [{"type": "tool_result", "tool_use_id": block["id"], "content": "done"}
             for block in root["content"] if block["type"] == "tool_use"]
    return {"model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2048},
            "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": root["content"]},
                         {"role": "user", "content": after or "go on"}]}


def gemini(root):
    content = root["candidates"][0]["content"]
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    after = [{"functionResponse": {**({"id": call["id"]} if call.get("id") else {}), "name": call["name"],
                                   "response": {"output": "done"}}} for call in calls]
    return {"contents": [{"role": "user", "parts": [{"text": "q"}]}, content,
                         {"role": "user", "parts": after or [{"text": "go on"}]}]}


def bedrock(root):
    message = root["output"]["message"]
    after = [{"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": "done"}]}}
             for block in message["content"] if "toolUse" in block]
    return {"messages": [{"role": "user", "content": [{"text": "q"}]}, message,
                         {"role": "user", "content": after or [{"text": "go on"}]}],
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}}


def cohere(root):
    message = root["message"]
    after = [{"role": "tool", "tool_call_id": call["id"], "content": "done"}
             for call in message.get("tool_calls") or []] or [{"role": "user", "content": "go on"}]
    return {"model": "m", "messages": [{"role": "user", "content": "q"}, message] + after}


NEXT = {"openai-chat": chat, "openai-responses": responses, "anthropic": anthropic, "gemini": gemini,
        "bedrock": bedrock, "cohere": cohere}


def seals(source, root):
    """What the provider wants back, of a whole answer."""
    if source == "anthropic":
        return [block.get("signature") or block.get("data") for block in root["content"]
                if block["type"] in ("thinking", "redacted_thinking")]
    if source == "openai-responses":
        # It is refused without what it led to, and hosted calls do not come back.
        follows = root["output"][1:] + [{"type": "end"}]
        return [item["encrypted_content"] for item, behind in zip(root["output"], follows)
                if item["type"] == "reasoning" and item.get("encrypted_content")
                and behind["type"] in ("message", "function_call", "reasoning")]
    if source == "gemini":
        return [part["thoughtSignature"] for each in root.get("candidates") or []
                for part in (each.get("content") or {}).get("parts") or []
                if "thoughtSignature" in part and ("text" in part or "functionCall" in part)]
    if source == "bedrock":
        found = [block["reasoningContent"] for block in root["output"]["message"]["content"]
                 if "reasoningContent" in block]
        return [each.get("redactedContent") or each["reasoningText"].get("signature") for each in found
                if each.get("redactedContent") or each["reasoningText"].get("signature")]
    return []
