/* spend.c - see spend.h. */
#include "admin/spend.h"

#include "base/mem.h"
#include "codec/text.h"
#include "loop/sys.h"

/* ---- names ---- */

#define NAMES_MOST ((size_t)64 * MiB)
/* Of these and those in force, who are 131,072 at most: they have room behind them. */
#define REVOKED_MOST ((size_t)40 * MiB)

/* Empty when there are too many: the id stands for it. */
static str keep_name(struct spend_names *n, const struct tenant_row *row)
{
	bool has_room = !row->revoked_wall || n->texts.used < REVOKED_MOST;
	char *copy = has_room ? arena_try(&n->texts, row->name.len) : NULL;

	if (copy && row->name.len)
		memcpy(copy, row->name.ptr, row->name.len);
	return copy ? str_of(copy, row->name.len) : STR_NONE;
}

static bool add_name(void *arg, const struct tenant_row *row,
                     const struct key_secret *secret)
{
	struct spend_names *n = arg;

	if (row->kind != TENANT_KEY && row->kind != TENANT_TEAM)
		return true;
	if (n->count == n->room) {
		n->room = n->room ? n->room * 2 : 64;
		n->names = mem_resize(n->names, n->room * sizeof(*n->names));
	}
	n->names[n->count++] =
	        (struct spend_name){ .id = row->id,
		                     .name = keep_name(n, row),
		                     .kind = row->kind,
		                     .is_revoked = row->revoked_wall != 0 };
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct spend_name *x = a, *y = b;

	return x->id == y->id ? 0 : x->id < y->id ? -1 : 1;
}

bool spend_names_load(struct spend_names *n, struct ledger *l)
{
	*n = (struct spend_names){ .texts = { .ceiling = NAMES_MOST } };
	if (!ledger_tenants(l, add_name, n))
		return false;
	if (n->count)
		qsort(n->names, n->count, sizeof(*n->names), by_id);
	return true;
}

void spend_names_done(struct spend_names *n)
{
	free(n->names);
	arena_done(&n->texts);
	*n = (struct spend_names){ 0 };
}

str spend_name(const struct spend_names *n, uint64_t id)
{
	struct spend_name like = { .id = id };
	const struct spend_name *found =
	        n->count ? bsearch(&like, n->names, n->count, sizeof(like), by_id) : NULL;

	return found ? found->name : STR_NONE;
}

bool spend_find(const struct spend_names *n, enum tenant_kind kind, str text,
                uint64_t *ret)
{
	unsigned active = 0, revoked = 0;
	uint64_t id = 0, old = 0;

	for (unsigned i = 0; i < n->count; i++) {
		const struct spend_name *name = &n->names[i];

		if (name->kind != kind || !str_eq(name->name, text))
			continue;
		*(name->is_revoked ? &old : &id) = name->id;
		++*(name->is_revoked ? &revoked : &active);
	}
	if (active + revoked == 0)
		return text.len == 12 && hex_to_u64(text, ret);
	if ((active ? active : revoked) > 1)
		return false;
	*ret = active ? id : old;
	return true;
}

/* ---- what is told apart ---- */

static const str steps[] = { STR_INIT("hour"), STR_INIT("day"), STR_INIT("month") };

bool spend_by_word(str word, struct spend_by *ret)
{
	str name = word, tag = STR_NONE;

	/* A report tells apart by one of them. */
	if (ret->by & REPORT_TAG &&
	    (str_starts(word, STR("tag:")) || str_eq(word, STR("tag"))))
		return false;
	if (str_starts(word, STR("tag:"))) {
		name = STR("tag");
		tag = str_from(word, 4);
	}
	for (unsigned i = 0; i < countof(steps); i++) {
		if (!ret->has_step && str_eq(name, steps[i])) {
			ret->has_step = true;
			ret->step = (enum period_step)i;
			return true;
		}
	}
	for (unsigned i = 0; i < REPORT_DIMENSIONS; i++) {
		if (str_eq(name, report_dimensions[i].name)) {
			ret->by |= report_dimensions[i].by;
			ret->tag = tag.len ? tag : ret->tag;
			return true;
		}
	}
	return false;
}

bool spend_by(str text, struct spend_by *ret, str *ret_wrong)
{
	*ret = (struct spend_by){ 0 };
	while (text.len) {
		str word = str_trim(str_cut(&text, ','));

		if (!spend_by_word(word, ret)) {
			*ret_wrong = word;
			return false;
		}
	}
	return true;
}

/* ---- step by step ---- */

str spend_step(const struct spend_by *by)
{
	return steps[by->step];
}

static usec end_of(const struct report_query *q)
{
	return q->until ? q->until : sys_wall() + 1;
}

unsigned spend_count_spans(const struct report_query *q, const struct spend_by *by,
                           unsigned most)
{
	usec end = end_of(q);
	unsigned count = 0;

	if (!by->has_step)
		return 1;
	for (usec at = q->since; at < end && count <= most; count++)
		at = period_next(at, by->step);
	return count;
}

