/* usage_file.c - see usage_file.h. */
#include "admin/usage_file.h"

#include "admin/grid.h"
#include "admin/usage_value.h"
#include "base/mem.h"

#include <stdlib.h>

enum { COLUMNS_MOST = 64, CELL_MOST = 4 * KiB, TOLD_MOST = 64 };

enum column {
	COL_OTHER,
	COL_DAY,
	COL_MODEL,
	COL_INPUT,       /* all of it */
	COL_INPUT_APART, /* a part of it: what was not cached, was read, was written */
	COL_OUTPUT,
	COL_REQUESTS,
	COL_AMOUNT,
	COL_DAY_OF_REPORT, /* as the next ones, in Anthropic's cost_report */
	COL_OF_REPORT,
	COL_PLAIN_AMOUNT,
	COL_CURRENCY,
	COL_CENTS,         /* what a plain amount is there */
	COL_WRITTEN,       /* to the cache, all of it */
	COL_WRITTEN_APART, /* a part of that */
	COLUMNS,
};

/* Lower case, everything but letters and digits is '_'. */
static const struct spelling {
	str name;
	enum column is;
} spellings[] = {
	{ STR_INIT("date"), COL_DAY },
	{ STR_INIT("day"), COL_DAY },
	{ STR_INIT("usage_date"), COL_DAY },
	{ STR_INIT("usage_date_utc"), COL_DAY },
	{ STR_INIT("start_time_iso"), COL_DAY },
	{ STR_INIT("start_time"), COL_DAY },
	{ STR_INIT("starting_at"), COL_DAY_OF_REPORT },
	{ STR_INIT("timestamp"), COL_DAY },
	{ STR_INIT("aggregation_timestamp"), COL_DAY },
	{ STR_INIT("model"), COL_MODEL },
	{ STR_INIT("model_id"), COL_MODEL },
	{ STR_INIT("model_version"), COL_MODEL },
	{ STR_INIT("snapshot_id"), COL_MODEL },
	{ STR_INIT("input_tokens"), COL_INPUT },
	{ STR_INIT("prompt_tokens"), COL_INPUT },
	{ STR_INIT("n_context_tokens_total"), COL_INPUT },
	{ STR_INIT("usage_input_tokens_no_cache"), COL_INPUT_APART },
	{ STR_INIT("uncached_input_tokens"), COL_INPUT_APART },
	{ STR_INIT("usage_input_tokens_cache_read"), COL_INPUT_APART },
	{ STR_INIT("usage_input_tokens_cache_write_5m"), COL_INPUT_APART },
	{ STR_INIT("usage_input_tokens_cache_write_1h"), COL_INPUT_APART },
	{ STR_INIT("cache_read_input_tokens"), COL_INPUT_APART },
	{ STR_INIT("cache_creation_input_tokens"), COL_WRITTEN },
	{ STR_INIT("cache_creation_ephemeral_5m_input_tokens"), COL_WRITTEN_APART },
	{ STR_INIT("cache_creation_ephemeral_1h_input_tokens"), COL_WRITTEN_APART },
	{ STR_INIT("ephemeral_5m_input_tokens"), COL_WRITTEN_APART },
	{ STR_INIT("ephemeral_1h_input_tokens"), COL_WRITTEN_APART },
	{ STR_INIT("output_tokens"), COL_OUTPUT },
	{ STR_INIT("completion_tokens"), COL_OUTPUT },
	{ STR_INIT("usage_output_tokens"), COL_OUTPUT },
	{ STR_INIT("n_generated_tokens_total"), COL_OUTPUT },
	{ STR_INIT("num_model_requests"), COL_REQUESTS },
	{ STR_INIT("n_requests"), COL_REQUESTS },
	{ STR_INIT("requests"), COL_REQUESTS },
	{ STR_INIT("amount"), COL_PLAIN_AMOUNT },
	{ STR_INIT("currency"), COL_CURRENCY },
	{ STR_INIT("cost_type"), COL_OF_REPORT },
	{ STR_INIT("token_type"), COL_OF_REPORT },
	{ STR_INIT("amount_value"), COL_AMOUNT },
	{ STR_INIT("amount_usd"), COL_AMOUNT },
	{ STR_INIT("cost"), COL_AMOUNT },
	{ STR_INIT("cost_usd"), COL_AMOUNT },
	{ STR_INIT("total_cost"), COL_AMOUNT },
};

