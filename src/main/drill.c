/* drill.c - `sluice drill`: every fault at every target of the user's own configuration,
 * and what a client would have seen. */
#include "main/drill.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "loop/thread.h"
#include "main/command.h"
#include "admin/text.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOBS = 8, JOBS_MOST = 64, FLUSH_AT = 64 * KiB };

struct drill {
	struct command *c;
	struct drill_world world;
	struct drill_plan plan;
	unsigned jobs;
	_Atomic unsigned next;
	unsigned told[DRILL_BROKEN + 1];
};

/* ---- running them ---- */

/* The healthy ones come first: all others are compared with them. */
static void *work(void *arg)
{
	struct drill *d = arg;

	for (unsigned i; (i = atomic_fetch_add(&d->next, 1)) < d->plan.count;) {
		if (d->plan.cases[i].healthy)
			drill_case_run(&d->plan.cases[i]);
	}
	return NULL;
}

static void run(struct drill *d)
{
	pthread_t threads[JOBS_MOST];
	unsigned started = 0;

	for (unsigned i = 0; i < d->plan.count; i++) {
		if (!d->plan.cases[i].healthy)
			drill_case_run(&d->plan.cases[i]);
	}
	while (started + 1 < d->jobs && thread_start(&threads[started], "drill", work, d))
		started++;
	work(d);
	while (started)
		pthread_join(threads[--started], NULL);
}

/* ---- the report ---- */

static const char *const outcomes[] = {
	[DRILL_RESCUED] = "rescued", [DRILL_HONEST] = "honest error",
	[DRILL_LOST] = "LOST",       [DRILL_MISSED] = "not reached",
	[DRILL_BROKEN] = "not run",
};

static nanousd extra_cost(const struct drill_case *c)
{
	nanousd healthy = c->healthy->cost;
	nanousd times = c->row->how == DRILL_FLAP ? DRILL_FLAPS : 1;

	if (c->cost == COST_UNKNOWN || healthy == COST_UNKNOWN)
		return COST_UNKNOWN;
	return max_of(c->cost - times * healthy, (nanousd)0);
}

static usec extra_time(const struct drill_case *c)
{
	return max_of(c->answer.total - c->healthy->answer.total, (usec)0);
}

static void add_error(struct buf *to, str words)
{
	buf_add(to, STR("  "));
	text_safe(to, str_first(words, 60));
}

static void case_line(const struct drill_case *c, struct buf *to)
{
	struct buf target = BUF_LIMIT(KiB), span = BUF_LIMIT(64);
	const struct target *t;

	assert(c->route); /* add_case */
	t = &c->route->targets[c->target];

	buf_addf(&target, "%.*s/%.*s", STR_ARG(t->provider->name), STR_ARG(t->model));
	text_span(&span, extra_time(c));
	buf_addf(to, "  %-13s  %-34.*s  %-12s  %u  %9s  ", c->row->name,
	         STR_ARG(buf_str(&target)), outcomes[c->outcome], c->attempts,
	         c->outcome >= DRILL_MISSED ? "-" : buf_z(&span));
	text_money(to, extra_cost(c));
	if (c->outcome == DRILL_BROKEN)
		buf_addf(to, "  %s", buf_z((struct buf *)(uintptr_t)&c->error));
	else if (c->outcome != DRILL_RESCUED && c->answer.error.len)
		add_error(to, buf_str(&c->answer.error));
	buf_add_char(to, '\n');
	buf_free(&target);
	buf_free(&span);
}

static void case_json(const struct drill_case *c, struct json_writer *w)
{
	const struct target *t = &c->route->targets[c->target];
	const struct buf *error =
	        c->outcome == DRILL_BROKEN ? &c->error : &c->answer.error;
	nanousd cost = extra_cost(c);

	json_open(w, '{');
	json_key_str(w, STR("route"), c->route->name);
	json_key_str(w, STR("provider"), t->provider->name);
	json_key_str(w, STR("model"), t->model);
	json_key_str(w, STR("fault"), str_from_z(c->row->name));
	json_key_str(w, STR("outcome"), str_from_z(outcomes[c->outcome]));
	json_key_int(w, STR("status"), c->answer.status);
	json_key_int(w, STR("attempts"), c->attempts);
	json_key_int(w, STR("extra_us"), extra_time(c));
	json_key(w, STR("extra_cost_nano"));
	cost == COST_UNKNOWN ? json_null(w) : json_int(w, cost);
	if (error->len)
		json_key_str(w, STR("error"), buf_str(error));
	json_close(w, '}');
}

