/* show.c - sluice show ID: one exchange with its attempts, each drawn against the whole.
 */
#include "main/reading.h"
#include "admin/grid.h"
#include "main/show_body.h"
#include "admin/text.h"

#include "codec/text.h"
#include "policy/price.h"

#include <stdio.h>

enum { BAR = 40, ATTEMPTS_MOST = 64 };

struct show {
	struct command *c;
	struct buf out;
	struct json_writer w;
	usec began, total; /* of the exchange */
	unsigned count;
	bool is_closed;
	struct ledger *corrections; /* where they stand */
};

/* 16 hex digits, or decimal. */
static bool parse_id(str text, uint64_t *ret)
{
	return (text.len == 16 && hex_to_u64(text, ret)) || str_to_u64(text, ret);
}

/* ---- the first pass: how long the whole took ---- */

static bool measure(void *arg, const struct attempt_row *row)
{
	struct show *s = arg;

	if (s->count++ == 0)
		s->began = row->began_wall;
	s->total = max_of(s->total, row->began_wall + row->total - s->began);
	if (row->closes)
		s->total = max_of(s->total, row->exchange_total);
	return s->count < ATTEMPTS_MOST;
}

/* ---- the second pass: what is printed ---- */

static unsigned column(const struct show *s, usec at)
{
	usec within = min_of(max_of(at, (usec)0), s->total);

	return s->total > 0 ? (unsigned)(within * BAR / s->total) : 0;
}

/* Waiting is '.', the answer '='. */
static void add_bar(struct show *s, const struct attempt_row *row)
{
	usec from = row->began_wall - s->began;
	usec first = row->first_token ? row->first_token : row->first_byte;
	unsigned begin = column(s, from), end = column(s, from + row->total);
	unsigned token = first ? column(s, from + first) : end;
	char bar[BAR];

	memset(bar, ' ', BAR);
	for (unsigned i = begin; i < BAR && (i < end || i == begin); i++)
		bar[i] = i < token || !first ? '.' : '=';
	buf_addf(&s->out, "|%.*s|", BAR, bar);
}

static void add_labelled(struct show *s, const char *label, usec span)
{
	if (span <= 0)
		return;
	buf_addf(&s->out, " · %s ", label);
	text_span(&s->out, span);
}

/* Quantity x unit price, by the figures that stand with the row. */
static void add_line(struct show *s, const struct price_line *line)
{
	static const char *const names[PRICE_CLASSES] = {
		[PRICE_INPUT] = "input",
		[PRICE_CACHE_READ] = "cached input",
		[PRICE_CACHE_WRITE] = "cache write",
		[PRICE_CACHE_WRITE_1H] = "cache write, 1 h",
		[PRICE_AUDIO_INPUT] = "audio input",
		[PRICE_OUTPUT] = "output",
		[PRICE_REASONING] = "reasoning",
		[PRICE_AUDIO_OUTPUT] = "audio output",
		[PRICE_IMAGE] = "image",
		[PRICE_REQUEST] = "request",
		[PRICE_SEARCH] = "search",
	};
	struct buf text = BUF_LIMIT(64);
	unsigned long long amount = (unsigned long long)line->amount;

	grouped_int(&text, (int64_t)line->quantity);
	buf_addf(&s->out, "       %-16s %12.*s x ", names[line->what],
	         STR_ARG(buf_str(&text)));
	if (line->unit == PRICE_UNKNOWN)
		buf_add(&s->out, STR("               ? (no price)"));
	else
		buf_addf(&s->out, "%llu.%012llu = $%llu.%012llu",
		         (unsigned long long)line->unit / 1000000000000,
		         (unsigned long long)line->unit % 1000000000000,
		         amount / 1000000000000, amount % 1000000000000);
	buf_add_char(&s->out, '\n');
	buf_free(&text);
}

