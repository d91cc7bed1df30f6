#include "wire/concept.h"

const struct concept_row concepts[CONCEPTS] = {
#define CONCEPT(concept, chat, responses, anthropic, gemini, bedrock, cohere, is,        \
                when_lost)                                                               \
	[CONCEPT_##concept] = {                                                          \
		.name = STR_INIT(#concept),                                              \
		.path = { [WIRE_OPENAI_CHAT] = STR_INIT(chat),                           \
		          [WIRE_OPENAI_RESPONSES] = STR_INIT(responses),                 \
		          [WIRE_ANTHROPIC] = STR_INIT(anthropic),                        \
		          [WIRE_GEMINI] = STR_INIT(gemini),                              \
		          [WIRE_BEDROCK] = STR_INIT(bedrock),                            \
		          [WIRE_COHERE] = STR_INIT(cohere) },                            \
		.kind = is,                                                              \
		.lost = when_lost,                                                       \
	},
#include "wire/concept.def"
#undef CONCEPT
};
