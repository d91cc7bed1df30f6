/* api_cost.c - what was spent, by whom and on what: the ledger's reports. */
#include "admin/api.h"
#include "codec/text.h"
#include "store/report.h"

/* "team,model"; "tag:NAME" is by the value of that tag. */
static bool by_parse(str text, struct report_query *q)
{
	while (text.len > 0) {
		str word = str_cut(&text, ',');
		size_t i = 0;

		/* A report tells apart by one of them. */
		if (q->by & REPORT_TAG &&
		    (str_starts(word, STR("tag:")) || str_eq(word, STR("tag"))))
			return false;
		if (str_skip(&word, STR("tag:"))) {
			q->by |= REPORT_TAG;
			q->tag = word;
			continue;
		}
		while (i < REPORT_DIMENSIONS && !str_eq(word, report_dimensions[i].name))
			i++;
		if (i == REPORT_DIMENSIONS)
			return false;
		q->by |= report_dimensions[i].by;
	}
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

static void write_row(struct json_writer *w, const struct report_row *row, unsigned by)
{
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

static void write_report(struct admin_call *c, const struct report_query *q,
                         const struct report *r)
{
	struct json_writer *w = &c->to;

	json_open(w, '{');
	admin_write_time(w, STR("since"), q->since);
	admin_write_time(w, STR("until"), q->until);
	json_key_bool(w, STR("rounded"), r->is_rounded);
	json_key(w, STR("total"));
	json_open(w, '{');
	write_sums(w, &r->total);
	json_close(w, '}');
	json_key(w, STR("data"));
	json_open(w, '[');
	for (unsigned i = 0; i < r->count; i++)
		write_row(w, &r->rows[i], q->by);
	json_close(w, ']');
	json_close(w, '}');
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
	struct report_query q = {
		.since = admin_query_time(c, "since", 0),
		.until = until_of(c),
		.only = { .user = admin_query(c, "user"),
		          .provider = admin_query(c, "provider"),
		          .model = admin_query(c, "model"),
		          .route = admin_query(c, "route") },
	};
	str team = admin_query(c, "team"), key = admin_query(c, "key");
	struct report r = { 0 };
	struct ledger *l;
	bool is_read;

	if (!by_parse(admin_query(c, "by"), &q))
		return admin_problem(
		        c, 400, "invalid_parameter", "by",
		        "team, key, user, provider, model, route, operation, "
		        "tag or one tag:NAME, client or trial; several with commas");
	if (q.until && q.since > q.until)
		return admin_problem(c, 400, "invalid_parameter", "until",
		                     "it is before `since`");
	if ((team.len && !hex_to_u64(team, &q.only.team)) ||
	    (key.len && !hex_to_u64(key, &q.only.key)))
		return admin_problem(c, 400, "invalid_parameter", "key", "it is no id");
	admin_flush(c);
	if (!(l = admin_reader(c)))
		return 503;
	is_read = ledger_report(l, &q, &r);
	if (is_read)
		write_report(c, &q, &r);
	report_done(&r);
	return is_read ? 200
	               : admin_problem(c, 503, "ledger_unavailable", NULL,
	                               "the ledger could not be read");
}
