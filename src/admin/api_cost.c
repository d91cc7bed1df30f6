/* api_cost.c - what was spent, by whom and on what: the ledger's reports. */
#include "admin/api.h"
#include "admin/period.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "store/report.h"

enum { STEPS_MOST = 1000, DAYS_USUAL = 30 };

static const str steps[] = { [PERIOD_HOUR] = STR_INIT("hour"),
	                     [PERIOD_DAY] = STR_INIT("day"),
	                     [PERIOD_MONTH] = STR_INIT("month") };

struct cost {
	struct admin_call *c;
	struct ledger *ledger;
	struct report_query query;
	bool has_step;
	enum period_step step;
	struct sums total;
	bool is_rounded;
};

static bool take_step(str word, struct cost *k)
{
	for (size_t i = 0; i < countof(steps); i++) {
		if (k->has_step || !str_eq(word, steps[i]))
			continue;
		k->has_step = true;
		k->step = (enum period_step)i;
		return true;
	}
	return false;
}

/* "team,model,day"; "tag:NAME" is by the value of that tag. */
static bool by_parse(str text, struct cost *k)
{
	struct report_query *q = &k->query;

	while (text.len > 0) {
		str word = str_cut(&text, ',');
		size_t i = 0;

		if (take_step(word, k))
			continue;
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

static void write_row(struct json_writer *w, const struct report_row *row, unsigned by,
                      str step, str when)
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
	if (when.len)
		json_key_str(w, step, when);
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

/* The rows of [since, until). */
static bool write_span(struct cost *k, usec since, usec until, str when)
{
	struct report_query q = k->query;
	struct report r = { 0 };
	bool is_read;

	q.since = since;
	q.until = until;
	is_read = ledger_report(k->ledger, &q, &r);
	for (unsigned i = 0; is_read && i < r.count; i++)
		write_row(&k->c->to, &r.rows[i], q.by, steps[k->step], when);
	sums_add(&k->total, &r.total);
	k->is_rounded |= r.is_rounded;
	report_done(&r);
	return is_read;
}

/* The whole of it, or hour by hour, day by day. */
static bool write_spans(struct cost *k)
{
	usec until = k->query.until ? k->query.until : sys_wall() + 1;
	struct buf when = BUF_LIMIT(64);
	bool is_read = true;

	if (!k->has_step)
		return write_span(k, k->query.since, k->query.until, STR_NONE);
	for (usec at = k->query.since, next; is_read && at < until; at = next) {
		next = min_of(period_next(at, k->step), until);
		buf_clear(&when);
		period_name(&when, at, k->step);
		is_read = write_span(k, at, next, buf_str(&when));
	}
	buf_free(&when);
	return is_read;
}

static bool has_too_many(const struct cost *k)
{
	usec at = k->query.since, until = k->query.until ? k->query.until : sys_wall();
	unsigned count = 0;

	for (; k->has_step && at < until && count <= STEPS_MOST; count++)
		at = period_next(at, k->step);
	return count > STEPS_MOST;
}

static bool write_report(struct cost *k)
{
	struct json_writer *w = &k->c->to;

	json_open(w, '{');
	admin_write_time(w, STR("since"), k->query.since);
	admin_write_time(w, STR("until"), k->query.until);
	json_key(w, STR("data"));
	json_open(w, '[');
	if (!write_spans(k))
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

	if (!by_parse(admin_query(c, "by"), &k))
		return admin_problem(
		        c, 400, "invalid_parameter", "by",
		        "team, key, user, provider, model, route, operation, "
		        "tag or one tag:NAME, client or trial, and one of hour, day and "
		        "month; several with commas");
	if ((team.len && !hex_to_u64(team, &only->team)) ||
	    (key.len && !hex_to_u64(key, &only->key)))
		return admin_problem(c, 400, "invalid_parameter", "key", "it is no id");
	k.query.since = admin_query_time(
	        c, "since", k.has_step ? sys_wall() - DAYS_USUAL * 24 * USEC_HOUR : 0);
	k.query.until = until_of(c);
	if (k.query.until && k.query.since > k.query.until)
		return admin_problem(c, 400, "invalid_parameter", "until",
		                     "it is before `since`");
	only->user = admin_query(c, "user");
	only->provider = admin_query(c, "provider");
	only->model = admin_query(c, "model");
	only->route = admin_query(c, "route");
	only->client = admin_query(c, "client");
	if (has_too_many(&k))
		return admin_problem(c, 400, "invalid_parameter", "by",
		                     "from since to until there are more than %d of "
		                     "these; take a shorter span",
		                     STEPS_MOST);
	admin_flush(c);
	if (!(k.ledger = admin_reader(c)))
		return 503;
	return write_report(&k) ? 200
	                        : admin_problem(c, 503, "ledger_unavailable", NULL,
	                                        "the ledger could not be read");
}
