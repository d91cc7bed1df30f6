/* api_cost.c - what was spent, by whom and on what: the ledger's reports. */
#include "admin/api.h"
#include "admin/spend.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "store/report.h"

enum { STEPS_MOST = 1000, DAYS_USUAL = 30 };

struct cost {
	struct admin_call *c;
	struct report_query query;
	struct spend_by by;
	struct sums total;
	bool is_rounded;
};

/* "team,model,day"; "tag:NAME" is by the value of that tag. */
static bool take_by(struct cost *k, str text)
{
	while (text.len > 0) {
		if (!spend_by_word(str_cut(&text, ','), &k->by))
			return false;
	}
	k->query.by = k->by.by;
	k->query.tag = k->by.tag;
	return true;
}

static void write_node(struct json_writer *w, const char *name, uint64_t id)
{
	if (id == REPORT_SEVERAL)
		json_key_str(w, str_from_z(name), STR("*"));
	else
		admin_write_id(w, str_from_z(name), id);
}

static void write_sums(struct json_writer *w, const struct sums *sums)
{
	for (int i = 0; i < SUM_COUNT; i++)
		json_key_int(w, str_from_z(sum_names[i]), sums->of[i]);
}

static void write_row(struct json_writer *w, const struct report_row *row,
                      const struct spend_by *k, str when)
{
	unsigned by = k->by;

	const struct {
		enum report_by by;
		const char *name;
		str text;
	} texts[] = {
		{ REPORT_USER, "user", row->user },
		{ REPORT_PROVIDER, "provider", row->provider },
		{ REPORT_MODEL, "model", row->model },
		{ REPORT_ROUTE, "route", row->route },
		{ REPORT_OPERATION, "operation", row->operation },
		{ REPORT_TAG, "tag", row->tag },
		{ REPORT_CLIENT, "client", row->client },
		{ REPORT_TRIAL, "trial", row->trial },
	};

	json_open(w, '{');
	if (when.len)
		json_key_str(w, spend_step(k), when);
	if (by & REPORT_TEAM)
		write_node(w, "team", row->team);
	if (by & REPORT_KEY)
		write_node(w, "key", row->key);
	for (size_t i = 0; i < countof(texts); i++)
		if (by & texts[i].by)
			json_key_str(w, str_from_z(texts[i].name), texts[i].text);
	write_sums(w, &row->sums);
	json_close(w, '}');
}

static void write_span(void *arg, str when, const struct report *r)
{
	struct cost *k = arg;

	for (unsigned i = 0; i < r->count; i++)
		write_row(&k->c->to, &r->rows[i], &k->by, when);
	sums_add(&k->total, &r->total);
	k->is_rounded |= r->is_rounded;
}

static bool write_report(struct cost *k, struct ledger *l)
{
	struct json_writer *w = &k->c->to;

	json_open(w, '{');
	admin_write_time(w, STR("since"), k->query.since);
	admin_write_time(w, STR("until"), k->query.until);
	json_key(w, STR("data"));
	json_open(w, '[');
	if (!spend_spans(l, &k->query, &k->by, write_span, k))
		return false;
	json_close(w, ']');
	json_key_bool(w, STR("rounded"), k->is_rounded);
	json_key(w, STR("total"));
	json_open(w, '{');
	write_sums(w, &k->total);
	json_close(w, '}');
	json_close(w, '}');
	return true;
}

/* 0: none was given, so a moment before 1970 is the next one. */
static usec until_of(const struct admin_call *c)
{
	return admin_query(c, "until").len
	               ? max_of(admin_query_time(c, "until", 0), (usec)1)
	               : 0;
}

int api_cost(struct admin_call *c)
{
	struct cost k = { .c = c };
	str team = admin_query(c, "team"), key = admin_query(c, "key");
	struct report_row *only = &k.query.only;
	struct ledger *l;

	if (!take_by(&k, admin_query(c, "by")))
		return admin_problem(
		        c, 400, "invalid_parameter", "by",
		        "team, key, user, provider, model, route, operation, "
		        "tag or one tag:NAME, client or trial, and one of hour, day and "
		        "month; several with commas");
	if ((team.len && !hex_to_u64(team, &only->team)) ||
	    (key.len && !hex_to_u64(key, &only->key)))
		return admin_problem(c, 400, "invalid_parameter", "key", "it is no id");
	k.query.since = admin_query_time(
	        c, "since", k.by.has_step ? sys_wall() - DAYS_USUAL * 24 * USEC_HOUR : 0);
	k.query.until = until_of(c);
	if (k.query.until && k.query.since > k.query.until)
		return admin_problem(c, 400, "invalid_parameter", "until",
		                     "it is before `since`");
	only->user = admin_query(c, "user");
	only->provider = admin_query(c, "provider");
	only->model = admin_query(c, "model");
	only->route = admin_query(c, "route");
	only->client = admin_query(c, "client");
	if (spend_count_spans(&k.query, &k.by, STEPS_MOST) > STEPS_MOST)
		return admin_problem(c, 400, "invalid_parameter", "by",
		                     "from since to until there are more than %d of "
		                     "these; take a shorter span",
		                     STEPS_MOST);
	admin_flush(c);
	if (!(l = admin_reader(c)))
		return 503;
	return write_report(&k, l) ? 200
	                           : admin_problem(c, 503, "ledger_unavailable", NULL,
	                                           "the ledger could not be read");
}
