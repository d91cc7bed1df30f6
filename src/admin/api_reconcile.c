/* api_reconcile.c - the ledger against a provider's own usage export. */
#include "admin/api.h"
#include "admin/reconcile.h"
#include "admin/usage_value.h"

struct answer {
	struct json_writer *to;
	const struct usage_file *theirs;
};

static void write_figure(struct json_writer *w, const char *name, bool is_known,
                         int64_t value)
{
	json_key(w, str_from_z(name));
	if (is_known)
		json_int(w, value);
	else
		json_null(w);
}

/* What their file does not say is null. */
static void write_side(struct json_writer *w, const char *name,
                       const struct usage_line *line, const struct usage_file *file)
{
	json_key(w, str_from_z(name));
	if (!line) {
		json_null(w);
		return;
	}
	json_open(w, '{');
	write_figure(w, "input_tokens", !file || file->has_tokens, (int64_t)line->input);
	write_figure(w, "output_tokens", !file || file->has_tokens,
	             (int64_t)line->output);
	write_figure(w, "requests", !file || file->has_requests, (int64_t)line->requests);
	write_figure(w, "amount_nano", !file || file->has_amount, line->amount);
	json_close(w, '}');
}

static void write_pair(void *arg, const struct reconcile_pair *pair)
{
	char room[32];
	struct buf day = { room, .cap = sizeof(room), .limit = sizeof(room) };
	const struct answer *a = arg;

	usage_day(&day, pair->day);
	json_open(a->to, '{');
	json_key_str(a->to, STR("day"), buf_str(&day));
	json_key_str(a->to, STR("model"), pair->model);
	json_key_str(a->to, STR("difference"), pair->what);
	write_side(a->to, "theirs", pair->theirs, a->theirs);
	write_side(a->to, "ours", pair->ours, NULL);
	json_close(a->to, '}');
}

static int compare(struct admin_call *c, struct reconcile *k)
{
	struct answer a = { &c->to, &k->theirs };
	struct buf why = BUF_LIMIT(4 * KiB);
	bool is_long, ok;
	int status = 200;

	c->out->limit = ADMIN_BODIES_MOST;
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	ok = reconcile_run(k, write_pair, &a, &is_long, &why);
	json_close(&c->to, ']');
	json_key_uint(&c->to, STR("lines"), k->lines);
	json_key_uint(&c->to, STR("different"), k->different);
	json_key_uint(&c->to, STR("rows"), k->theirs.rows);
	json_key_uint(&c->to, STR("skipped"), k->theirs.skipped);
	json_key_uint(&c->to, STR("unread"), k->theirs.unread);
	json_close(&c->to, '}');
	if (!ok && is_long)
		status = admin_problem(c, 400, "invalid_body", NULL, "the file: %.*s",
		                       (int)why.len, why.ptr);
	else if (!ok)
		status = admin_problem(c, 503, "ledger_unavailable", NULL,
		                       "the ledger could not be read");
	buf_free(&why);
	return status;
}

int api_reconcile(struct admin_call *c)
{
	struct reconcile k = { .provider = admin_query(c, "provider") };
	struct buf why = BUF_LIMIT(4 * KiB);
	str tolerance = admin_query(c, "tolerance");
	int status;

	if (!reconcile_tolerance(tolerance.len ? tolerance : STR("0.5%"), &k.tolerance))
		return admin_problem(c, 400, "invalid_parameter", "tolerance",
		                     "percent, like 0.5%%");
	if (!usage_file_read(&k.theirs, c->body, &why)) {
		status = admin_problem(c, 400, "invalid_body", NULL, "the file: %.*s",
		                       (int)why.len, why.ptr);
	} else {
		admin_flush(c);
		k.ledger = admin_reader(c);
		status = k.ledger ? compare(c, &k) : 503;
	}
	reconcile_done(&k);
	buf_free(&why);
	return status;
}
