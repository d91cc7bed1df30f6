#include "main/spent.h"

#include "base/log.h"
#include "loop/sys.h"
#include "store/report.h"

struct load {
	struct gateway *g;
	struct tenant_spent spent; /* but for whom and how much */
	bool is_full;
};

static bool add(void *arg, uint64_t team, uint64_t key, str user, nanousd charged)
{
	struct load *load = arg;

	load->spent.team = team;
	load->spent.key = key;
	load->spent.user = user;
	load->spent.amount = charged;
	if (!tenants_add_spent(load->g->tenants, &load->spent))
		load->is_full = true;
	return true;
}

/* Windows that begin together are read once for each: there are at most five. */
static bool read_windows(struct gateway *g, struct ledger *l, unsigned bits,
                         const struct tenant_spent *whose)
{
	bool by_user = tenants_bound_users(g->tenants);
	struct load load = { .g = g, .spent = *whose };
	bool ok = true;

	for (unsigned w = 0; w < BUDGET_WINDOWS && ok; w++) {
		usec from, until;

		if (!(bits >> w & 1))
			continue;
		load.spent.window = (enum budget_window)w;
		calendar_window(g->calendar, load.spent.window, whose->wall, &from,
		                &until);
		ok = ledger_spent(l, max_of(from, (usec)0), by_user, add, &load);
	}
	if (load.is_full)
		log_error("more than %d users have spent something in a window that "
		          "lasts; what the others have spent is not known",
		          TENANT_USERS_MOST);
	return ok;
}

bool spent_load(struct gateway *g, struct ledger *l, usec wall)
{
	struct tenant_spent everybody = { .wall = wall, .now = sys_now() };

	return read_windows(g, l, tenants_counted(g->tenants), &everybody);
}

static bool put(struct gateway *g, const struct tenant_row *row)
{
	struct buf path = BUF_LIMIT(4 * KiB), why = BUF_LIMIT(KiB);
	unsigned fresh, fresh_users;
	struct tenant_spent its = { .wall = sys_wall(),
		                    .now = sys_now(),
		                    .only = row->id };
	struct tenant_spent users = its;
	struct ledger *l;
	bool ok;

	users.only_users = true;
	if (!tenants_put(g->tenants, row, sys_now(), &fresh, &fresh_users))
		return false;
	if (!(fresh | fresh_users))
		return true;
	recorder_flush(g->recorder);
	pthread_mutex_lock(&g->lock);
	buf_addf(&path, "%.*s/ledger.db", STR_ARG(g->config->data));
	pthread_mutex_unlock(&g->lock);
	l = ledger_open_reader(buf_z(&path), &why);
	/* All as of one moment, however long it takes to read. */
	ok = l && ledger_begin_read(l) && read_windows(g, l, fresh, &its) &&
	     read_windows(g, l, fresh_users, &users) && ledger_end_read(l);
	ledger_close(&l);
	if (!ok)
		tenants_take_for_spent(g->tenants, row->id, fresh, fresh_users, its.wall);
	buf_free(&path);
	buf_free(&why);
	return ok;
}

bool spent_put(struct gateway *g, const struct tenant_row *row)
{
	bool ok;

	tenants_hold_spent(g->tenants);
	ok = put(g, row);
	tenants_release_spent(g->tenants);
	return ok;
}
