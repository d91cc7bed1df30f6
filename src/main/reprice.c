/* reprice.c - sluice cost reprice: attempts that were priced wrongly are corrected by
 * today's prices.
 *
 * A running gateway does it, by the prices it runs with, a slice at each question;
 * without one the same route runs here (admin_ask.h). */
#include "admin/reprice.h"

#include "admin/spend.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "main/admin_ask.h"
#include "main/cost.h"

#include <stdio.h>

struct repricing {
	struct command *c;
	usec since, until;
	bool to_write;
	struct buf cursor;          /* of the next slice; empty: there is none */
	struct reprice_model *list; /* of all slices */
	unsigned count, room;
	struct arena texts;
};

/* ---- what came of it ---- */

static void add_model(struct repricing *p, const struct reprice_model *from)
{
	struct reprice_model *m = p->list;

	while (m < p->list + p->count &&
	       (!str_eq(m->provider, from->provider) || !str_eq(m->model, from->model)))
		m++;
	if (m == p->list + p->count) {
		if (p->count == p->room) {
			p->room = p->room ? 2 * p->room : 64;
			p->list = mem_resize(p->list, p->room * sizeof(*p->list));
		}
		m = &p->list[p->count++];
		*m = (struct reprice_model){
			.provider = arena_copy(&p->texts, from->provider),
			.model = arena_copy(&p->texts, from->model),
		};
	}
	m->attempts += from->attempts;
	m->unpriced += from->unpriced;
	m->changed += from->changed;
	m->new += from->new;
	m->was += from->was;
	m->now += from->now;
}

/* What changes most first. */
static int by_difference(const void *a, const void *b)
{
	const struct reprice_model *x = a, *y = b;
	nanousd dx = x->now > x->was ? x->now - x->was : x->was - x->now;
	nanousd dy = y->now > y->was ? y->now - y->was : y->was - y->now;

	return dx == dy ? 0 : dx > dy ? -1 : 1;
}

static struct reprice_model sum_of(const struct repricing *p)
{
	struct reprice_model all = { .changed = 0 };

	for (unsigned i = 0; i < p->count; i++) {
		all.attempts += p->list[i].attempts;
		all.unpriced += p->list[i].unpriced;
		all.changed += p->list[i].changed;
		all.new += p->list[i].new;
		all.was += p->list[i].was;
		all.now += p->list[i].now;
	}
	return all;
}

static void add_figures(struct grid *g, const struct reprice_model *m)
{
	struct buf text = BUF_LIMIT(64);
	const nanousd money[] = { m->was, m->now, m->now - m->was };
	const uint64_t counts[] = { m->attempts, m->changed };

	for (unsigned i = 0; i < countof(counts); i++) {
		buf_clear(&text);
		grouped_int(&text, (int64_t)counts[i]);
		grid_add(g, buf_str(&text));
	}
	for (unsigned i = 0; i < countof(money); i++) {
		buf_clear(&text);
		money_text(&text, money[i], true);
		grid_add(g, buf_str(&text));
	}
	buf_free(&text);
}

static void print_text(const struct repricing *p, const struct reprice_model *all)
{
	struct buf out = BUF_LIMIT(64 * MiB);
	struct grid g = { .has_total = true };

	grid_column(&g, STR("model"), false);
	grid_column(&g, STR("attempts"), true);
	grid_column(&g, STR("changed"), true);
	grid_column(&g, STR("was USD"), true);
	grid_column(&g, STR("now USD"), true);
	grid_column(&g, STR("difference USD"), true);
	for (unsigned i = 0; i < p->count; i++) {
		grid_addf(&g, "%.*s/%.*s", STR_ARG(p->list[i].provider),
		          STR_ARG(p->list[i].model));
		add_figures(&g, &p->list[i]);
	}
	grid_add(&g, STR("total"));
	add_figures(&g, all);
	grid_print(&g, GRID_TEXT, &out);
	fwrite(out.ptr ? out.ptr : "", 1, out.len, stdout);
	grid_done(&g);
	buf_free(&out);
	if (all->new)
		fprintf(stderr, "%llu of the changed attempts had no cost so far\n",
		        (unsigned long long)all->new);
	if (all->unpriced)
		fprintf(stderr,
		        "%llu attempts keep what they have: not all they used has a "
		        "price today\n",
		        (unsigned long long)all->unpriced);
	fprintf(stderr,
	        p->to_write ? "%llu attempts were corrected\n"
	                    : "%llu attempts would be corrected: nothing was "
	                      "written\n",
	        (unsigned long long)all->changed);
}

static void json_figures(struct json_writer *w, const struct reprice_model *m)
{
	struct buf text = BUF_LIMIT(64);

	json_key_int(w, STR("attempts"), (int64_t)m->attempts);
	json_key_int(w, STR("unpriced"), (int64_t)m->unpriced);
	json_key_int(w, STR("changed"), (int64_t)m->changed);
	json_key_int(w, STR("had_no_cost"), (int64_t)m->new);
	json_key_int(w, STR("was_nano"), m->was);
	json_key_int(w, STR("now_nano"), m->now);
	json_key_int(w, STR("delta_nano"), m->now - m->was);
	money_text(&text, m->now - m->was, false);
	json_key_str(w, STR("delta_usd"), buf_str(&text));
	buf_free(&text);
}