static bool add_correction(void *arg, const struct correction_row *k)
{
	struct show *s = arg;

	buf_add(&s->out, STR("       corrected "));
	text_time(&s->out, k->made_wall);
	buf_add(&s->out, STR(" by "));
	money_text(&s->out, k->delta, true);
	buf_addf(&s->out, " to price %016llx: ", (unsigned long long)k->new_version);
	text_safe(&s->out, k->why);
	buf_add_char(&s->out, '\n');
	return true;
}

static void add_bill(struct show *s, const struct attempt_row *row)
{
	static const char *const sources[] = { "the program's catalogue",
		                               "the catalogue in $data",
		                               "the configuration" };
	struct price_line lines[PRICE_CLASSES];
	unsigned count;

	if (row->price) {
		count = price_lines(row->price, &row->usage, lines);
		for (unsigned i = 0; i < count; i++)
			add_line(s, &lines[i]);
		buf_addf(&s->out, "       price %016llx of %s",
		         (unsigned long long)row->price->version,
		         sources[row->price->source]);
		if (row->price->since)
			buf_addf(&s->out, ", as of %u", row->price->since);
		if (row->price->above)
			buf_addf(&s->out, ", above %u tokens", row->price->above);
		if (row->price->discount)
			buf_addf(&s->out, ", discount %u.%04u %%",
			         row->price->discount / 10000,
			         row->price->discount % 10000);
		buf_add_char(&s->out, '\n');
	}
	if (row->reserved) {
		buf_add(&s->out, STR("       reserved "));
		text_money(&s->out, row->reserved);
		buf_add_char(&s->out, '\n');
	}
	if (row->is_corrected && s->corrections)
		(void)ledger_corrections(s->corrections, row->id, add_correction, s);
}

static void add_usage(struct show *s, const struct attempt_row *row)
{
	static const char *const kinds[] = { "", "reported by the provider", "estimated",
		                             "unknown" };
	const struct token_usage *u = &row->usage;

	if (row->usage_kind == USAGE_NONE)
		return;
	buf_addf(&s->out,
	         "     tokens %llu in (%llu cached) · %llu out (%llu reasoning) · %s · ",
	         (unsigned long long)u->input, (unsigned long long)u->cache_read,
	         (unsigned long long)u->output, (unsigned long long)u->reasoning,
	         kinds[row->usage_kind]);
	text_money(&s->out, row_cost(row));
	buf_add_char(&s->out, '\n');
	add_bill(s, row);
}

static void add_attempt(struct show *s, const struct attempt_row *row)
{
	buf_addf(&s->out, "\n  #%u ", row->number);
	text_safe(&s->out, row->provider);
	if (row->model.len)
		buf_add_char(&s->out, '/');
	text_safe(&s->out, row->model);
	if (row->state == ROW_OPEN)
		buf_add(&s->out, STR("  running"));
	else if (row->state == ROW_UNKNOWN)
		buf_add(&s->out, STR("  unknown: the gateway died meanwhile"));
	else
		buf_addf(&s->out, "  %d", row->status);
	if (row->fault.len || row->finish.len) {
		buf_add(&s->out, STR("  "));
		text_safe(&s->out, row->fault.len ? row->fault : row->finish);
	}
	buf_add(&s->out, STR("\n     "));
	add_bar(s, row);
	buf_add_char(&s->out, ' ');
	text_span(&s->out, row->total);
	add_labelled(s, "connect", row->connect);
	add_labelled(s, "first byte", row->first_byte);
	add_labelled(s, "first token", row->first_token);
	buf_add_char(&s->out, '\n');
	if (answered_by_another(row)) {
		buf_add(&s->out, STR("     answered by another model: "));
		text_safe(&s->out, row->answered_model);
		buf_add_char(&s->out, '\n');
	}
	if (row->detail.len) {
		buf_add(&s->out, STR("     "));
		text_safe(&s->out, row->detail);
		buf_add_char(&s->out, '\n');
	}
	if (row->flags) {
		buf_add(&s->out, STR("     odd: "));
		row_flags(&s->out, row->flags, ' ');
		buf_add_char(&s->out, '\n');
	}
	add_usage(s, row);
}

