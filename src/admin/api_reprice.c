/* api_reprice.c - what attempts would cost by the prices in force (GET), and the entries
 * that correct the ledger accordingly (POST): a slice of it each time, so that nobody
 * waits long. */
#include "admin/api.h"
#include "admin/reprice.h"
#include "base/mem.h"

#include <stdlib.h>

static void write_slice(struct admin_call *c, const struct reprice *p)
{
	struct json_writer *to = &c->to;

	json_open(to, '{');
	json_key(to, STR("models"));
	json_open(to, '[');
	for (unsigned i = 0; i < p->model_count; i++) {
		const struct reprice_model *m = &p->models[i];

		json_open(to, '{');
		json_key_str(to, STR("provider"), m->provider);
		json_key_str(to, STR("model"), m->model);
		json_key_uint(to, STR("attempts"), m->attempts);
		json_key_uint(to, STR("unpriced"), m->unpriced);
		json_key_uint(to, STR("changed"), m->changed);
		json_key_uint(to, STR("new"), m->new);
		json_key_int(to, STR("was_nano"), m->was);
		json_key_int(to, STR("now_nano"), m->now);
		json_close(to, '}');
	}
	json_close(to, ']');
	admin_page_end(c, p->next);
	json_close(to, '}');
}

static int unreadable(struct admin_call *c, const struct buf *why)
{
	return admin_problem(c, 503, "ledger_unavailable", NULL, "%.*s", (int)why->len,
	                     why->ptr);
}

/* What is under way is written first.  0: good. */
static int look(struct admin_call *c, struct reprice *ret)
{
	struct reprice_ask ask = { .since = admin_query_time(c, "since", 0),
		                   .until = admin_query_time(c, "until", INT64_MAX),
		                   .provider = admin_query(c, "provider"),
		                   .model = admin_query(c, "model") };
	struct buf why = BUF_LIMIT(4 * KiB);
	struct config *config;
	struct ledger *reader;
	int status = 0;

	if (!admin_page(c, &ask.after))
		return 400;
	if (!(config = admin_config(c)))
		return admin_no_gateway(c);
	admin_flush(c);
	if (!(reader = admin_reader(c)))
		status = 503;
	else if (!reprice_slice(reader, config, &ask, ret, &why))
		status = unreadable(c, &why);
	config_unref(&config);
	buf_free(&why);
	return status;
}

int api_reprice_look(struct admin_call *c)
{
	struct reprice *p = new_of(struct reprice);
	int status = look(c, p);

	if (!status) {
		write_slice(c, p);
		status = 200;
	}
	reprice_done(p);
	free(p);
	return status;
}

static int correct(struct admin_call *c, struct ledger *l, void *arg)
{
	struct json_writer after = { .to = &c->after };
	struct reprice *p = arg;

	if (!reprice_write(p, l))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the entries could not be written");
	json_open(&after, '{');
	json_key_uint(&after, STR("attempts"), p->changed);
	json_key_int(&after, STR("delta_nano"), p->delta);
	json_close(&after, '}');
	write_slice(c, p);
	return 200;
}

/* Where there is nothing to correct, nothing was changed that had to be noted. */
int api_reprice(struct admin_call *c)
{
	struct reprice *p = new_of(struct reprice);
	int status = look(c, p);

	if (!status && p->changed) {
		reprice_count(p, c->house->tenants);
		status = admin_change(c, correct, p);
		reprice_counted(p, status == 200);
	} else if (!status) {
		write_slice(c, p);
		status = 200;
	}
	reprice_done(p);
	free(p);
	return status;
}
