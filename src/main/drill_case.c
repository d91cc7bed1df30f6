/* drill_case.c - one case of a drill: a gateway of its own, one answer, what became of
 * it.
 *
 * Each case has a fresh gateway, so that none learns from another's faults. */
#include "main/drill.h"

#include "base/mem.h"
#include "main/process.h"
#include "store/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_MOST = 64 };

/* ---- its data ---- */

static bool make_dir(const char *top, char path[DRILL_DIR_SIZE], struct buf *why)
{
	snprintf(path, DRILL_DIR_SIZE, "%s/case-XXXXXX", top);
	if (mkdtemp(path))
		return true;
	buf_addf(why, "%s: %s", path, strerror(errno));
	return false;
}

void drill_remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct buf name = BUF_LIMIT(4 * KiB);

		buf_addf(&name, "%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlink(buf_z(&name)) != 0)
			drill_remove_dir(buf_z(&name));
		buf_free(&name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* ---- what the ledger knows ---- */

struct tally {
	struct ledger *ledger;
	const struct target *victim;
	uint64_t exchanges[ROWS_MOST];
	unsigned count, attempts;
	bool met; /* the ill one was asked */
	nanousd cost;
};

static bool count_attempt(void *arg, const struct attempt_row *row)
{
	struct tally *t = arg;

	if (row->number == 0)
		return true;
	t->attempts++;
	t->met |= t->victim && str_eq(row->provider, t->victim->provider->name) &&
	          str_eq(row->model, t->victim->model);
	if (row->usage_kind == USAGE_NONE || t->cost == COST_UNKNOWN)
		return true;
	t->cost = row->cost == COST_UNKNOWN ? COST_UNKNOWN : t->cost + row->cost;
	return true;
}

static bool note_exchange(void *arg, const struct attempt_row *row)
{
	struct tally *t = arg;

	t->exchanges[t->count++] = row->exchange;
	return t->count < ROWS_MOST;
}

static void read_ledger(struct drill_case *c, const char *dir, struct tally *t)
{
	struct buf path = BUF_LIMIT(256);

	buf_addf(&path, "%s/ledger.db", dir);
	t->ledger = ledger_open_reader(buf_z(&path), &c->error);
	buf_free(&path);
	if (!t->ledger)
		return;
	ledger_exchanges(t->ledger, 0, 0, false, ROWS_MOST, note_exchange, t);
	for (unsigned i = 0; i < t->count; i++)
		ledger_exchange(t->ledger, t->exchanges[i], count_attempt, t);
	ledger_close(&t->ledger);
	c->attempts = t->attempts;
	c->cost = t->cost;
}

/* ---- asking ---- */

/* Who is before it in order is out of order, so that it is its turn. */
static void write_faults(const struct drill_case *c, struct buf *to)
{
	const struct drill_row *row = c->row;
	const struct target *t = c->route->targets;

	for (unsigned i = 0; c->route->strategy == STRATEGY_ORDERED && i < c->target; i++)
		buf_addf(to, "503@%.*s/%.*s,", STR_ARG(t[i].provider->name),
		         STR_ARG(t[i].model));
	t += c->target;
	if (row->how == DRILL_HEADER || row->how == DRILL_FLAP)
		buf_addf(to, "%.*s@%.*s/%.*s", STR_ARG(row->fault),
		         STR_ARG(t->provider->name), STR_ARG(t->model));
}

static void ask(struct drill_case *c, const struct net_addr *gateway)
{
	struct buf faults = BUF_LIMIT(16 * KiB);
	struct drill_ask a = { .wire = c->wire,
		               .model = c->route->name,
		               .says = c->row->says,
		               .stream = c->row->stream };
	unsigned times = c->row->how == DRILL_FLAP ? DRILL_FLAPS : 1;

	if (c->row->how != DRILL_NONE)
		write_faults(c, &faults);
	for (unsigned i = 0; i < times; i++) {
		bool is_ill = i % 2 == 0;

		/* Of several answers the worst is told. */
		if (i && !drill_same(&c->answer, &c->healthy->answer))
			break;
		drill_answer_done(&c->answer);
		a.faults = is_ill ? buf_str(&faults) : STR_NONE;
		drill_ask(&a, gateway, &c->answer);
	}
	buf_free(&faults);
}

static enum drill_outcome judge(const struct drill_case *c, const struct tally *t)
{
	const struct drill_answer *a = &c->answer;

	if (!c->healthy)
		return a->ended ? DRILL_RESCUED : DRILL_BROKEN;
	if (!t->met)
		return DRILL_MISSED;
	if (drill_same(a, &c->healthy->answer))
		return DRILL_RESCUED;
	return a->told && !a->ended ? DRILL_HONEST : DRILL_LOST;
}

static void run(struct drill_case *c, const char *dir)
{
	const struct target *victim = &c->route->targets[c->target];
	struct config *config = drill_config(c->world, dir, (int)victim->provider->index,
	                                     c->row->how, c->route->name, c->target);
	struct process *p = new_of(struct process);
	struct tally t = { .victim = victim };
	struct net_addr at;

	if (config && process_start(p, config, NULL, &c->error)) {
		if (sys_local_addr(p->listeners.fd[0], &at) == 0)
			ask(c, &at);
		process_stop(p);
		read_ledger(c, dir, &t);
		c->outcome = judge(c, &t);
	}
	free(p);
}

void drill_case_run(struct drill_case *c)
{
	char dir[DRILL_DIR_SIZE];

	c->outcome = DRILL_BROKEN;
	c->error = BUF_LIMIT(4 * KiB);
	if (c->healthy && c->healthy->outcome != DRILL_RESCUED) {
		buf_add(&c->error, STR("nothing to compare with"));
		return;
	}
	if (!make_dir(c->world->dir, dir, &c->error))
		return;
	run(c, dir);
	drill_remove_dir(dir);
}

void drill_case_done(struct drill_case *c)
{
	drill_answer_done(&c->answer);
	buf_free(&c->error);
}