/* ---- cells ---- */

/* Takes the next cell off the text, without its quotes, into `room`. *ret_last: it ends
 * the line. */
static str take_cell(str *csv, struct buf *room, bool *ret_last)
{
	bool is_quoted = str_skip(csv, STR("\""));

	buf_clear(room);
	while (csv->len) {
		char c = str_take(csv, 1).ptr[0];

		if (is_quoted && c == '"') {
			if (!str_skip(csv, STR("\"")))
				is_quoted = false;
			else
				buf_add_char(room, '"');
			continue;
		}
		if (!is_quoted && c == ',') {
			*ret_last = false;
			return buf_str(room);
		}
		if (!is_quoted && c == '\n')
			break;
		if (c != '\r' || is_quoted)
			buf_add_char(room, c);
	}
	*ret_last = true;
	return buf_str(room);
}

static enum column column_of(str name)
{
	char plain[64];
	size_t len = 0;

	str_skip(&name, STR("\xef\xbb\xbf"));
	name = str_trim(name);
	for (size_t i = 0; i < name.len && len < sizeof(plain); i++) {
		char c = char_lower(name.ptr[i]);
		bool is_word = char_is_digit(c) || (c >= 'a' && c <= 'z');

		if (is_word || (len && plain[len - 1] != '_'))
			plain[len++] = is_word ? c : '_';
	}
	while (len && plain[len - 1] == '_')
		len--;
	for (unsigned i = 0; i < countof(spellings); i++) {
		if (str_eq(str_of(plain, len), spellings[i].name))
			return spellings[i].is;
	}
	return COL_OTHER;
}

/* ---- lines ---- */

static unsigned *place_of(const struct usage_file *f, int64_t day, str model)
{
	uint64_t at = (uint64_t)day * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < model.len; i++)
		at = (at ^ (uint8_t)char_lower(model.ptr[i])) * 0x100000001b3u;
	for (at ^= at >> 32;; at++) {
		unsigned *place = &f->at[at & (f->at_size - 1)];
		const struct usage_line *line = *place ? &f->lines[*place - 1] : NULL;

		if (!line || (line->day == day && str_eq_nocase(line->model, model)))
			return place;
	}
}

static void index_all(struct usage_file *f)
{
	memset(f->at, 0, f->at_size * sizeof(*f->at));
	for (unsigned i = 0; i < f->count; i++)
		*place_of(f, f->lines[i].day, f->lines[i].model) = i + 1;
}

/* Of a line, counted from 1; 0: there is none. */
static unsigned number_of(const struct usage_file *f, int64_t day, str model)
{
	return f->at_size ? *place_of(f, day, model) : 0;
}

struct usage_line *usage_file_find(const struct usage_file *f, int64_t day, str model)
{
	unsigned at = number_of(f, day, model);

	return at ? &f->lines[at - 1] : NULL;
}

struct usage_line *usage_file_line(struct usage_file *f, int64_t day, str model)
{
	unsigned at = number_of(f, day, model);
	struct usage_line *line;

	if (at)
		return &f->lines[at - 1];
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->lines = mem_resize(f->lines, f->room * sizeof(*f->lines));
		f->at_size = f->room * 2;
		f->at = mem_resize(f->at, f->at_size * sizeof(*f->at));
		index_all(f);
	}
	line = &f->lines[f->count++];
	*line = (struct usage_line){ .day = day, .model = arena_copy(&f->texts, model) };
	*place_of(f, day, line->model) = f->count;
	return line;
}

static int by_day(const void *a, const void *b)
{
	const struct usage_line *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return str_cmp(x->model, y->model);
}

void usage_file_sort(struct usage_file *f)
{
	if (f->count == 0)
		return;
	qsort(f->lines, f->count, sizeof(*f->lines), by_day);
	index_all(f);
}

