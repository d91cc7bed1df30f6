/* api_trials.c - trials: which there are, what they have shown, and that one is to end.
 */
#include "admin/api.h"
#include "admin/trial_view.h"
#include "base/mem.h"

#include <stdlib.h>

static int unreadable(struct admin_call *c)
{
	return admin_problem(c, 503, "ledger_unavailable", NULL,
	                     "the ledger could not be read");
}

/* ---- which there are ---- */

static void write_standing(void *arg, const struct trial_standing *s)
{
	struct admin_call *c = arg;

	trial_standing_write(s, &c->to);
}

/* Those of that name, or all (empty).  0: good. */
static int write_standings(struct admin_call *c, str name)
{
	const struct admin_house *h = c->house;
	const struct trial_running running = {
		.end = h->ops ? h->ops->trial_end : NULL,
		.arg = h->arg,
	};
	struct config *config = admin_config(c);
	struct ledger *l;
	int status = 0;

	if (!config)
		return admin_no_gateway(c);
	admin_flush(c);
	if (!(l = admin_reader(c)))
		status = 503;
	else if (!trial_standings(l, config, running.end ? &running : NULL, name, c->wall,
	                          write_standing, c))
		status = unreadable(c);
	config_unref(&config);
	return status;
}

int api_trials(struct admin_call *c)
{
	int status;

	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	if ((status = write_standings(c, STR_NONE)))
		return status;
	json_close(&c->to, ']');
	json_close(&c->to, '}');
	return 200;
}

static int no_such(struct admin_call *c)
{
	return admin_problem(c, 404, "not_found", NULL, "there is no trial of this name");
}

int api_trial(struct admin_call *c)
{
	int status = write_standings(c, c->params[0]);

	if (status)
		return status;
	return c->out->len ? 200 : no_such(c);
}

/* ---- what they have shown ---- */

static void count_standing(void *arg, const struct trial_standing *s)
{
	(void)s;
	++*(unsigned *)arg;
}

/* NULL ledger: nothing of it is looked at but the names. */
static bool is_configured(struct admin_call *c, str name)
{
	struct config *config = admin_config(c);
	unsigned count = 0;
	bool ok = config && trial_standings(NULL, config, NULL, name, c->wall,
	                                    count_standing, &count);

	config_unref(&config);
	return ok && count > 0;
}

/* A report that takes more than one slice of the ledger: by a reader of its own, a slice
 * at a time (pieces.h), and all that is said comes at the end. */
struct reporting {
	struct ledger *ledger;
	struct trial_read t;
	uint64_t after;
	struct buf name;
};

static void write_report(struct trial_read *t, str name, struct json_writer *to)
{
	struct compared figures[FIGURES];

	comparison_finish(&t->all, figures);
	trial_report_write(name, t, figures, to);
}

static enum admin_piece next_slice(void *arg, struct buf *to)
{
	struct reporting *r = arg;
	struct json_writer w = { .to = to };
	str name = buf_str(&r->name);
	bool has_more;

	if (!trial_read_slice(&r->t, r->ledger, name, &r->after, &has_more))
		return ADMIN_PIECE_FAILED;
	if (has_more)
		return ADMIN_PIECE_MORE;
	write_report(&r->t, name, &w);
	return ADMIN_PIECE_LAST;
}

static void reporting_free(void *arg)
{
	struct reporting *r = arg;

	ledger_close(&r->ledger);
	trial_read_done(&r->t);
	buf_free(&r->name);
	free(r);
}

/* Takes t over, in which the first slice is. */
static int go_on(struct admin_call *c, struct trial_read *t, uint64_t after)
{
	struct ledger *reader = admin_new_reader(c);
	struct reporting *r;

	if (!reader)
		return 503;
	r = new_of(struct reporting);
	r->ledger = reader;
	r->t = *t;
	*t = (struct trial_read){ 0 };
	r->after = after;
	r->name.limit = KiB;
	buf_set(&r->name, c->params[0]);
	c->pieces = (struct admin_pieces){ next_slice, reporting_free, r };
	return 200;
}

/* Of a trial that is no longer in the configuration as well: the rows are there. */
int api_trial_report(struct admin_call *c)
{
	uint64_t after = row_id_at(admin_query_time(c, "since", 0));
	struct trial_read t = { 0 };
	str name = c->params[0];
	bool is_there, has_more;
	struct ledger *l;
	int status = 200;

	admin_flush(c);
	if (!(l = admin_reader(c)))
		return 503;
	is_there = is_configured(c, name);
	if (!is_there && !ledger_trial_is_known(l, name))
		return no_such(c);
	if (!trial_read_slice(&t, l, name, &after, &has_more))
		status = unreadable(c);
	else if (has_more)
		status = go_on(c, &t, after);
	else if (t.all.control.n + t.all.candidate.n == 0 && !is_there)
		status = no_such(c);
	else
		write_report(&t, name, &c->to);
	trial_read_done(&t);
	return status;
}

/* ---- one ends ---- */

struct stopping {
	str name;
	usec wall;
};

static bool take_stop(void *arg, str name, usec wall)
{
	struct stopping *s = arg;

	if (str_eq(name, s->name))
		s->wall = wall;
	return s->wall == 0;
}

static int stop(struct admin_call *c, struct ledger *l, void *arg)
{
	struct stopping *s = arg;

	/* The first time counts. */
	if (!ledger_trial_stop(l, s->name, c->wall) || !ledger_trials(l, take_stop, s))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the trial could not be stopped");
	json_open(&c->to, '{');
	json_key_str(&c->to, STR("name"), s->name);
	admin_write_time(&c->to, STR("stopped"), s->wall);
	json_close(&c->to, '}');
	buf_set(&c->after, buf_str(c->out));
	return 200;
}

int api_trial_stop(struct admin_call *c)
{
	const struct admin_house *h = c->house;
	struct stopping s = { .name = c->params[0] };
	int status;

	if (!is_configured(c, s.name))
		return no_such(c);
	status = admin_change(c, stop, &s);
	if (status == 200 && h->ops)
		h->ops->trial_stopped(h->arg, s.name);
	return status;
}
