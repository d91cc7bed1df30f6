/* request_reprice.c - a slice of `sluice cost reprice`, by the prices of the running
 * gateway's configuration. */
#include "admin/request_private.h"

#include "admin/reprice.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "config/datadir.h"

#include <limits.h>
#include <stdio.h>

static bool number_member(struct request *r, const char *name, uint64_t *ret)
{
	struct json_value v = json_get(r->object, str_from_z(name));

	return v.type == JSON_NONE || (json_u64(v, ret) && *ret <= INT64_MAX);
}

static void write_models(const struct reprice *p, struct json_writer *to)
{
	json_key_int(to, STR("next"), (int64_t)p->next);
	json_key(to, STR("models"));
	json_open(to, '[');
	for (unsigned i = 0; i < p->model_count; i++) {
		const struct reprice_model *m = &p->models[i];

		json_open(to, '{');
		json_key_str(to, STR("provider"), m->provider);
		json_key_str(to, STR("model"), m->model);
		json_key_int(to, STR("attempts"), (int64_t)m->attempts);
		json_key_int(to, STR("unpriced"), (int64_t)m->unpriced);
		json_key_int(to, STR("changed"), (int64_t)m->changed);
		json_key_int(to, STR("new"), (int64_t)m->new);
		json_key_int(to, STR("was_nano"), m->was);
		json_key_int(to, STR("now_nano"), m->now);
		json_close(to, '}');
	}
	json_close(to, ']');
}

/* What is under way is written first. */
static bool slice(struct request *r, const struct reprice_ask *ask, bool to_write,
                  struct reprice *ret)
{
	const struct clerk_options *o = r->options;
	char path[PATH_MAX], who[64];
	struct reprice_by by = { .recorder = o->recorder,
		                 .pepper = o->pepper,
		                 .who = who,
		                 .from = "admin.sock",
		                 .tenants = o->tenants };
	struct ledger *reader = NULL;
	struct config *c = o->ops->config(o->arg);
	bool ok;

	snprintf(who, sizeof(who), "uid %u", r->uid);
	recorder_flush(o->recorder);
	ok = datadir_path(o->dir, "ledger.db", path, sizeof(path)) &&
	     (reader = ledger_open_reader(path, r->why)) &&
	     reprice_slice(reader, c, ask, to_write ? &by : NULL, ret, r->why);
	ledger_close(&reader);
	config_unref(&c);
	return ok;
}

bool answer_reprice(struct request *r)
{
	char provider[KiB], model[KiB];
	struct reprice_ask ask = {
		.provider = text_member(r, "provider", provider, sizeof(provider)),
		.model = text_member(r, "model", model, sizeof(model)),
	};
	struct reprice done = { 0 };
	uint64_t since = 0, until = INT64_MAX;
	bool ok;

	if (!number_member(r, "since", &since) || !number_member(r, "until", &until) ||
	    !number_member(r, "after", &ask.after)) {
		buf_add(r->why, STR("since, until and after are numbers"));
		return false;
	}
	ask.since = (usec)since;
	ask.until = (usec)until;
	ok = slice(r, &ask, json_get(r->object, STR("write")).type == JSON_TRUE, &done);
	if (ok)
		write_models(&done, r->to);
	reprice_done(&done);
	return ok;
}