static void flush(struct buf *out)
{
	fwrite(out->ptr, 1, out->len, stdout);
	buf_clear(out);
}

static void print_lines(const struct drill *d)
{
	struct buf out = BUF_LIMIT(MiB);
	const struct route *route = NULL;

	for (unsigned i = 0; i < d->plan.count; i++) {
		const struct drill_case *c = &d->plan.cases[i];

		if (c->route != route) {
			route = c->route;
			buf_addf(&out, "%s%.*s  (%u target%s)\n", i ? "\n" : "",
			         STR_ARG(route->name), route->target_count,
			         route->target_count == 1 ? "" : "s");
			buf_addf(&out, "  %-13s  %-34s  %-12s  %s  %9s  %s\n", "fault",
			         "at", "the client", "#", "extra", "extra cost");
		}
		if (c->healthy)
			case_line(c, &out);
		if (out.len >= FLUSH_AT)
			flush(&out);
	}
	buf_addf(&out,
	         "\n%u rescued, %u honest errors, %u lost (# attempts; extra: beside "
	         "the same answer from healthy providers)\n",
	         d->told[DRILL_RESCUED], d->told[DRILL_HONEST], d->told[DRILL_LOST]);
	if (d->told[DRILL_MISSED])
		buf_addf(&out,
		         "%u not reached: the route asks fewer targets than it has\n",
		         d->told[DRILL_MISSED]);
	if (d->told[DRILL_BROKEN])
		buf_addf(&out, "%u not run\n", d->told[DRILL_BROKEN]);
	flush(&out);
	buf_free(&out);
}

static void print_json(const struct drill *d)
{
	struct buf out = BUF_LIMIT(MiB);
	struct json_writer w = { .to = &out };

	json_open(&w, '{');
	json_key(&w, STR("cases"));
	json_open(&w, '[');
	for (unsigned i = 0; i < d->plan.count; i++) {
		if (d->plan.cases[i].healthy)
			case_json(&d->plan.cases[i], &w);
		if (out.len >= FLUSH_AT)
			flush(&out);
	}
	json_close(&w, ']');
	json_key_int(&w, STR("rescued"), d->told[DRILL_RESCUED]);
	json_key_int(&w, STR("honest_errors"), d->told[DRILL_HONEST]);
	json_key_int(&w, STR("lost"), d->told[DRILL_LOST]);
	json_key_int(&w, STR("not_reached"), d->told[DRILL_MISSED]);
	json_key_int(&w, STR("not_run"), d->told[DRILL_BROKEN]);
	json_close(&w, '}');
	buf_add_char(&out, '\n');
	flush(&out);
	buf_free(&out);
}

/* Where a healthy case fails, those that are compared with it were not run. */
static int report(struct drill *d)
{
	for (unsigned i = 0; i < d->plan.count; i++) {
		const struct drill_case *c = &d->plan.cases[i];

		if (c->healthy)
			d->told[c->outcome]++;
		else if (c->outcome != DRILL_RESCUED)
			command_failed("drill: %.*s does not answer even when nothing is "
			               "wrong: %d %s%s",
			               STR_ARG(c->route->name), c->answer.status,
			               buf_z((struct buf *)(uintptr_t)&c->answer.error),
			               buf_z((struct buf *)(uintptr_t)&c->error));
	}
	d->c->json ? print_json(d) : print_lines(d);
	return d->told[DRILL_LOST] || d->told[DRILL_BROKEN] ? EXIT_FAILED : EXIT_OK;
}

/* ---- the command ---- */

/* Keys may be missing where one drills: they are not used. */
static const char *environment(void *arg, const char *name)
{
	const char *value = getenv(name);
	str n = str_from_z(name);

	(void)arg;
	if (value)
		return value;
	return str_has(n, STR("KEY")) || str_has(n, STR("TOKEN")) ||
	                       str_has(n, STR("SECRET"))
	               ? "drill"
	               : NULL;
}