static bool tell_span(struct ledger *l, const struct report_query *q, str when,
                      spend_span_fn *each, void *arg)
{
	struct report r = { 0 };
	bool is_read = ledger_report(l, q, &r);

	if (is_read)
		each(arg, when, &r);
	report_done(&r);
	return is_read;
}

bool spend_spans(struct ledger *l, const struct report_query *q,
                 const struct spend_by *by, spend_span_fn *each, void *arg)
{
	struct report_query one = *q;
	struct buf when = BUF_LIMIT(64);
	usec end = end_of(q);
	bool is_read = true;

	if (!by->has_step)
		return tell_span(l, q, STR_NONE, each, arg);
	for (usec at = q->since; is_read && at < end; at = one.until) {
		one.since = at;
		one.until = min_of(period_next(at, by->step), end);
		buf_clear(&when);
		period_name(&when, at, by->step);
		is_read = tell_span(l, &one, buf_str(&when), each, arg);
	}
	buf_free(&when);
	return is_read;
}

/* ---- how it is printed ---- */

static str text_of(const struct report_row *row, enum report_by by)
{
	switch (by) {
	case REPORT_USER:
		return row->user;
	case REPORT_PROVIDER:
		return row->provider;
	case REPORT_MODEL:
		return row->model;
	case REPORT_ROUTE:
		return row->route;
	case REPORT_OPERATION:
		return row->operation;
	case REPORT_TAG:
		return row->tag;
	case REPORT_CLIENT:
		return row->client;
	case REPORT_TRIAL:
		return row->trial;
	case REPORT_TEAM:
	case REPORT_KEY:
		break;
	}
	return STR_NONE;
}

static void add_id(struct buf *to, uint64_t id)
{
	if (id == REPORT_SEVERAL)
		buf_add_char(to, '*');
	else if (id)
		buf_add_hex(to, id, 12);
}

static void add_dimension(struct grid *g, const struct spend_names *n,
                          const struct report_row *row, enum report_by by, bool all)
{
	bool is_id = by == REPORT_KEY || by == REPORT_TEAM;
	uint64_t id = by == REPORT_KEY ? row->key : row->team;
	struct buf text = BUF_LIMIT(64);

	if (!is_id) {
		str plain = text_of(row, by);

		grid_add(g, plain.len || all ? plain : STR("-"));
		return;
	}
	add_id(&text, id);
	str name = spend_name(n, id);
	if (all) {
		grid_add(g, buf_str(&text));
		grid_add(g, name);
	} else if (name.len) {
		grid_add(g, name);
	} else {
		grid_add(g, text.len ? buf_str(&text) : STR("-"));
	}
	buf_free(&text);
}

/* ---- figures ---- */

/* What people look at. */
static const struct figure {
	str name;
	enum sum sum;
	bool is_money;
} figures[] = {
	{ STR_INIT("requests"), SUM_REQUESTS, false },
	{ STR_INIT("attempts"), SUM_ATTEMPTS, false },
	{ STR_INIT("errors"), SUM_ERRORS, false },
	{ STR_INIT("input"), SUM_INPUT, false },
	{ STR_INIT("cached"), SUM_CACHE_READ, false },
	{ STR_INIT("output"), SUM_OUTPUT, false },
	{ STR_INIT("unpriced"), SUM_UNPRICED, false },
	{ STR_INIT("cost USD"), SUM_COST, true },
	{ STR_INIT("charged USD"), SUM_CHARGED, true },
};

static void add_figure(struct grid *g, int64_t value, bool is_money, bool grouped)
{
	struct buf text = BUF_LIMIT(64);

	if (is_money)
		money_text(&text, value, grouped);
	else if (grouped)
		grouped_int(&text, value);
	else
		buf_add_i64(&text, value);
	grid_add(g, buf_str(&text));
	buf_free(&text);
}

void spend_columns(struct grid *g, const struct spend_by *by, bool all)
{
	if (by->has_step)
		grid_column(g, steps[by->step], false);
	for (unsigned i = 0; i < REPORT_DIMENSIONS; i++) {
		if (!(by->by & report_dimensions[i].by))
			continue;
		grid_column(g, report_dimensions[i].name, false);
		if (all && report_dimensions[i].by == REPORT_TEAM)
			grid_column(g, STR("team_name"), false);
		if (all && report_dimensions[i].by == REPORT_KEY)
			grid_column(g, STR("key_name"), false);
	}
	if (!all && g->count == 0)
		grid_column(g, STR(""), false);
	for (unsigned i = 0; !all && i < countof(figures); i++)
		grid_column(g, figures[i].name, true);
	for (int i = 0; all && i < SUM_COUNT; i++)
		grid_column(g, str_from_z(sum_names[i]), true);
	if (all) {
		grid_column(g, STR("cost_usd"), true);
		grid_column(g, STR("charged_usd"), true);
	}
}

static void add_figures(struct grid *g, const struct sums *sums, bool all)
{
	for (unsigned i = 0; !all && i < countof(figures); i++)
		add_figure(g, sums->of[figures[i].sum], figures[i].is_money, true);
	for (int i = 0; all && i < SUM_COUNT; i++)
		add_figure(g, sums->of[i], false, false);
	if (all) {
		add_figure(g, sums->of[SUM_COST], true, false);
		add_figure(g, sums->of[SUM_CHARGED], true, false);
	}
}