static nanousd add_amounts(nanousd a, nanousd b)
{
	nanousd sum;

	if (__builtin_add_overflow(a, b, &sum))
		sum = b < 0 ? INT64_MIN : INT64_MAX;
	return max_of(sum, -INT64_MAX); /* as far as an amount can be read */
}

static uint64_t add_counts(uint64_t a, uint64_t b)
{
	return min_of(a + b, USAGE_COUNT_MOST);
}

static void add_line(struct usage_file *f, const struct usage_line *line)
{
	struct usage_line *to = usage_file_line(f, line->day, line->model);

	to->input = add_counts(to->input, line->input);
	to->output = add_counts(to->output, line->output);
	to->requests = add_counts(to->requests, line->requests);
	to->amount = add_amounts(to->amount, line->amount);
}

struct row {
	struct usage_line line;
	char model[256];
	bool has_day;
};

static bool add_text_count(str text, uint64_t *to)
{
	uint64_t count;

	if (!usage_count(text, &count))
		return false;
	*to = add_counts(*to, count);
	return true;
}

/* False: it is not what its column says.  An empty cell is nothing. */
static bool take_value(struct row *r, enum column column, str text)
{
	nanousd amount;

	text = str_trim(text);
	if (text.len == 0)
		return true;
	switch (column) {
	case COL_DAY:
		r->has_day = usage_day_parse(text, &r->line.day);
		/* "Total" is none and is not meant to be one. */
		return r->has_day || !char_is_digit(text.ptr[0]);
	case COL_MODEL:
		/* What is left of a long one may end with a date again. */
		text = usage_model(str_first(usage_model(text), sizeof(r->model)));
		if (text.len && !r->line.model.len) {
			memcpy(r->model, text.ptr, text.len);
			r->line.model = str_of(r->model, text.len);
		}
		break;
	case COL_INPUT:
	case COL_INPUT_APART:
	case COL_WRITTEN:
	case COL_WRITTEN_APART:
		return add_text_count(text, &r->line.input);
	case COL_OUTPUT:
		return add_text_count(text, &r->line.output);
	case COL_REQUESTS:
		return add_text_count(text, &r->line.requests);
	case COL_AMOUNT:
	case COL_CENTS:
		if (!usage_amount_in(text, column == COL_CENTS ? -2 : 0, &amount))
			return false;
		r->line.amount = add_amounts(r->line.amount, amount);
		break;
	case COL_OTHER:
	case COL_DAY_OF_REPORT:
	case COL_OF_REPORT:
	case COL_PLAIN_AMOUNT:
	case COL_CURRENCY:
	case COLUMNS:
		break;
	}
	return true;
}

static void note_unread(struct usage_file *f, str text)
{
	if (f->unread++)
		return;
	f->unread_row =
	        f->rows + 2; /* this one, which is not counted yet, and the head */
	f->unread_text = arena_copy(&f->texts, str_first(text, TOLD_MOST));
}

/* What a column is depends on what stands beside it. */
static void settle_head(enum column *columns, unsigned count, const bool *found)
{
	bool is_report =
	        found[COL_CURRENCY] && (found[COL_DAY_OF_REPORT] || found[COL_OF_REPORT]);

	for (unsigned i = 0; i < count; i++) {
		if (columns[i] == COL_PLAIN_AMOUNT)
			columns[i] = is_report ? COL_CENTS : COL_AMOUNT;
		if (columns[i] == COL_WRITTEN_APART && found[COL_WRITTEN])
			columns[i] = COL_OTHER;
	}
}

/* Of several amounts, or days, the first one counts. */
static bool is_second(enum column c, const bool *found)
{
	bool is_amount = c == COL_AMOUNT || c == COL_PLAIN_AMOUNT;

	return ((c == COL_DAY || c == COL_INPUT) && found[c]) ||
	       (is_amount && (found[COL_AMOUNT] || found[COL_PLAIN_AMOUNT]));
}

