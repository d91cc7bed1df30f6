#include "wire/wire.h"

static const struct wire *const wires[WIRE_FORMATS] = {
	[WIRE_OPENAI_CHAT] = &wire_openai_chat,
	[WIRE_OPENAI_RESPONSES] = &wire_openai_responses,
	[WIRE_ANTHROPIC] = &wire_anthropic,
	[WIRE_GEMINI] = &wire_gemini,
	[WIRE_BEDROCK] = &wire_bedrock,
	[WIRE_COHERE] = &wire_cohere,
};

const struct wire *wire_of(enum wire_format format)
{
	return wires[format];
}
