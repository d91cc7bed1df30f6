/* readings_budget.c - see readings_budget.h.  All are collected first: only then it is
 * known which names have to be told apart. */
#include "main/readings_budget.h"

#include "admin/tenant_json.h"
#include "base/mem.h"
#include "loop/sys.h"
#include "main/readings.h"

struct collection {
	struct tenant_left *list;
	unsigned count, room, most;
	bool keys;
	nanousd others[BUDGET_WINDOWS]; /* the least of each window */
	unsigned other_windows;         /* bits */
};

static void collect(void *arg, const struct tenant_left *left)
{
	struct collection *c = arg;
	bool is_first = !(c->other_windows >> left->window & 1);

	if (left->row->kind >= TENANT_KEY && !c->keys)
		return;
	if (c->count == c->most) {
		c->others[left->window] =
		        is_first ? left->left
		                 : min_of(c->others[left->window], left->left);
		c->other_windows |= 1u << left->window;
		return;
	}
	if (c->count == c->room) {
		c->room = max_of(c->room * 2, 64u);
		c->list = mem_resize(c->list, c->room * sizeof(*c->list));
	}
	c->list[c->count++] = *left;
}

static int compare(const void *a, const void *b)
{
	const struct tenant_left *x = a, *y = b;
	int by_name = str_cmp(x->row->name, y->row->name);

	if (x->row->kind != y->row->kind)
		return x->row->kind < y->row->kind ? -1 : 1;
	if (by_name)
		return by_name;
	if (x->row->id != y->row->id)
		return x->row->id < y->row->id ? -1 : 1;
	return (int)x->window - (int)y->window;
}

static void add(struct metric_page *page, enum metric_id id,
                const struct tenant_left *left, bool is_shared)
{
	const nanousd *limits = left->row->caps.budget;
	struct buf name = BUF_LIMIT(KiB);

	buf_add(&name, left->row->name);
	if (is_shared) {
		buf_add_char(&name, ' ');
		buf_add_hex(&name, left->row->id, 12);
	}
	metric_sample(page, id,
	              (str[]){ buf_str(&name), tenant_kind_name(left->row->kind),
	                       tenant_window_name(left->window) },
	              id == METRIC_BUDGET ? left->left : limits[left->window], NULL);
	buf_free(&name);
}

/* Those of one kind and name, from `at` on: where they end. */
static unsigned end_of_group(const struct collection *c, unsigned at)
{
	const struct tenant_row *first = c->list[at].row;

	while (at < c->count && c->list[at].row->kind == first->kind &&
	       str_eq(c->list[at].row->name, first->name))
		at++;
	return at;
}

/* Of one metric: its samples stand together. */
static void add_all(struct metric_page *page, enum metric_id id, const struct gateway *g,
                    const struct collection *c)
{
	for (unsigned at = 0, end; at < c->count; at = end) {
		bool is_shared;

		end = end_of_group(c, at);
		is_shared =
		        c->list[at].row->id != c->list[end - 1].row->id ||
		        (g->keys && keyring_has_namesake(g->keys, c->list[at].row->id));
		for (unsigned i = at; i < end; i++)
			add(page, id, &c->list[i], is_shared);
	}
}

void readings_budgets(struct gateway *g, struct metric_page *page)
{
	struct config *config = readings_config(g);
	struct collection c = { .most = config->metrics.series,
		                .keys = config->metrics.keys };

	config_unref(&config);
	if (!g->tenants)
		return;
	tenants_each_budget(g->tenants, sys_now(), sys_wall(), collect, &c);
	if (c.count)
		qsort(c.list, c.count, sizeof(*c.list), compare);
	add_all(page, METRIC_BUDGET, g, &c);
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		if (c.other_windows >> w & 1)
			metric_sample(page, METRIC_BUDGET,
			              (str[]){ STR("other"), STR("other"),
			                       tenant_window_name(w) },
			              c.others[w], NULL);
	}
	add_all(page, METRIC_BUDGET_LIMIT, g, &c);
	free(c.list);
}