static int list_faults(bool json)
{
	struct buf out = BUF_LIMIT(256 * KiB);
	struct json_writer w = { .to = &out };

	json_open(&w, '[');
	for (unsigned i = 0; json && i < drill_row_count; i++) {
		json_open(&w, '{');
		json_key_str(&w, STR("fault"), str_from_z(drill_rows[i].name));
		json_key_str(&w, STR("text"), str_from_z(drill_rows[i].text));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	if (json)
		printf("%.*s\n", STR_ARG(buf_str(&out)));
	buf_free(&out);
	for (unsigned i = 0; !json && i < drill_row_count; i++)
		printf("%-14s %s\n", drill_rows[i].name, drill_rows[i].text);
	return EXIT_OK;
}

/* What was asked for by name is there. */
static bool find_asked(const struct drill *d)
{
	const struct config *config = d->world.config;
	bool has_fault = !d->plan.fault, has_route = !d->plan.route;

	for (unsigned i = 0; i < config->route_count; i++)
		has_route |= drill_is_asked_route(&d->plan, &config->routes[i]);
	for (unsigned i = 0; i < drill_row_count; i++)
		has_fault |= drill_is_asked(&d->plan, &drill_rows[i]);
	if (!has_route)
		command_failed("drill: there is no route %s", d->plan.route);
	else if (!has_fault)
		command_failed("drill: there is no fault %s; see --fault list",
		               d->plan.fault);
	else if (config->route_count == 0)
		command_failed("drill: the configuration has no routes");
	else
		return true;
	return false;
}

static int drill_routes(struct drill *d)
{
	struct buf why = BUF_LIMIT(4 * KiB);
	int code;

	drill_plan_make(&d->plan);
	if (!drill_world_init(&d->world, &why)) {
		code = command_failed("drill: %s", buf_z(&why));
	} else {
		run(d);
		code = report(d);
	}
	drill_world_done(&d->world);
	drill_plan_done(&d->plan);
	buf_free(&why);
	return code;
}

static int drill_with(struct drill *d, const char *path)
{
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config_source source = { .path = str_from_z(path), .env = environment };
	struct config *config = config_load(&source, &notes);
	struct buf said = BUF_LIMIT(64 * KiB);
	int code = EXIT_CONFIG;

	config_notes_print(&notes, source.path, &said);
	if (said.len)
		fwrite(said.ptr, 1, said.len, stderr);
	buf_free(&said);
	if (config) {
		d->world.config = config;
		d->world.source = &source;
		d->plan.world = &d->world;
		code = find_asked(d) ? drill_routes(d) : EXIT_FAILED;
		d->world.source = NULL;
	}
	config_unref(&config);
	arena_done(&arena);
	return code;
}

struct errand {
	struct drill *drill;
	const char *path;
};

static int drill_in(void *arg, const char *dir)
{
	struct errand *e = arg;

	e->drill->world.dir = dir;
	return drill_with(e->drill, e->path);
}

int drill_command(struct command *c)
{
	struct drill d = { .c = c,
		           .plan = { .wire = &wire_openai_chat,
		                     .route = command_value(c, "route"),
		                     .fault = command_value(c, "fault") } };
	const char *format = command_value(c, "format");
	uint64_t jobs;

	if (d.plan.fault && strcmp(d.plan.fault, "list") == 0)
		return list_faults(c->json);
	if (!command_number(c, "jobs", JOBS_MOST, JOBS, &jobs))
		return EXIT_USAGE;
	d.jobs = (unsigned)jobs;
	if (format)
		d.plan.wire = wire_of(wire_format_find(str_from_z(format)));
	if (!d.plan.wire)
		return command_misused(c, "drill: there is no format %s", format);
	if (!c->config)
		return command_misused(c, "drill: say which configuration: -c FILE");
	signal(SIGPIPE, SIG_IGN);
	return drill_guard(drill_in, &(struct errand){ .drill = &d, .path = c->config });
}