static unsigned read_head(struct usage_file *f, str *csv, struct buf *room,
                          enum column *columns, bool *found)
{
	unsigned count = 0;
	bool last = false;

	while (csv->len && !last) {
		enum column c = column_of(take_cell(csv, room, &last));

		if (c == COL_DAY_OF_REPORT) {
			found[c] = true;
			c = COL_DAY;
		}
		if (count < COLUMNS_MOST)
			columns[count++] = is_second(c, found) ? COL_OTHER : c;
		found[c] = true;
	}
	settle_head(columns, count, found);
	f->has_tokens = found[COL_OUTPUT] || found[COL_INPUT] || found[COL_INPUT_APART] ||
	                found[COL_WRITTEN] || found[COL_WRITTEN_APART];
	f->has_amount = found[COL_AMOUNT] || found[COL_PLAIN_AMOUNT];
	f->has_requests = found[COL_REQUESTS];
	return count;
}

static void read_row(struct usage_file *f, str *csv, struct buf *room,
                     const enum column *columns, unsigned count)
{
	struct row r = { .has_day = false };
	bool last = false, is_empty = true;

	for (unsigned at = 0; csv->len && !last; at++) {
		str text = take_cell(csv, room, &last);

		is_empty = is_empty && text.len == 0;
		if (at < count && !take_value(&r, columns[at], text))
			note_unread(f, text);
	}
	if (is_empty)
		return;
	f->rows++;
	if (r.has_day && r.line.model.len)
		add_line(f, &r.line);
	else
		f->skipped++;
}

bool usage_file_read(struct usage_file *f, str csv, struct buf *why)
{
	enum column columns[COLUMNS_MOST];
	bool found[COLUMNS] = { false };
	struct buf room = BUF_LIMIT(CELL_MOST);

	*f = (struct usage_file){ .texts = { .ceiling = 64 * MiB } };
	unsigned count = read_head(f, &csv, &room, columns, found);
	bool ok = found[COL_DAY] && found[COL_MODEL] && (f->has_tokens || f->has_amount);
	if (!ok)
		buf_addf(why, "its first line names no %s",
		         !found[COL_DAY]     ? "day (date, start_time, ...)"
		         : !found[COL_MODEL] ? "model"
		                             : "tokens and no amount");
	while (ok && csv.len) {
		read_row(f, &csv, &room, columns, count);
		if (f->count > USAGE_LINES_MOST) {
			buf_addf(why, "it has more than %d days and models",
			         USAGE_LINES_MOST);
			ok = false;
		}
	}
	buf_free(&room);
	return ok;
}

/* ---- writing ---- */

/* Always in quotes, so that every byte comes through. */
static void add_quoted(struct buf *to, str text)
{
	buf_add_char(to, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			buf_add_char(to, '"');
		buf_add_char(to, text.ptr[i]);
	}
	buf_add_char(to, '"');
}

static void add_count(struct buf *to, uint64_t count)
{
	buf_add_char(to, ',');
	buf_add_u64(to, count);
}

void usage_file_write(const struct usage_file *f, struct buf *to)
{
	buf_add(to, STR("date,model"));
	if (f->has_tokens)
		buf_add(to, STR(",input_tokens,output_tokens"));
	if (f->has_requests)
		buf_add(to, STR(",requests"));
	buf_add(to, f->has_amount ? STR(",amount_usd\n") : STR("\n"));
	for (unsigned i = 0; i < f->count; i++) {
		const struct usage_line *line = &f->lines[i];

		usage_day(to, line->day);
		buf_add_char(to, ',');
		add_quoted(to, line->model);
		if (f->has_tokens) {
			add_count(to, line->input);
			add_count(to, line->output);
		}
		if (f->has_requests)
			add_count(to, line->requests);
		if (f->has_amount) {
			buf_add_char(to, ',');
			money_text(to, line->amount, false);
		}
		buf_add_char(to, '\n');
	}
}

void usage_file_done(struct usage_file *f)
{
	free(f->lines);
	free(f->at);
	arena_done(&f->texts);
	*f = (struct usage_file){ 0 };
}
