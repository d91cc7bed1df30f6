/* cost.c - sluice cost: what was spent, by whom, on what. */
#include "main/cost.h"

#include "admin/spend.h"
#include "admin/text.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "main/reading.h"
#include "main/zone.h"

#include <stdio.h>

enum { STEPS_MOST = 10000 };

struct cost {
	struct command *c;
	struct ledger *ledger;
	struct spend_names names;
	struct spend_by by;
	struct report_query query;
	struct grid grid;
	struct json_writer w;
	struct sums total;
	bool all, from_rows, is_rounded;
};

/* ---- what is asked for ---- */

static bool take_moment(struct cost *k, const char *option, usec now, usec fallback,
                        usec *ret)
{
	const char *text = command_value(k->c, option);

	*ret = fallback;
	if (!text || period_moment(str_from_z(text), now, ret))
		return true;
	command_misused(k->c,
	                "%s: --%s takes a time like 7d, 24h, today, 2026-11-01 or "
	                "2026-11-01T12:00:00Z, not %s",
	                k->c->row->name, option, text);
	return false;
}

static bool take_id(struct cost *k, const char *option, enum tenant_kind kind,
                    uint64_t *ret)
{
	const char *text = command_value(k->c, option);

	if (!text || spend_find(&k->names, kind, str_from_z(text), ret))
		return true;
	command_misused(k->c, "%s: there is no %s %s (or several)", k->c->row->name,
	                option, text);
	return false;
}

static bool take_query(struct cost *k)
{
	struct report_row *only = &k->query.only;
	usec now = sys_wall();
	str wrong;

	if (!spend_by(str_from_z(command_value(k->c, "by")), &k->by, &wrong)) {
		command_misused(
		        k->c,
		        "cost: --by takes team, key, user, provider, model, "
		        "route, operation, tag or one tag:NAME, client and trial, and "
		        "one of hour, day and month: not %.*s",
		        STR_ARG(wrong));
		return false;
	}
	if (!take_moment(k, "since", now, now - 30 * 24 * USEC_HOUR, &k->query.since) ||
	    !take_moment(k, "until", now, 0, &k->query.until) ||
	    !take_id(k, "key", TENANT_KEY, &only->key) ||
	    !take_id(k, "team", TENANT_TEAM, &only->team))
		return false;
	if (k->query.until && k->query.since > k->query.until) {
		command_misused(k->c, "cost: --since is later than --until");
		return false;
	}
	k->query.by = k->by.by;
	k->query.tag = k->by.tag;
	only->user = str_from_z(command_value(k->c, "user"));
	only->provider = str_from_z(command_value(k->c, "provider"));
	only->model = str_from_z(command_value(k->c, "model"));
	only->route = str_from_z(command_value(k->c, "route"));
	only->client = str_from_z(command_value(k->c, "client"));
	k->all = command_has(k->c, "csv");
	return true;
}

/* ---- the answer ---- */

static void add_row(struct cost *k, str when, const struct report_row *row)
{
	if (!k->c->json) {
		spend_row(&k->grid, &k->names, &k->by, k->all, when, row);
		return;
	}
	json_open(&k->w, '{');
	spend_json(&k->w, &k->names, &k->by, when, row);
	json_close(&k->w, '}');
}

static void add_span(void *arg, str when, const struct report *r)
{
	struct cost *k = arg;

	for (unsigned i = 0; i < r->count; i++)
		add_row(k, when, &r->rows[i]);
	sums_add(&k->total, &r->total);
	k->from_rows |= r->from_rows;
	k->is_rounded |= r->is_rounded;
}

static void print_json(struct cost *k, struct buf *out)
{
	struct buf time = BUF_LIMIT(64);

	buf_add(out, STR("{\"since\":\""));
	rfc3339_write(out, k->query.since);
	buf_add(out, STR("\",\"until\":"));
	if (k->query.until)
		buf_add_char(out, '"');
	if (k->query.until)
		rfc3339_write(out, k->query.until);
	buf_add(out, k->query.until ? STR("\",\"rows\":[") : STR("null,\"rows\":["));
	if (k->w.to->len)
		buf_add(out, str_of(k->w.to->ptr + 1, k->w.to->len - 2));
	buf_addf(out, "],\"from_rows\":%s,\"is_rounded\":%s,\"total\":",
	         k->from_rows ? "true" : "false", k->is_rounded ? "true" : "false");
	struct json_writer w = { .to = out };
	json_open(&w, '{');
	spend_json_sums(&w, &k->total);
	json_close(&w, '}');
	buf_add(out, STR("}\n"));
	buf_free(&time);
}