static void add_head(struct show *s, const struct attempt_row *row)
{
	buf_add_hex(&s->out, row->exchange, 16);
	buf_add(&s->out, STR("  "));
	text_time(&s->out, row->began_wall);
	buf_addf(&s->out, "  %.*s%s\n  asked for ", STR_ARG(row->operation),
	         row->stream ? ", streamed" : "");
	text_safe(&s->out, row->asked.len ? row->asked : STR("nothing"));
	if (row->route.len) {
		buf_add(&s->out, STR(" · route "));
		text_safe(&s->out, row->route);
	}
	if (row->key)
		buf_addf(&s->out, " · key %012llx", (unsigned long long)row->key);
	if (row->user.len) {
		buf_add(&s->out, STR(" · user "));
		text_safe(&s->out, row->user);
	}
	if (row->tags.len) {
		buf_add(&s->out, STR(" · "));
		text_safe(&s->out, row->tags);
	}
	if (row->trial.len) {
		buf_add(&s->out, STR(" · trial "));
		text_safe(&s->out, row->trial);
	}
	buf_addf(&s->out, " · %llu bytes\n", (unsigned long long)row->request_bytes);
}

static void add_end(struct show *s, const struct attempt_row *row)
{
	buf_addf(&s->out, "\n  answered %d to ", row->client_status);
	text_safe(&s->out, row->client.len ? row->client : STR("?"));
	add_labelled(s, "total", row->exchange_total);
	add_labelled(s, "overhead", row->overhead);
	if (row->fault.len && row->number == 0) {
		buf_addf(&s->out, "\n  refused: %.*s ", STR_ARG(row->fault));
		text_safe(&s->out, row->detail);
	}
	if (row->agent.len) {
		buf_add(&s->out, STR("\n  agent "));
		text_safe(&s->out, row->agent);
	}
	buf_add_char(&s->out, '\n');
}

static bool add_row(void *arg, const struct attempt_row *row)
{
	struct show *s = arg;

	if (s->c->json) {
		row_json(&s->w, row);
		s->count++;
		return true;
	}
	if (s->count++ == 0)
		add_head(s, row);
	if (row->number > 0)
		add_attempt(s, row);
	return s->count < ATTEMPTS_MOST;
}

/* Of the row that closes it, which need not be the last: who has lost a race began later.
 */
static bool find_end(void *arg, const struct attempt_row *row)
{
	struct show *s = arg;

	if (!row->closes)
		return true;
	add_end(s, row);
	s->is_closed = true;
	return false;
}

static bool show(struct show *s, struct ledger *l, uint64_t id)
{
	s->corrections = l;
	if (!ledger_exchange(l, id, measure, s) || s->count == 0)
		return false;
	s->count = 0;
	if (s->c->json)
		json_open(&s->w, '[');
	if (!ledger_exchange(l, id, add_row, s))
		return false;
	if (s->c->json)
		json_close(&s->w, ']');
	else if (!ledger_exchange(l, id, find_end, s))
		return false;
	else if (!s->is_closed)
		buf_add(&s->out, STR("\n  not finished\n"));
	printf("%.*s%s", (int)s->out.len, s->out.ptr, s->c->json ? "\n" : "");
	return true;
}

int show_command(struct command *c)
{
	struct show s = { .c = c, .out = BUF_LIMIT(MiB) };
	struct reading r;
	uint64_t id;
	int result;

	if (c->argc == 0)
		return command_misused(
		        c, "show: give the id of a request (see sluice tail)");
	if (!parse_id(str_from_z(c->argv[0]), &id))
		return command_misused(c,
		                       "show: \"%s\" is no id of a request: 16 hex "
		                       "digits, as sluice tail shows them",
		                       c->argv[0]);
	if (command_has(c, "body"))
		return show_body(c, id);
	result = reading_begin(c, &r);
	if (result != EXIT_OK)
		return result;
	s.w.to = &s.out;
	if (!r.ledger || !show(&s, r.ledger, id))
		result = command_failed("there is no request %s in %.*s", c->argv[0],
		                        (int)r.dir.len, r.dir.ptr);
	buf_free(&s.out);
	reading_done(&r);
	return result;
}
