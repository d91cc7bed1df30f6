/* openai.h - between the files of the OpenAI formats. For wire/ alone. */
#pragma once
#include "wire/wire.h"

void openai_tap_event(struct tap *t, str name, str data, struct tap_event *ret);
fault_t openai_tap_answer(struct tap *t, str body, str *ret_message);
bool openai_is_complete(const struct tap *t);

/* ---- usage (openai_usage.c) ---- */

/* Which object of a usage a count stands in. */
enum openai_usage_part {
	OPENAI_USAGE_NONE, /* in none that is known */
	OPENAI_USAGE_ROOT,
	OPENAI_USAGE_PROMPT,
	OPENAI_USAGE_COMPLETION,
	OPENAI_USAGE_TOOLS,
};

/* Zeroed, it is ready for openai_usage_take. */
struct openai_counts {
	struct token_usage usage;
	uint64_t total;
	bool has_any; /* a count that is known; without one there is no usage */
};

/* The part that a member of a usage is; NONE: it is none. */
enum openai_usage_part openai_usage_part(str name);
/* One member that is no object; false: it is a count, and one that cannot be. */
bool openai_usage_take(struct openai_counts *c, enum openai_usage_part part, str name,
                       struct json_value v);
/* All are taken: c->usage is what they mean together. */
void openai_usage_end(struct openai_counts *c, unsigned quirks);
/* The whole of a usage object; false: it says nothing, or what cannot be. */
bool openai_read_usage(struct json_value usage, unsigned quirks, struct token_usage *ret);
