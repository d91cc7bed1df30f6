/* seals.c - where in a body the seals stand that a client echoes.
 *
 * A search through the bytes says that there is none, as in nearly all bodies; where the
 * mark is found, a walk looks at the members that can hold a seal.  Text of a user may
 * have the mark, and so may a program that a tool has read. */
#include "wire/seals.h"

#include "wire/anthropic.h"
#include "wire/gemini.h"

/* Where a format has them.  All that is listed may also be one object (Gemini). */
struct places {
	const char *counted; /* the chat in a body that asks for its tokens; or NULL */
	str list;            /* of messages, or of what has the seals */
	str blocks;          /* in each of them; empty: they are the blocks */
	bool (*is_sealed)(struct json_value block);
};

static bool is_marked(struct json_value v)
{
	return v.type == JSON_STRING &&
	       str_starts(str_from(v.raw, 1), STR(CHAT_SEAL_MARK));
}

/* The same for clients who decode what they get. */
static bool is_coded(struct json_value v)
{
	return v.type == JSON_STRING &&
	       str_starts(str_from(v.raw, 1), STR(CHAT_SEAL_MARK_BASE64));
}

static bool is_of_type(struct json_value block, str type)
{
	return json_text_is(json_get(block, STR("type")), type);
}

/* Thoughts, and citations of answers that were not Anthropic's. */
static bool anthropic_is_sealed(struct json_value block)
{
	struct json_value citations = json_get(block, STR("citations"));
	struct json_member m;

	if (is_of_type(block, STR("thinking")))
		return is_marked(json_get(block, STR("signature")));
	if (is_of_type(block, STR("redacted_thinking")))
		return is_marked(json_get(block, STR("data")));
	if (!is_of_type(block, STR("text")) || citations.type != JSON_ARRAY)
		return false;
	for (struct json_iter it = json_iter(citations); json_next(&it, &m);) {
		if (json_text_is(json_get(m.value, STR("encrypted_index")),
		                 STR(ANTHROPIC_NO_INDEX)))
			return true;
	}
	return false;
}

static bool responses_is_sealed(struct json_value item)
{
	return is_of_type(item, STR("reasoning")) &&
	       is_marked(json_get(item, STR("encrypted_content")));
}

static bool gemini_is_sealed(struct json_value part)
{
	struct json_value camel = json_get(part, STR("thoughtSignature"));
	struct json_value snake = json_get(part, STR("thought_signature"));

	return is_marked(camel) || is_coded(camel) || is_marked(snake) || is_coded(snake);
}

static bool bedrock_is_sealed(struct json_value block)
{
	struct json_value thought = json_get(block, STR("reasoningContent"));
	struct json_value redacted = json_get(thought, STR("redactedContent"));

	return is_marked(redacted) || is_coded(redacted) ||
	       is_marked(json_path(thought, "reasoningText.signature"));
}

static const struct places *places_of(enum wire_format format)
{
	static const struct places all[] = {
		[WIRE_ANTHROPIC] = { .list = STR_INIT("messages"),
		                     .blocks = STR_INIT("content"),
		                     .is_sealed = anthropic_is_sealed },
		[WIRE_OPENAI_RESPONSES] = { .list = STR_INIT("input"),
		                            .is_sealed = responses_is_sealed },
		[WIRE_GEMINI] = { .counted = "generateContentRequest",
		                  .list = STR_INIT("contents"),
		                  .blocks = STR_INIT("parts"),
		                  .is_sealed = gemini_is_sealed },
		[WIRE_BEDROCK] = { .counted = "input.converse",
		                   .list = STR_INIT("messages"),
		                   .blocks = STR_INIT("content"),
		                   .is_sealed = bedrock_is_sealed },
	};

	return format < countof(all) && all[format].is_sealed ? &all[format] : NULL;
}

static struct json_value chat_of(const struct places *p, str body)
{
	struct json_value root = chat_root(body), counted = { 0 };

	if (p->counted)
		counted = json_path(root, p->counted);
	return counted.type == JSON_OBJECT ? counted : root;
}

static bool any_is_sealed(const struct places *p, struct json_value blocks)
{
	struct json_value single, block;

	for (struct json_iter it = gemini_items(blocks, &single);
	     gemini_next(&it, &single, &block);) {
		if (p->is_sealed(block))
			return true;
	}
	return false;
}

bool seals_are_in(enum wire_format format, str body)
{
	const struct places *p = places_of(format);
	struct json_value list, single, message;

	if (!p || !chat_has_mark(body, format))
		return false;
	list = json_get(chat_of(p, body), p->list);
	if (!p->blocks.len)
		return any_is_sealed(p, list);
	for (struct json_iter it = gemini_items(list, &single);
	     gemini_next(&it, &single, &message);) {
		if (any_is_sealed(p, json_get(message, p->blocks)))
			return true;
	}
	return false;
}
