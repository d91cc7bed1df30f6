/* trial_view.c - see trial_view.h. */
#include "admin/trial_view.h"

#include "admin/call.h"

#include <math.h>
#include <stdio.h>

/* ---- how they stand ---- */

struct stop {
	str name;
	usec wall; /* 0: none */
};

static bool take_stop(void *arg, str name, usec wall)
{
	struct stop *s = arg;

	if (str_eq(name, s->name))
		s->wall = wall;
	return s->wall == 0;
}

/* That it has stopped itself for what one exchange was likely to cost, only who runs it
 * knows. */
static enum trial_end end_of(const struct trial_standing *s, uint64_t exchanges,
                             const struct trial_running *running, usec wall)
{
	const struct trial *t = s->trial;

	if (s->stopped)
		return TRIAL_BY_HAND;
	if (t->until_wall && wall >= t->until_wall)
		return TRIAL_OVER;
	if (!trial_fits(t, s->spent, exchanges ? s->spent / (nanousd)exchanges : 0))
		return TRIAL_TOO_DEAR;
	return running ? running->end(running->arg, t->name) : TRIAL_RUNS;
}

bool trial_standings(struct ledger *l, const struct config *c,
                     const struct trial_running *running, str name, usec wall,
                     trial_standing_fn *each, void *arg)
{
	for (unsigned i = 0; i < c->trial_count; i++) {
		struct trial_standing s = { .trial = &c->trials[i] };
		struct stop stop = { s.trial->name };
		uint64_t exchanges = 0;

		if (name.len && !str_eq(s.trial->name, name))
			continue;
		if (l && (!ledger_trials(l, take_stop, &stop) ||
		          !ledger_trial_spent(l, s.trial->name, &s.spent, &exchanges)))
			return false;
		s.stopped = stop.wall;
		s.state = trial_end_name(end_of(&s, exchanges, running, wall));
		each(arg, &s);
	}
	return true;
}

void trial_standing_write(const struct trial_standing *s, struct json_writer *to)
{
	const struct trial *t = s->trial;

	json_open(to, '{');
	json_key_str(to, STR("name"), t->name);
	json_key_str(to, STR("route"), t->route_name);
	json_key_str(to, STR("candidate"), t->candidate_name);
	json_key_str(to, STR("share"), t->share_text);
	json_key_str(to, STR("state"), str_from_z(s->state));
	json_key_int(to, STR("spent_nano"), s->spent);
	if (t->max_cost != COST_UNKNOWN)
		json_key_int(to, STR("max_cost_nano"), t->max_cost);
	if (t->until_text.len)
		json_key_str(to, STR("until"), t->until_text);
	if (s->stopped)
		admin_write_time(to, STR("stopped"), s->stopped);
	json_close(to, '}');
}

/* ---- the report ---- */

static void write_number(struct json_writer *w, double value)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%.10g", value);

	json_raw(w, isfinite(value) ? str_of(text, (size_t)n) : STR("null"));
}

static void key_number(struct json_writer *w, const char *name, double value)
{
	json_key(w, str_from_z(name));
	write_number(w, value);
}

static void key_interval(struct json_writer *w, const char *name, struct interval at)
{
	json_key(w, str_from_z(name));
	json_open(w, '[');
	write_number(w, at.low);
	write_number(w, at.high);
	json_close(w, ']');
}

static void write_side(struct json_writer *w, const char *name, const struct side *s)
{
	json_key(w, str_from_z(name));
	json_open(w, '{');
	json_key_int(w, STR("requests"), (int64_t)s->n);
	json_key_int(w, STR("conversations"), s->groups ? s->groups->count : 0);
	json_key_int(w, STR("errors"), (int64_t)s->errors);
	json_key_int(w, STR("empty"), (int64_t)s->empty);
	json_key_int(w, STR("spent_nano"), s->spent);
	json_key_int(w, STR("unknown_costs"), (int64_t)s->unknown_costs);
	json_close(w, '}');
}

static void write_figure(struct json_writer *w, const char *name,
                         const struct compared *r)
{
	json_open(w, '{');
	json_key_str(w, STR("name"), str_from_z(name));
	key_number(w, "control", r->a);
	key_interval(w, "control_interval", r->at_a);
	key_number(w, "candidate", r->b);
	key_interval(w, "candidate_interval", r->at_b);
	key_number(w, "difference", r->is_known ? r->d.value : NAN);
	key_interval(w, "difference_interval", r->d.at);
	key_number(w, "p", r->is_known ? r->d.p : NAN);
	key_number(w, "p_corrected", r->corrected);
	json_key_bool(w, STR("comparable"), r->is_known);
	json_key_bool(w, STR("significant"), r->is_significant);
	json_close(w, '}');
}

void trial_report_write(str name, const struct trial_read *t,
                        const struct compared figures[FIGURES], struct json_writer *to)
{
	json_open(to, '{');
	json_key_str(to, STR("trial"), name);
	admin_write_time(to, STR("first"), t->first);
	admin_write_time(to, STR("last"), t->last);
	write_side(to, "control", &t->all.control);
	write_side(to, "candidate", &t->all.candidate);
	json_key_int(to, STR("rescued"), (int64_t)t->rescued);
	json_key_int(to, STR("clients_gone"), (int64_t)t->gone);
	json_key_int(to, STR("not_over"), (int64_t)t->open);
	key_number(to, "alpha", COMPARISON_ALPHA);
	json_key_str(to, STR("correction"), STR("holm"));
	key_number(to, "finds_cost_difference", comparison_finds(&t->all));
	json_key(to, STR("metrics"));
	json_open(to, '[');
	for (unsigned i = 0; i < FIGURES; i++)
		write_figure(to, figure_rows[i].name, &figures[i]);
	json_close(to, ']');
	json_close(to, '}');
}
