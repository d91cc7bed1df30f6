/* api_status.c - what runs: the process, its configuration, its providers and models. */
#include "admin/api.h"
#include "admin/config_view.h"
#include "loop/sys.h"
#include "meter/metric_page.h"

#include <unistd.h>

int api_alive(struct admin_call *c)
{
	json_open(&c->to, '{');
	json_key_str(&c->to, STR("status"), STR("ok"));
	json_close(&c->to, '}');
	return 200;
}

int api_status(struct admin_call *c)
{
	struct json_writer *w = &c->to;

	if (!c->house->ops)
		return admin_no_gateway(c);
	json_open(w, '{');
	json_key_str(w, STR("version"), STR(SLUICE_VERSION));
	json_key_int(w, STR("pid"), getpid());
	c->house->ops->status(c->house->arg, w);
	json_close(w, '}');
	return 200;
}

int api_metrics(struct admin_call *c)
{
	bool openmetrics = metric_wants_openmetrics(c->accept);

	if (!c->house->ops || !c->house->ops->metrics)
		return admin_no_gateway(c);
	c->content_type = metric_content_type(openmetrics);
	c->out->limit = METRIC_PAGE_MOST;
	if (c->house->ops->metrics(c->house->arg, openmetrics, c->out))
		return 200;
	return admin_problem(c, 500, "too_large", NULL, "the page is too large");
}

int api_config(struct admin_call *c)
{
	struct config *config;

	if (!c->house->ops || !(config = admin_config(c)))
		return admin_no_gateway(c);
	config_view_write(config, &c->to);
	config_unref(&config);
	return 200;
}

static int trace_reload(struct admin_call *c, struct ledger *l, void *arg)
{
	(void)l;
	(void)arg;
	json_open(&c->to, '{');
	json_key_str(&c->to, STR("said"), buf_str(arg));
	json_close(&c->to, '}');
	buf_add(&c->after, buf_str(c->out));
	return 200;
}

/* A reload is no part of a transaction: that it was asked for is traced behind it. */
int api_reload(struct admin_call *c)
{
	struct buf said = BUF_LIMIT(16 * KiB);
	bool is_done;
	int status;

	if (!c->house->ops)
		return admin_no_gateway(c);
	is_done = c->house->ops->reload(c->house->arg, &said);
	if (is_done)
		status = admin_change_file(c, trace_reload, &said, &is_done,
		                           "the configuration");
	else
		status = admin_problem(c, 409, "reload_refused", NULL, "%s",
		                       said.len ? buf_z(&said) : "nothing was reloaded");
	buf_free(&said);
	return status;
}

int api_providers(struct admin_call *c)
{
	if (!c->house->ops)
		return admin_no_gateway(c);
	json_open(&c->to, '{');
	c->house->ops->health(c->house->arg, &c->to);
	json_close(&c->to, '}');
	return 200;
}

int api_models(struct admin_call *c)
{
	struct config *config;

	if (!c->house->ops || !(config = admin_config(c)))
		return admin_no_gateway(c);
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	config_view_routes(config, &c->to);
	json_close(&c->to, '}');
	config_unref(&config);
	return 200;
}

int api_explain(struct admin_call *c)
{
	struct buf said = BUF_LIMIT(4 * KiB);
	str model = admin_query(c, "model");
	uint64_t key;
	int status;

	if (!c->house->ops)
		return admin_no_gateway(c);
	if (model.len == 0)
		return admin_problem(c, 400, "missing_parameter", "model",
		                     "name a model: ?model=fast");
	if ((status = admin_find_key(c, admin_query(c, "key"), &key)))
		return status;
	status = 200;
	json_open(&c->to, '{');
	if (c->house->ops->explain(c->house->arg, model, key, &c->to, &said))
		json_close(&c->to, '}');
	else
		status = admin_problem(c, 404, "not_found", "model", "%.*s",
		                       (int)said.len, said.ptr);
	buf_free(&said);
	return status;
}
