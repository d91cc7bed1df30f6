/* count.c - tokens guessed where nobody counts them, and the formats that need no more
 * than a chat's reader to be asked. */
#include "wire/count.h"

#include "wire/anthropic.h"
#include "wire/responses.h"

enum { TURN_TOKENS = 4 };

static void add_parts(const struct chat_part *p, uint64_t *bytes, uint64_t *tokens)
{
	for (; p; p = p->next) {
		bool is_media = p->kind == CHAT_IMAGE || p->kind == CHAT_AUDIO ||
		                p->kind == CHAT_VIDEO || p->kind == CHAT_FILE;

		*bytes += p->text.len + p->args.len;
		if (p->kind == CHAT_CALL)
			*bytes += p->name.len;
		if (p->kind == CHAT_FOREIGN)
			*bytes += p->raw.raw.len;
		if (p->source == SOURCE_TEXT)
			*bytes += p->data.len;
		else if (is_media)
			*tokens += COUNT_MEDIA_TOKENS;
		for (const struct chat_part *in = p->parts; in; in = in->next) {
			*bytes += in->text.len;
			*tokens += in->kind == CHAT_TEXT ? 0 : COUNT_MEDIA_TOKENS;
		}
	}
}

uint64_t count_guess(const struct chat_request *r)
{
	uint64_t bytes = r->schema.raw.len, tokens = 0;

	for (const struct chat_message *m = r->messages; m; m = m->next) {
		tokens += TURN_TOKENS;
		add_parts(m->parts, &bytes, &tokens);
	}
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		tokens += TURN_TOKENS;
		bytes += t->name.len + t->description.len + t->schema.raw.len;
	}
	return tokens + (bytes + 3) / 4;
}

const struct wire_work count_anthropic = {
	.read = anthropic_read_request,
	.write = anthropic_write_count_request,
	.tokens = "input_tokens",
};
/* Compatible hosts that speak Responses seldom count: only clients ask in this format. */
const struct wire_work count_responses = {
	.read = responses_read_request,
	.tokens = "input_tokens",
};
