/* api_exchanges.c - the ledger's rows: what was asked and what came of it. */
#include "admin/api.h"
#include "codec/text.h"

enum { LOOKED_AT = 20000, ATTEMPTS_MOST = 64 };

struct page {
	struct admin_call *c;
	uint64_t key;
	str provider, model;
	uint64_t status;
	unsigned most, count, seen;
	uint64_t last; /* the page goes on behind it; 0: there is no more */
};

static void write_row(struct admin_call *c, const struct attempt_row *row)
{
	c->house->ops->attempt(&c->to, row);
}

static bool is_wanted(const struct page *p, const struct attempt_row *row)
{
	return (!p->key || row->key == p->key) &&
	       (!p->provider.len || str_eq(row->provider, p->provider)) &&
	       (!p->model.len || str_eq(row->model, p->model) ||
	        str_eq(row->asked, p->model) || str_eq(row->route, p->model)) &&
	       (!p->status || (uint64_t)row->client_status == p->status);
}

/* A page ends also where it has looked at many rows that nobody wants: the next goes on
 * there. */
static bool take_row(void *arg, const struct attempt_row *row)
{
	struct page *p = arg;

	p->seen++;
	if (is_wanted(p, row)) {
		write_row(p->c, row);
		p->count++;
	}
	if (p->count < p->most && p->seen < LOOKED_AT)
		return true;
	p->last = row->id;
	return false;
}

int api_exchanges(struct admin_call *c)
{
	struct page p = { .c = c,
		          .provider = admin_query(c, "provider"),
		          .model = admin_query(c, "model"),
		          .status = admin_query_int(c, "status", 0) };
	uint64_t before, until = row_id_at(admin_query_time(c, "until", INT64_MAX));
	uint64_t since = row_id_at(admin_query_time(c, "since", 0));
	str key = admin_query(c, "key");
	struct ledger *l;

	if (key.len && !hex_to_u64(key, &p.key))
		return admin_problem(c, 400, "invalid_parameter", "key", "it is no id");
	if (!c->house->ops)
		return admin_no_gateway(c);
	if (!(p.most = admin_page(c, &before)))
		return 400;
	if (!before || until < before)
		before = max_of(until, (uint64_t)1); /* 0 is no bound; none is below 1 */
	admin_flush(c);
	if (!(l = admin_reader(c)))
		return 503;
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	if (!ledger_exchanges(l, since - (since > 0), before, true, LOOKED_AT, take_row,
	                      &p))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the ledger could not be read");
	json_close(&c->to, ']');
	admin_page_end(c, p.last);
	json_close(&c->to, '}');
	return 200;
}

static bool take_attempt(void *arg, const struct attempt_row *row)
{
	struct page *p = arg;

	write_row(p->c, row);
	return ++p->count < ATTEMPTS_MOST;
}

int api_exchange(struct admin_call *c)
{
	struct page p = { .c = c };
	struct ledger *l;
	uint64_t id;

	if (c->params[0].len != 16 || !hex_to_u64(c->params[0], &id))
		return admin_not_found(c, "exchange");
	if (!c->house->ops)
		return admin_no_gateway(c);
	admin_flush(c);
	if (!(l = admin_reader(c)))
		return 503;
	json_open(&c->to, '{');
	json_key_str(&c->to, STR("id"), c->params[0]);
	json_key(&c->to, STR("attempts"));
	json_open(&c->to, '[');
	if (!ledger_exchange(l, id, take_attempt, &p))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the ledger could not be read");
	if (p.count == 0)
		return admin_not_found(c, "exchange");
	json_close(&c->to, ']');
	json_close(&c->to, '}');
	return 200;
}
