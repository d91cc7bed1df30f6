/* trial.c - sluice trial list|report|stop: what a trial has shown so far.
 *
 * The report is made of the ledger's rows alone, so it can be made at any time, on a
 * copy, and again.  A running gateway is asked only to write what is under way, and to
 * stop. */
#include "admin/client.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "loop/sys.h"
#include "main/reading.h"
#include "main/text.h"
#include "main/trial_read.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* ---- figures ---- */

/* As people read it; NAN is "-". */
static void add_figure(struct buf *to, enum metric_kind kind, double value,
                       bool is_signed)
{
	struct buf text = BUF_LIMIT(64);
	double size = fabs(value);

	if (isnan(value)) {
		buf_add_char(to, '-');
		return;
	}
	switch (kind) {
	case METRIC_MONEY:
		buf_addf(&text, "$%.6f", size / 1e9);
		break;
	case METRIC_TIME:
		if (size < 1e6)
			buf_addf(&text, "%.1f ms", size / 1e3);
		else
			buf_addf(&text, "%.2f s", size / 1e6);
		break;
	case METRIC_TOKENS:
		buf_addf(&text, "%.1f", size);
		break;
	case METRIC_SHARE:
		buf_addf(&text, "%.2f %%", size * 100);
		break;
	}
	if (value < 0)
		buf_add_char(to, '-');
	else if (is_signed)
		buf_add_char(to, '+');
	buf_add(to, buf_str(&text));
	buf_free(&text);
}

static void add_interval(struct buf *to, enum metric_kind kind, struct interval at,
                         bool is_signed)
{
	if (isnan(at.low) || isnan(at.high))
		return;
	buf_add(to, STR(" ("));
	add_figure(to, kind, at.low, is_signed);
	buf_add(to, STR(" to "));
	add_figure(to, kind, at.high, is_signed);
	buf_add_char(to, ')');
}

static const char *verdict(const struct compared *r)
{
	if (!r->is_known)
		return "too few to tell";
	return r->is_significant ? "DIFFERENT" : "no significant difference";
}

static void add_metric(struct buf *to, const struct metric_row *m,
                       const struct compared *r)
{
	buf_addf(to, "%-18s %s", m->text, verdict(r));
	if (r->is_known)
		buf_addf(to, "  p=%.3g", r->corrected);
	buf_add(to, STR("\n"));
	if (!isnan(r->a) || !isnan(r->b)) {
		buf_add(to, STR("    control    "));
		add_figure(to, m->kind, r->a, false);
		add_interval(to, m->kind, r->at_a, false);
		buf_add(to, STR("\n    candidate  "));
		add_figure(to, m->kind, r->b, false);
		add_interval(to, m->kind, r->at_b, false);
		buf_add_char(to, '\n');
	}
	if (!r->is_known)
		return;
	buf_add(to, STR("    difference "));
	add_figure(to, m->kind, r->d.value, true);
	add_interval(to, m->kind, r->d.at, true);
	if (r->a > 0 && m->kind != METRIC_SHARE)
		buf_addf(to, " = %+.1f %%", 100 * r->d.value / r->a);
	buf_add_char(to, '\n');
}

static void add_side(struct buf *to, const char *name, const struct side *s)
{
	buf_addf(to, "  %-10s %llu requests, ", name, (unsigned long long)s->n);
	text_money(to, s->spent);
	if (s->unknown_costs)
		buf_addf(to, " (without %llu of unknown cost)",
		         (unsigned long long)s->unknown_costs);
	buf_add_char(to, '\n');
}

static void add_notes(struct buf *to, const struct trial_read *t)
{
	double finds = comparison_finds(&t->all);

	if (t->rescued)
		buf_addf(to,
		         "  %llu of the candidate's failed and were answered by the "
		         "control's targets; they count as its errors\n",
		         (unsigned long long)t->rescued);
	if (t->gone || t->open)
		buf_addf(to, "  not counted: %llu whose client left, %llu not over\n",
		         (unsigned long long)t->gone, (unsigned long long)t->open);
	if (!isnan(finds))
		buf_addf(to,
		         "  so many requests find a difference in cost of %.1f %% in "
		         "four of five trials\n",
		         finds * 100);
}