static void print_json(const struct repricing *p, const struct reprice_model *all)
{
	struct buf out = BUF_LIMIT(64 * MiB);
	struct json_writer w = { .to = &out };

	json_open(&w, '{');
	json_key_bool(&w, STR("dry_run"), !p->to_write);
	json_key(&w, STR("models"));
	json_open(&w, '[');
	for (unsigned i = 0; i < p->count; i++) {
		json_open(&w, '{');
		json_key_str(&w, STR("provider"), p->list[i].provider);
		json_key_str(&w, STR("model"), p->list[i].model);
		json_figures(&w, &p->list[i]);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_key(&w, STR("total"));
	json_open(&w, '{');
	json_figures(&w, all);
	json_close(&w, '}');
	json_close(&w, '}');
	printf("%.*s\n", (int)out.len, out.ptr);
	buf_free(&out);
}

/* ---- asking ---- */

static void write_target(struct repricing *p, struct buf *to)
{
	buf_add(to, STR("/admin/v1/cost/reprice"));
	admin_add_time(to, "since", p->since);
	admin_add_time(to, "until", p->until);
	admin_add_query(to, "provider", command_value(p->c, "provider"));
	admin_add_query(to, "model", command_value(p->c, "model"));
	if (p->cursor.len)
		admin_add_query(to, "cursor", buf_z(&p->cursor));
}

static int64_t number(struct json_value object, const char *name)
{
	int64_t n = 0;

	return json_i64(json_get(object, str_from_z(name)), &n) ? n : 0;
}

static str text(struct json_value object, const char *name, char room[KiB])
{
	struct json_value v = json_get(object, str_from_z(name));

	return v.type == JSON_STRING && v.raw.len <= KiB ? json_text(v, room) : STR_NONE;
}

static void take_answer(struct repricing *p, struct json_value answer)
{
	struct json_member m;
	char next[KiB];

	for (struct json_iter it = json_iter(json_get(answer, STR("models")));
	     json_next(&it, &m);) {
		char provider[KiB], model[KiB];

		add_model(p, &(struct reprice_model){
		                     .provider = text(m.value, "provider", provider),
		                     .model = text(m.value, "model", model),
		                     .attempts = (uint64_t)number(m.value, "attempts"),
		                     .unpriced = (uint64_t)number(m.value, "unpriced"),
		                     .changed = (uint64_t)number(m.value, "changed"),
		                     .new = (uint64_t)number(m.value, "new"),
		                     .was = number(m.value, "was_nano"),
		                     .now = number(m.value, "now_nano"),
		             });
	}
	buf_set(&p->cursor, text(answer, "next", next));
}

/* All slices; the exit code. */
static int ask_all(struct repricing *p, struct config *config)
{
	const struct admin_alone alone = { config, .by_recorder = true };
	enum http_method method = p->to_write ? HTTP_POST : HTTP_GET;
	int result;

	do {
		struct buf target = BUF_LIMIT(16 * KiB);
		struct admin_asked a;

		write_target(p, &target);
		result = admin_do_alone(p->c, &alone, method, buf_str(&target), STR_NONE,
		                        &a);
		if (result == EXIT_OK)
			take_answer(p, a.value);
		admin_asked_done(&a);
		buf_free(&target);
	} while (result == EXIT_OK && p->cursor.len);
	return result;
}

/* ---- */

static bool take_moment(struct command *c, const char *option, usec *ret)
{
	const char *given = command_value(c, option);

	if (!given || period_moment(str_from_z(given), sys_wall(), ret))
		return true;
	command_misused(c, "cost: --%s takes a time like 7d, today or 2026-11-01, not %s",
	                option, given);
	return false;
}

static int run(struct repricing *p)
{
	struct config *config = command_config(p->c, NULL, false);
	int result = EXIT_CONFIG;

	if (config)
		result = ask_all(p, config);
	config_unref(&config);
	if (result != EXIT_OK)
		return result;
	struct reprice_model all = sum_of(p);
	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_difference);
	if (p->c->json)
		print_json(p, &all);
	else
		print_text(p, &all);
	return EXIT_OK;
}

/* Of `cost`: nobody shall think that these choose what is corrected. */
static const char *other_option(const struct command *c)
{
	static const char *const others[] = { "by",    "key",    "team", "user",
		                              "route", "client", "csv",  "verify" };

	for (size_t i = 0; i < countof(others); i++)
		if (command_has(c, others[i]))
			return others[i];
	return NULL;
}

int cost_reprice(struct command *c)
{
	const char *other = other_option(c);
	struct repricing p = {
		.c = c,
		.cursor = BUF_LIMIT(KiB),
		.to_write = !command_has(c, "dry-run"),
		.texts = { .ceiling = 64 * MiB },
	};
	int result;

	if (other)
		return command_misused(c, "cost reprice has no --%s", other);
	if (!command_has(c, "since"))
		return command_misused(c, "cost reprice: say from when: --since TIME");
	if (!take_moment(c, "since", &p.since) || !take_moment(c, "until", &p.until))
		return EXIT_USAGE;
	result = run(&p);
	free(p.list);
	arena_done(&p.texts);
	buf_free(&p.cursor);
	return result;
}
