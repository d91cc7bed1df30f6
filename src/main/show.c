/* show.c - sluice show ID: one exchange with its attempts, each drawn against the whole.
 */
#include "main/reading.h"
#include "main/show_body.h"
#include "main/text.h"

#include "codec/text.h"

#include <stdio.h>

enum { BAR = 40, ATTEMPTS_MOST = 64 };

struct show {
	struct command *c;
	struct buf out;
	struct json_writer w;
	usec began, total; /* of the exchange */
	unsigned count;
	bool is_closed;
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
	text_money(&s->out, row->cost);
	buf_add_char(&s->out, '\n');
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
	if (row->closes) {
		add_end(s, row);
		s->is_closed = true;
	}
	return s->count < ATTEMPTS_MOST;
}

static bool show(struct show *s, struct ledger *l, uint64_t id)
{
	if (!ledger_exchange(l, id, measure, s) || s->count == 0)
		return false;
	s->count = 0;
	if (s->c->json)
		json_open(&s->w, '[');
	if (!ledger_exchange(l, id, add_row, s))
		return false;
	if (s->c->json)
		json_close(&s->w, ']');
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

	if (c->argc == 0 || !parse_id(str_from_z(c->argv[0]), &id))
		return command_misused(
		        c, "show: give the id of a request (see sluice tail)");
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