static void print_report(str name, const struct trial_read *t,
                         const struct compared r[METRICS])
{
	struct buf out = BUF_LIMIT(64 * KiB);

	buf_addf(&out, "trial %.*s  ", STR_ARG(name));
	text_time(&out, t->first);
	buf_add(&out, STR(" to "));
	text_time(&out, t->last);
	buf_add_char(&out, '\n');
	add_side(&out, "control", &t->all.control);
	add_side(&out, "candidate", &t->all.candidate);
	add_notes(&out, t);
	buf_add_char(&out, '\n');
	for (unsigned i = 0; i < METRICS; i++)
		add_metric(&out, &comparison_rows[i], &r[i]);
	buf_addf(&out,
	         "\nA difference counts when p < %.2f after Holm's correction for %d "
	         "questions; intervals are of %.0f %%, each by itself.\nTimes and tokens "
	         "are of answers without an error; first token of streams alone.  Length "
	         "drift: how much likelier\nthan half a candidate's answer is the longer "
	         "one.\n",
	         COMPARISON_ALPHA, METRICS, COMPARISON_LEVEL * 100);
	printf("%.*s", (int)out.len, out.ptr);
	buf_free(&out);
}

/* ---- as JSON ---- */

static void key_number(struct json_writer *w, const char *name, double value)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%.10g", value);

	json_key(w, str_from_z(name));
	json_raw(w, isfinite(value) ? str_of(text, (size_t)n) : STR("null"));
}

static void key_interval(struct json_writer *w, const char *name, struct interval at)
{
	json_key(w, str_from_z(name));
	json_open(w, '[');
	for (int i = 0; i < 2; i++) {
		char text[40];
		double value = i ? at.high : at.low;
		int n = snprintf(text, sizeof(text), "%.10g", value);

		json_raw(w, isfinite(value) ? str_of(text, (size_t)n) : STR("null"));
	}
	json_close(w, ']');
}

static void write_side(struct json_writer *w, const char *name, const struct side *s)
{
	json_key(w, str_from_z(name));
	json_open(w, '{');
	json_key_int(w, STR("requests"), (int64_t)s->n);
	json_key_int(w, STR("errors"), (int64_t)s->errors);
	json_key_int(w, STR("empty"), (int64_t)s->empty);
	json_key_int(w, STR("spent_nano"), s->spent);
	json_key_int(w, STR("unknown_costs"), (int64_t)s->unknown_costs);
	json_close(w, '}');
}