/* A name that was mistyped has cost nothing. */
static bool is_narrowed(const struct cost *k)
{
	const struct report_row *only = &k->query.only;

	return only->key || only->team || only->user.len || only->provider.len ||
	       only->model.len || only->route.len || only->client.len;
}

static int print(struct cost *k)
{
	struct buf out = BUF_LIMIT(512 * MiB), rows = BUF_LIMIT(512 * MiB);
	struct buf notes = BUF_LIMIT(16 * KiB);

	if (spend_count_spans(&k->query, &k->by, STEPS_MOST) > STEPS_MOST)
		return command_failed("cost: from --since to --until there are more than "
		                      "%d of these; take a shorter span",
		                      STEPS_MOST);
	k->w.to = &rows;
	if (k->c->json)
		json_open(&k->w, '[');
	else
		spend_columns(&k->grid, &k->by, k->all);
	bool ok = spend_spans(k->ledger, &k->query, &k->by, add_span, k);
	if (k->c->json) {
		json_close(&k->w, ']');
		print_json(k, &out);
	} else {
		if (!k->all)
			spend_total(&k->grid, &k->by, &k->total);
		grid_print(&k->grid, k->all ? GRID_CSV : GRID_TEXT, &out);
		spend_notes(&notes, &k->total, k->from_rows, k->is_rounded);
	}
	if (ok) {
		if (out.len)
			fwrite(out.ptr, 1, out.len, stdout);
		fprintf(stderr, "%s%.*s", notes.len && !k->all ? "\n" : "",
		        STR_ARG(buf_str(&notes)));
		if (k->total.of[SUM_ATTEMPTS] == 0 && is_narrowed(k))
			fprintf(stderr, "nothing of that is recorded in this time\n");
	}
	k->w.to = NULL;
	buf_free(&out);
	buf_free(&rows);
	buf_free(&notes);
	return ok ? EXIT_OK : command_failed("%s", ledger_error(k->ledger, NULL));
}

static int verify(struct cost *k)
{
	struct buf text = BUF_LIMIT(MiB);
	uint64_t rows = 0;
	int result = EXIT_OK;

	if (!ledger_verify(k->ledger, &text, &rows))
		result = command_failed("the ledger cannot be read: %.*s",
		                        STR_ARG(buf_str(&text)));
	else if (text.len)
		result = command_failed("the ledger does not add up:\n%.*s",
		                        STR_ARG(buf_str(&text)));
	else if (k->c->json)
		printf("{\"attempts\":%llu,\"ok\":true}\n", (unsigned long long)rows);
	else
		printf("%llu attempts add up to what the reports say, to the "
		       "nano-dollar\n",
		       (unsigned long long)rows);
	buf_free(&text);
	return result;
}

static int run(struct cost *k)
{
	if (!spend_names_load(&k->names, k->ledger))
		return command_failed("%s", ledger_error(k->ledger, NULL));
	if (command_has(k->c, "verify"))
		return verify(k);
	return take_query(k) ? print(k) : EXIT_USAGE;
}

int cost_command(struct command *c)
{
	struct cost k = { .c = c };
	struct reading r;
	int result;

	if (c->argc > 0 && strcmp(c->argv[0], "reprice") != 0)
		return command_misused(c, "cost: \"%s\" is not reprice", c->argv[0]);
	zone_take(c);
	if (c->argc > 0)
		return cost_reprice(c);
	if (command_has(c, "dry-run"))
		return command_misused(c, "--dry-run is of `cost reprice`");
	if (c->json && command_has(c, "csv"))
		return command_misused(c, "cost: --csv and --json exclude each other");
	if (command_has(c, "verify") && c->given_count > 1)
		return command_misused(c, "cost: --verify is of all that is recorded and "
		                          "goes with no other option");
	result = reading_begin(c, &r);
	if (result != EXIT_OK)
		return result;
	k.ledger = r.ledger;
	result = r.ledger ? run(&k)
	                  : command_failed("nothing was recorded yet in %.*s",
	                                   (int)r.dir.len, r.dir.ptr);
	spend_names_done(&k.names);
	grid_done(&k.grid);
	reading_done(&r);
	return result;
}
