/* trial.c - sluice trial list|report|stop: what a trial has shown so far.
 *
 * The report is made of the ledger's rows alone, so it can be made at any time, on a
 * copy, and again.  A running gateway is asked only to write what is under way, and to
 * stop. */
#include "admin/trial_view.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "main/admin_ask.h"
#include "main/reading.h"
#include "admin/text.h"

#include <math.h>
#include <stdio.h>

/* ---- figures ---- */

/* As people read it; NAN is "-". */
static void add_figure(struct buf *to, enum figure_kind kind, double value,
                       bool is_signed)
{
	struct buf text = BUF_LIMIT(64);
	double size = fabs(value);

	if (isnan(value)) {
		buf_add_char(to, '-');
		return;
	}
	switch (kind) {
	case FIGURE_MONEY:
		buf_addf(&text, "$%.6f", size / 1e9);
		break;
	case FIGURE_TIME:
		if (size < 1e6)
			buf_addf(&text, "%.1f ms", size / 1e3);
		else
			buf_addf(&text, "%.2f s", size / 1e6);
		break;
	case FIGURE_TOKENS:
		buf_addf(&text, "%.1f", size);
		break;
	case FIGURE_SHARE:
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

static void add_interval(struct buf *to, enum figure_kind kind, struct interval at,
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

static void add_metric(struct buf *to, const struct figure_row *m,
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
	if (r->a > 0 && m->kind != FIGURE_SHARE)
		buf_addf(to, " = %+.1f %%", 100 * r->d.value / r->a);
	buf_add_char(to, '\n');
}

static void add_side(struct buf *to, const char *name, const struct side *s)
{
	const struct groups *g = s->groups;

	buf_addf(to, "  %-10s %llu requests of %s%u conversations, ", name,
	         (unsigned long long)s->n, g && g->is_shared ? "more than " : "",
	         g ? g->count : 0);
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
                         const struct compared r[FIGURES])
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
	for (unsigned i = 0; i < FIGURES; i++)
		add_metric(&out, &figure_rows[i], &r[i]);
	buf_addf(&out,
	         "\nA difference counts when p < %.2f after Holm's correction for %d "
	         "questions; intervals are of %.0f %%, each by itself.\nTimes and tokens "
	         "are of answers without an error; first token of streams alone.  Length "
	         "drift: how much likelier\nthan half a candidate's answer is the longer "
	         "one.\n",
	         COMPARISON_ALPHA, FIGURES, COMPARISON_LEVEL * 100);
	printf("%.*s", (int)out.len, out.ptr);
	buf_free(&out);
}

static void print_json(str name, const struct trial_read *t,
                       const struct compared r[FIGURES])
{
	struct buf out = BUF_LIMIT(64 * KiB);
	struct json_writer w = { .to = &out };

	trial_report_write(name, t, r, &w);
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
	struct compared r[FIGURES];
	struct reading from;
	usec since = 0;
	int result;

	if (text && !parse_since(text, &since))
		return command_misused(c, "--since %s: write it like 2026-11-26", text);
	result = reading_begin(c, &from);
	if (result != EXIT_OK)
		return result;
	if (!from.ledger || !trial_read(&t, from.ledger, name, row_id_at(since))) {
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

static nanousd amount_of(struct json_value trial, const char *name)
{
	int64_t value;

	return json_i64(json_get(trial, str_from_z(name)), &value) ? value : COST_UNKNOWN;
}

static void add_text(struct buf *to, const char *before, struct json_value trial,
                     const char *name)
{
	char room[KiB];
	str text = admin_text(trial, name, room, sizeof(room));

	if (text.len)
		buf_addf(to, "%s%.*s", before, STR_ARG(text));
}

static void add_line(struct buf *to, struct json_value trial)
{
	char room[KiB];
	nanousd most = amount_of(trial, "max_cost_nano");

	buf_addf(to, "%-20.*s", STR_ARG(admin_text(trial, "name", room, sizeof(room))));
	add_text(to, " ", trial, "share");
	add_text(to, " of ", trial, "route");
	add_text(to, " to ", trial, "candidate");
	add_text(to, "  ", trial, "state");
	buf_add(to, STR("  "));
	text_money(to, amount_of(trial, "spent_nano"));
	if (most != COST_UNKNOWN) {
		buf_add(to, STR(" of "));
		text_money(to, most);
	}
	add_text(to, "  until ", trial, "until");
	buf_add_char(to, '\n');
}

static int print_list(const struct command *c, str list)
{
	struct json_iter it = json_iter((struct json_value){ JSON_ARRAY, list });
	struct buf out = BUF_LIMIT(MiB);
	struct json_member m;
	unsigned count = 0;

	for (; json_next(&it, &m); count++)
		add_line(&out, m.value);
	if (c->json)
		printf("%.*s\n", STR_ARG(list));
	else
		printf("%.*s", (int)out.len, out.ptr);
	if (count == 0)
		fprintf(stderr, "no trials in the configuration\n");
	buf_free(&out);
	return EXIT_OK;
}

static void list_one(void *arg, const struct trial_standing *s)
{
	trial_standing_write(s, arg);
}

/* Where nobody runs them, what the ledger has is all there is. */
static int list_here(const struct command *c, const struct config *config,
                     const struct reading *from)
{
	struct buf list = BUF_LIMIT(MiB);
	struct json_writer w = { .to = &list };
	int result;

	json_open(&w, '[');
	if (trial_standings(from->ledger, config, NULL, STR_NONE, sys_wall(), list_one,
	                    &w)) {
		json_close(&w, ']');
		result = print_list(c, buf_str(&list));
	} else {
		result = command_failed("the ledger could not be read");
	}
	buf_free(&list);
	return result;
}

static int list(struct command *c)
{
	struct config *config = command_config(c, NULL, false);
	struct admin_asked a = { 0 };
	struct reading from;
	int result;

	if (!config)
		return EXIT_CONFIG;
	result = reading_begin(c, &from);
	if (result == EXIT_OK) {
		if (!from.has_gateway)
			result = list_here(c, config, &from);
		else if ((result = admin_do(c, HTTP_GET, STR("/admin/v1/trials"),
		                            STR_NONE, &a)) == EXIT_OK)
			result = print_list(c, json_get(a.value, STR("data")).raw);
		reading_done(&from);
	}
	admin_asked_done(&a);
	config_unref(&config);
	return result;
}

/* ---- stop ---- */

static bool is_name(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] == '/' || name.ptr[i] == '?' || name.ptr[i] <= ' ')
			return false;
	return name.len > 0;
}

static int stop(struct command *c)
{
	str name = str_from_z(c->argv[1]);
	struct config *config = command_config(c, NULL, false);
	const struct admin_alone alone = { .config = config };
	struct buf target = BUF_LIMIT(KiB);
	struct admin_asked a = { 0 };
	int result = EXIT_CONFIG;

	if (config && !is_name(name)) {
		result = command_failed("there is no trial of this name");
	} else if (config) {
		buf_addf(&target, "/admin/v1/trials/%.*s/stop", STR_ARG(name));
		result = admin_do_alone(c, &alone, HTTP_POST, buf_str(&target), STR_NONE,
		                        &a);
		if (result == EXIT_OK && c->json)
			printf("%.*s\n", STR_ARG(buf_str(&a.answer)));
		else if (result == EXIT_OK)
			fprintf(stderr, "trial %.*s is stopped\n", STR_ARG(name));
	}
	admin_asked_done(&a);
	buf_free(&target);
	config_unref(&config);
	return result;
}

int trial_command(struct command *c)
{
	const char *what = c->argc > 0 ? c->argv[0] : "list";

	int code = command_heeds(c, what, strcmp(what, "report") == 0 ? "since" : "",
	                         strcmp(what, "list") == 0 ? 1 : 2);

	if (code != EXIT_OK)
		return code;
	if (strcmp(what, "list") == 0)
		return list(c);
	if (strcmp(what, "report") != 0 && strcmp(what, "stop") != 0)
		return command_misused(c, "trial: \"%s\" is not list, report or stop",
		                       what);
	if (c->argc < 2)
		return command_misused(c, "trial %s: give the name of a trial", what);
	return strcmp(what, "report") == 0 ? report(c) : stop(c);
}