static void print_json(str name, const struct trial_read *t,
                       const struct compared r[METRICS])
{
	struct buf out = BUF_LIMIT(64 * KiB);
	struct json_writer w = { .to = &out };

	json_open(&w, '{');
	json_key_str(&w, STR("trial"), name);
	json_key_int(&w, STR("first"), t->first);
	json_key_int(&w, STR("last"), t->last);
	write_side(&w, "control", &t->all.control);
	write_side(&w, "candidate", &t->all.candidate);
	json_key_int(&w, STR("rescued"), (int64_t)t->rescued);
	json_key_int(&w, STR("clients_gone"), (int64_t)t->gone);
	json_key_int(&w, STR("not_over"), (int64_t)t->open);
	key_number(&w, "alpha", COMPARISON_ALPHA);
	json_key_str(&w, STR("correction"), STR("holm"));
	key_number(&w, "finds_cost_difference", comparison_finds(&t->all));
	json_key(&w, STR("metrics"));
	json_open(&w, '[');
	for (unsigned i = 0; i < METRICS; i++) {
		json_open(&w, '{');
		json_key_str(&w, STR("name"), str_from_z(comparison_rows[i].name));
		key_number(&w, "control", r[i].a);
		key_interval(&w, "control_interval", r[i].at_a);
		key_number(&w, "candidate", r[i].b);
		key_interval(&w, "candidate_interval", r[i].at_b);
		key_number(&w, "difference", r[i].is_known ? r[i].d.value : NAN);
		key_interval(&w, "difference_interval", r[i].d.at);
		key_number(&w, "p", r[i].is_known ? r[i].d.p : NAN);
		key_number(&w, "p_corrected", r[i].corrected);
		json_key_bool(&w, STR("comparable"), r[i].is_known);
		json_key_bool(&w, STR("significant"), r[i].is_significant);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	printf("%.*s\n", (int)out.len, out.ptr);
	buf_free(&out);
}

/* ---- report ---- */

/* "2026-11-26", or with a time of day as RFC 3339 has it. */
static bool parse_since(const char *text, usec *ret)
{
	char room[64];
	struct buf whole = { room, .cap = sizeof(room), .limit = sizeof(room) };

	buf_add(&whole, str_from_z(text));
	if (whole.len == 10)
		buf_add(&whole, STR("T00:00:00Z"));
	return !whole.over && rfc3339_parse(buf_str(&whole), ret);
}

static int report(struct command *c)
{
	str name = str_from_z(c->argv[1]);
	const char *text = command_value(c, "since");
	struct trial_read t = { 0 };
	struct compared r[METRICS];
	struct reading from;
	usec since = 0;
	int result;

	if (text && !parse_since(text, &since))
		return command_misused(c, "--since %s: write it like 2026-11-26", text);
	result = reading_begin(c, &from);
	if (result != EXIT_OK)
		return result;
	if (!from.ledger || !trial_read(&t, from.ledger, name, (uint64_t)since << 8)) {
		result = command_failed("there is nothing to be read in %.*s",
		                        (int)from.dir.len, from.dir.ptr);
	} else if (t.all.control.n + t.all.candidate.n == 0) {
		result = command_failed("no request was part of a trial \"%.*s\"",
		                        STR_ARG(name));
	} else {
		comparison_finish(&t.all, r);
		if (c->json)
			print_json(name, &t, r);
		else
			print_report(name, &t, r);
	}
	trial_read_done(&t);
	reading_done(&from);
	return result;
}

/* ---- list ---- */

struct stops {
	struct arena keep;
	struct stopped {
		str name;
		usec wall;
	} list[256];
	unsigned count;
};

static bool keep_stop(void *arg, str name, usec wall)
{
	struct stops *s = arg;

	s->list[s->count++] = (struct stopped){ arena_copy(&s->keep, name), wall };
	return s->count < countof(s->list);
}

static usec stopped_at(const struct stops *s, str name)
{
	for (unsigned i = 0; i < s->count; i++)
		if (str_eq(s->list[i].name, name))
			return s->list[i].wall;
	return 0;
}

/* What the configuration alone cannot know. */
static const char *state_of(const struct trial *t, nanousd spent, usec stopped)
{
	if (stopped)
		return "stopped";
	if (t->until_wall && sys_wall() >= t->until_wall)
		return "over";
	if (t->max_cost != COST_UNKNOWN && spent >= t->max_cost)
		return "stopped by max_cost";
	return "running";
}

static void list_one(struct buf *out, struct json_writer *w, bool json,
                     const struct trial *t, nanousd spent, const char *state)
{
	if (json) {
		json_open(w, '{');
		json_key_str(w, STR("name"), t->name);
		json_key_str(w, STR("route"), t->route_name);
		json_key_str(w, STR("candidate"), t->candidate_name);
		json_key_str(w, STR("share"), t->share_text);
		json_key_str(w, STR("state"), str_from_z(state));
		json_key_int(w, STR("spent_nano"), spent);
		if (t->max_cost != COST_UNKNOWN)
			json_key_int(w, STR("max_cost_nano"), t->max_cost);
		if (t->until_text.len)
			json_key_str(w, STR("until"), t->until_text);
		json_close(w, '}');
		return;
	}
	buf_addf(out, "%-20.*s %.*s of %.*s to %.*s  %s  ", STR_ARG(t->name),
	         STR_ARG(t->share_text), STR_ARG(t->route_name),
	         STR_ARG(t->candidate_name), state);
	text_money(out, spent);
	if (t->max_cost != COST_UNKNOWN) {
		buf_add(out, STR(" of "));
		text_money(out, t->max_cost);
	}
	if (t->until_text.len)
		buf_addf(out, "  until %.*s", STR_ARG(t->until_text));
	buf_add_char(out, '\n');
}

static int list(struct command *c)
{
	struct config *config = command_config(c, NULL, true);
	struct stops stops = { .keep = { .ceiling = MiB } };
	struct buf out = BUF_LIMIT(MiB);
	struct json_writer w = { .to = &out };
	struct reading from;
	int result;

	if (!config)
		return EXIT_CONFIG;
	result = reading_begin(c, &from);
	if (result == EXIT_OK) {
		if (from.ledger && !ledger_trials(from.ledger, keep_stop, &stops))
			result = command_failed("the ledger could not be read");
		if (c->json)
			json_open(&w, '[');
		for (unsigned i = 0; i < config->trial_count; i++) {
			const struct trial *t = &config->trials[i];
			nanousd spent = 0;

			if (from.ledger &&
			    !ledger_trial_spent(from.ledger, t->name, &spent))
				result = command_failed("the ledger could not be read");
			list_one(&out, &w, c->json, t, spent,
			         state_of(t, spent, stopped_at(&stops, t->name)));
		}
		if (c->json)
			json_close(&w, ']');
		printf("%.*s%s", (int)out.len, out.ptr, c->json ? "\n" : "");
		if (config->trial_count == 0)
			fprintf(stderr, "no trials in the configuration\n");
		reading_done(&from);
	}
	buf_free(&out);
	arena_done(&stops.keep);
	config_unref(&config);
	return result;
}

/* ---- stop ---- */

/* Without a gateway the command is the ledger's writer for a moment. */
static bool stop_directly(str dir, str name, struct buf *why)
{
	char path[PATH_MAX];
	struct ledger *l = NULL;
	bool done = false;
	int lock;

	if (!datadir_make(dir, why) || !datadir_lock(dir, &lock, why))
		return false;
	if (datadir_path(dir, "ledger.db", path, sizeof(path)))
		l = ledger_open(path, why);
	if (l) {
		done = ledger_begin(l) && ledger_trial_stop(l, name, sys_wall()) &&
		       ledger_commit(l);
		if (!done) {
			buf_add(why, str_from_z(ledger_error(l, NULL)));
			ledger_rollback(l);
		}
	}
	ledger_close(&l);
	close(lock);
	return done;
}

static int stop(struct command *c)
{
	str name = str_from_z(c->argv[1]);
	struct buf dir = { 0 }, request = BUF_LIMIT(KiB), answer = BUF_LIMIT(4 * KiB),
	           why = BUF_LIMIT(4 * KiB);
	struct json_writer w = { .to = &request };
	struct json_value value;
	bool is_asked = false, is_done;
	int result = EXIT_OK;

	if (!command_data(c, &dir)) {
		buf_free(&dir);
		return EXIT_CONFIG;
	}
	json_open(&w, '{');
	json_key_str(&w, STR("do"), STR("trial_stop"));
	json_key_str(&w, STR("name"), name);
	json_close(&w, '}');
	is_done = admin_ask_holder(buf_str(&dir), buf_str(&request), &answer, &value,
	                           &is_asked, &why);
	if (!is_done && !is_asked)
		is_done = stop_directly(buf_str(&dir), name, &why);
	if (!is_done)
		result = command_failed("the trial was not stopped: %.*s", (int)why.len,
		                        why.ptr);
	else
		fprintf(stderr, "trial %.*s is stopped\n", STR_ARG(name));
	buf_free(&dir);
	buf_free(&request);
	buf_free(&answer);
	buf_free(&why);
	return result;
}

int trial_command(struct command *c)
{
	const char *what = c->argc > 0 ? c->argv[0] : "list";

	if (strcmp(what, "list") == 0)
		return list(c);
	if (strcmp(what, "report") != 0 && strcmp(what, "stop") != 0)
		return command_misused(c, "trial: \"%s\" is not list, report or stop",
		                       what);
	if (c->argc < 2)
		return command_misused(c, "trial %s: give the name of a trial", what);
	return strcmp(what, "report") == 0 ? report(c) : stop(c);
}
