/* usage_file.h - what a provider says was used: a CSV export of its console or API.
 *
 * Columns are known by their names, in the spellings of OpenAI's and Anthropic's exports
 * and of what is made from their usage APIs; others are passed over.  Needed are a day,
 * a model, and tokens or an amount. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/money.h"
#include "base/usec.h"

struct usage_line {
	int64_t day; /* since 1970, UTC */
	str model;   /* without a date at its end: gpt-5-mini of gpt-5-mini-2025-08-07 */
	uint64_t input, output; /* tokens; input with what was cached */
	uint64_t requests;
	nanousd amount;
};

struct usage_file {
	struct usage_line *lines; /* one for each day and model */
	unsigned count, room;
	bool has_tokens, has_amount, has_requests;
	unsigned rows, skipped; /* without a day or a model: totals, mostly */
	struct arena texts;
};

/* False: *why. */
bool usage_file_read(struct usage_file *f, str csv, struct buf *why);
void usage_file_done(struct usage_file *f);
/* The model's name without a date. */
str usage_model(str model);
/* The line of that day and model, or NULL. */
struct usage_line *usage_file_find(const struct usage_file *f, int64_t day, str model);
/* The same, added when there is none. */
struct usage_line *usage_file_line(struct usage_file *f, int64_t day, str model);
/* "$1,234.50", "1e-05": exact as far as nano-dollars go, rounded half up. */
bool usage_amount(str text, nanousd *ret);