void spend_row(struct grid *g, const struct spend_names *n, const struct spend_by *by,
               bool all, str when, const struct report_row *row)
{
	if (by->has_step)
		grid_add(g, when);
	for (unsigned i = 0; i < REPORT_DIMENSIONS; i++) {
		if (by->by & report_dimensions[i].by)
			add_dimension(g, n, row, report_dimensions[i].by, all);
	}
	if (!all && !by->has_step && !by->by)
		grid_add(g, STR_NONE);
	add_figures(g, &row->sums, all);
}

void spend_total(struct grid *g, const struct spend_by *by, const struct sums *sums)
{
	unsigned count = by->has_step;

	for (unsigned i = 0; i < REPORT_DIMENSIONS; i++)
		count += (by->by & report_dimensions[i].by) != 0;
	for (unsigned i = 0; i < max_of(count, 1u); i++)
		grid_add(g, i ? STR_NONE : STR("total"));
	add_figures(g, sums, false);
	g->has_total = true;
}

/* ---- JSON ---- */

static void json_id(struct json_writer *w, str member, uint64_t id,
                    const struct spend_names *n)
{
	struct buf text = BUF_LIMIT(64);
	str name = spend_name(n, id);

	add_id(&text, id);
	json_key(w, member);
	if (text.len)
		json_str(w, buf_str(&text));
	else
		json_null(w);
	buf_clear(&text);
	buf_addf(&text, "%.*s_name", STR_ARG(member));
	json_key(w, buf_str(&text));
	if (name.len)
		json_str(w, name);
	else
		json_null(w);
	buf_free(&text);
}

void spend_json(struct json_writer *w, const struct spend_names *n,
                const struct spend_by *by, str when, const struct report_row *row)
{
	if (by->has_step)
		json_key_str(w, steps[by->step], when);
	for (unsigned i = 0; i < REPORT_DIMENSIONS; i++) {
		const struct report_dimension *d = &report_dimensions[i];

		if (!(by->by & d->by))
			continue;
		if (d->by == REPORT_TEAM)
			json_id(w, d->name, row->team, n);
		else if (d->by == REPORT_KEY)
			json_id(w, d->name, row->key, n);
		else
			json_key_str(w, d->name, text_of(row, d->by));
	}
	spend_json_sums(w, &row->sums);
}

void spend_json_sums(struct json_writer *w, const struct sums *sums)
{
	struct buf text = BUF_LIMIT(64);

	for (int i = 0; i < SUM_COUNT; i++)
		json_key_int(w, str_from_z(sum_names[i]), sums->of[i]);
	money_text(&text, sums->of[SUM_COST], false);
	json_key_str(w, STR("cost_usd"), buf_str(&text));
	buf_clear(&text);
	money_text(&text, sums->of[SUM_CHARGED], false);
	json_key_str(w, STR("charged_usd"), buf_str(&text));
	buf_free(&text);
}

/* ---- what is not exact ---- */

/* part of whole in percent, two decimals, rounded up so that little is not nothing. */
static void add_share(struct buf *to, int64_t part, int64_t whole)
{
	uint64_t hundredths = whole > 0 ? ((uint64_t)part * 10000 + (uint64_t)whole - 1) /
	                                          (uint64_t)whole
	                                : 0;

	grouped_int(to, part);
	buf_add(to, STR(" of "));
	grouped_int(to, whole);
	buf_addf(to, " attempts (%u.%02u %%)", (unsigned)(hundredths / 100),
	         (unsigned)(hundredths % 100));
}

void spend_notes(struct buf *to, const struct sums *sums, bool from_rows, bool is_rounded)
{
	const int64_t *of = sums->of;

	if (of[SUM_UNPRICED]) {
		add_share(to, of[SUM_UNPRICED], of[SUM_ATTEMPTS]);
		buf_add(to, STR(" have an unknown cost, which is in no sum; charged is "
		                "what was reserved for them\n"));
	}
	if (of[SUM_ESTIMATED]) {
		add_share(to, of[SUM_ESTIMATED], of[SUM_ATTEMPTS]);
		buf_add(to, STR(" reported no usage: their tokens were counted here\n"));
	}
	if (of[SUM_UNSETTLED]) {
		add_share(to, of[SUM_UNSETTLED], of[SUM_ATTEMPTS]);
		buf_add(to, STR(" were cut off by the end of the gateway's process\n"));
	}
	if (of[SUM_CORRECTED]) {
		buf_add(to, STR("corrections made later: "));
		money_text(to, of[SUM_CORRECTED], true);
		buf_add(to, STR(" USD, in cost and charged already\n"));
	}
	if (is_rounded)
		buf_add(to,
		        str_from_z(from_rows ? "attempts of the beginning are deleted "
		                               "(retention): what users used of which "
		                               "model is "
		                               "known only of those that are left\n"
		                             : "attempts are deleted (retention): an "
		                               "end of the span went back to the "
		                               "beginning of its hour\n"));
}
