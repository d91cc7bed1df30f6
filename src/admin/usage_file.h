/* usage_file.h - what a provider says was used: a CSV export of its console or API.
 *
 * Columns are known by their names, in the spellings of OpenAI's and Anthropic's exports
 * and of what is made from their usage APIs; others are passed over.  Needed are a day,
 * a model, and tokens or an amount.  What a cell says is usage_value.h's. */
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
	uint64_t failed; /* of these, in the ledger: a provider may count them or not */
	nanousd amount;
};

enum { USAGE_LINES_MOST = 100000 }; /* of one file */

struct usage_file {
	struct usage_line *lines; /* one for each day and model */
	unsigned count, room;
	unsigned *at; /* another of lines: 1 + index, 0: free */
	unsigned at_size;
	bool has_tokens, has_amount, has_requests;
	unsigned rows, skipped; /* without a day or a model: totals, mostly */
	unsigned unread;        /* cells that are no day, count or amount; they count 0 */
	unsigned unread_row;    /* of the first of them, the head being 1 */
	str unread_text;        /* its beginning */
	struct arena texts;
};

/* False: *why, also when there are more than USAGE_LINES_MOST days and models. */
bool usage_file_read(struct usage_file *f, str csv, struct buf *why);
void usage_file_done(struct usage_file *f);
/* The line of that day and model, or NULL. */
struct usage_line *usage_file_find(const struct usage_file *f, int64_t day, str model);
/* The same, added when there is none. */
struct usage_line *usage_file_line(struct usage_file *f, int64_t day, str model);
/* By day, then by model. */
void usage_file_sort(struct usage_file *f);
/* As CSV that usage_file_read reads as the same lines. */
void usage_file_write(const struct usage_file *f, struct buf *to);
