/* ledger_rollup.c - sums by hour, day and month, written with the rows they are made of.
 *
 * Rows are added up in memory, by hour and by group (who, at what, through what); a
 * commit adds the sums to the table `rollup` in the same transaction, a rollback forgets
 * them.  A row counts in the hour in which it began, once: when it is settled, or when
 * the death of its process is noticed.
 *
 * There are two families, so that neither multiplies the other: what was used (key,
 * provider, model, route, tags, client, ...) and by whom (key and user).  In each an
 * hour, a day and a month have a bounded number of groups; what would be one too many is
 * added to a group that says `*` instead of what varies most.  Totals, and the sums of
 * each key, stay exact. */
#include "store/ledger_private.h"

#include "base/mem.h"
#include "store/sums.h"

#include <time.h>

enum {
	SLOTS_LEAST = 64,
	SLOTS_MOST = 4096, /* three quarters of them are used */
	KNOWN = 512,
};

/* The sums of one group in one hour. */
struct slot {
	int64_t hour, group; /* group 0: free */
	enum rollup_family family;
	struct sums sums;
};

/* Which groups a row belongs to follows from its labels. */
struct known {
	int64_t request, subject, caller;
	int64_t groups[ROLLUP_FAMILIES];
};

/* How many groups a period has. */
struct fill {
	int64_t period;
	int64_t count; /* of them; below zero: not known */
};

struct rollup {
	struct slot *slots;
	unsigned size, count;
	struct known known[KNOWN];
	struct fill fills[ROLLUP_FAMILIES][ROLLUP_SPANS];
	unsigned most[ROLLUP_SPANS];
};

static void forget_labels(struct rollup *r)
{
	memset(r->known, 0, sizeof(r->known));
	for (int f = 0; f < ROLLUP_FAMILIES; f++) {
		for (int s = 0; s < ROLLUP_SPANS; s++)
			r->fills[f][s].count = -1;
	}
}

struct rollup *rollup_new(void)
{
	struct rollup *r = new_of(struct rollup);

	r->most[ROLLUP_HOUR] = 2000;
	r->most[ROLLUP_DAY] = 4000;
	r->most[ROLLUP_MONTH] = 8000;
	forget_labels(r);
	return r;
}

void rollup_limit(struct rollup *r, unsigned groups)
{
	for (int s = 0; s < ROLLUP_SPANS; s++)
		r->most[s] = groups;
}

void rollup_clear(struct rollup *r)
{
	if (r->slots)
		memset(r->slots, 0, r->size * sizeof(*r->slots));
	r->count = 0;
	forget_labels(r);
}

void rollup_rest(struct rollup *r)
{
	if (r->count)
		return;
	free(r->slots);
	r->slots = NULL;
	r->size = 0;
}

void rollup_free(struct rollup **r)
{
	if (!*r)
		return;
	free((*r)->slots);
	free(*r);
	*r = NULL;
}

/* ---- periods ---- */

int64_t rollup_hour_of(usec wall)
{
	return wall / USEC_HOUR;
}

int64_t rollup_period(int64_t hour, enum rollup_span span)
{
	time_t seconds = (time_t)(hour * 3600);
	struct tm utc;

	if (span == ROLLUP_HOUR)
		return hour;
	if (span == ROLLUP_DAY)
		return hour / 24;
	gmtime_r(&seconds, &utc);
	return (int64_t)(utc.tm_year + 1900) * 12 + utc.tm_mon;
}

/* ---- groups ---- */

/* "claude-cli/1.0.2 (external)" is claude-cli, and "OpenAI/JS 5.1" is OpenAI/JS. */
static str client_of(str agent)
{
	str name = str_first(agent, str_find_any(agent, STR(" ;(,")));
	size_t slash = str_find_last(name, '/');

	if (slash + 1 < name.len &&
	    (char_is_digit(name.ptr[slash + 1]) || name.ptr[slash + 1] == 'v'))
		name = str_first(name, slash);
	return str_first(name, 40);
}

void rollup_group(const struct attempt_row *row, enum rollup_family family,
                  struct attempt_row *ret)
{
	*ret = (struct attempt_row){ .key = row->key, .team = row->team };
	if (family == ROLLUP_WHOM) {
		ret->user = row->user;
		return;
	}
	ret->provider = row->provider;
	ret->model = row->model;
	ret->route = row->route;
	ret->operation = row->operation;
	ret->tags = row->tags;
	ret->agent = client_of(row->agent);
	ret->trial = row->trial;
}

/* The group that takes in what finds no place of its own: first what clients choose is
 * no longer told apart, then keys, then anything. */
static void fold(struct attempt_row *group, enum rollup_family family, unsigned stage)
{
	const str any = STR_INIT("*");

	if (family == ROLLUP_WHOM) {
		group->user = any;
		return;
	}
	group->tags = group->agent = any;
	if (stage > 1)
		group->key = group->team = ROLLUP_ANY;
	if (stage > 2)
		group->provider = group->model = group->route = group->operation =
		        group->trial = any;
}

static bool find_groups(struct ledger *l, const struct attempt_row *row, int64_t *groups)
{
	struct attempt_row group;

	for (int f = 0; f < ROLLUP_FAMILIES; f++) {
		rollup_group(row, f, &group);
		if (!label_get(l, LABEL_GROUP, &group, &groups[f]))
			return false;
	}
	return true;
}

static uint64_t mix(int64_t a, int64_t b, int64_t c)
{
	uint64_t h = (uint64_t)a * 0x9e3779b97f4a7c15u;

	h = (h ^ (h >> 29) ^ (uint64_t)b) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 32) ^ (uint64_t)c) * 0x94d049bb133111ebu;
	return h ^ (h >> 31);
}

static const int64_t *groups_of(struct ledger *l, const struct attempt_row *row,
                                const struct row_labels *at)
{
	struct known *k =
	        &l->rollup->known[mix(at->request, at->subject, at->caller) % KNOWN];

	if (k->request == at->request && k->subject == at->subject &&
	    k->caller == at->caller && k->groups[0])
		return k->groups;
	k->groups[0] = 0;
	if (!find_groups(l, row, k->groups))
		return NULL;
	k->request = at->request;
	k->subject = at->subject;
	k->caller = at->caller;
	return k->groups;
}

/* ---- the table ---- */

/* Those of LEDGER_ROLLUP_ADD_USUAL, in its order. */
static const enum sum usual[] = { SUM_ATTEMPTS,
#define SUM(id, name) SUM_##id,
	                          SUMS_USUAL(SUM)
#undef SUM
};

/* Is nothing added to the others? */
static bool is_usual(const struct sums *sums)
{
	struct sums rest = *sums;
	int64_t any = 0;

	for (unsigned i = 0; i < countof(usual); i++)
		rest.of[usual[i]] = 0;
	for (int i = 0; i < SUM_COUNT; i++)
		any |= rest.of[i];
	return !any;
}

/* The statement that adds the sums; where is bound by `update`, as often as there are
 * spans. */
struct adding {
	const struct slot *slot;
	sqlite3_stmt *st; /* NULL: it could not be prepared */
	int bound;
	bool is_usual;
};

static void bind_sums(struct ledger *l, struct adding *a, bool as_usual)
{
	const int64_t *of = a->slot->sums.of;
	int count = as_usual ? (int)countof(usual) : (int)SUM_COUNT;

	a->is_usual = as_usual;
	a->bound = count;
	a->st = ledger_get(l, as_usual ? LEDGER_ROLLUP_ADD_USUAL : LEDGER_ROLLUP_ADD);
	for (int i = 0; a->st && i < count; i++)
		sqlite3_bind_int64(a->st, i + 1, of[as_usual ? (int)usual[i] : i]);
}

static bool run_at(const struct adding *a, enum rollup_span span, int64_t group)
{
	int at = a->bound + 1;

	if (!a->st)
		return false;
	sqlite3_bind_int64(a->st, at++, a->slot->family);
	sqlite3_bind_int64(a->st, at++, span);
	sqlite3_bind_int64(a->st, at++, rollup_period(a->slot->hour, span));
	sqlite3_bind_int64(a->st, at, group);
	return ledger_run(a->st);
}

static bool update(struct ledger *l, struct adding *a, enum rollup_span span,
                   int64_t group, bool *ret_found)
{
	bool ok = run_at(a, span, group);

	/* Beyond int64: what the other one does with it. */
	if (!ok && a->is_usual &&
	    sqlite3_extended_errcode(l->db) == SQLITE_CONSTRAINT_DATATYPE) {
		bind_sums(l, a, false);
		ok = run_at(a, span, group);
	}
	if (ok)
		*ret_found = sqlite3_changes(l->db) > 0;
	return ok;
}

static bool insert(struct ledger *l, const struct slot *s, enum rollup_span span,
                   int64_t group)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ROLLUP_PUT);
	int at = 1;

	if (!st)
		return false;
	sqlite3_bind_int64(st, at++, s->family);
	sqlite3_bind_int64(st, at++, span);
	sqlite3_bind_int64(st, at++, rollup_period(s->hour, span));
	sqlite3_bind_int64(st, at++, group);
	for (int i = 0; i < SUM_COUNT; i++)
		sqlite3_bind_int64(st, at++, s->sums.of[i]);
	return ledger_run(st);
}

static bool count_groups(struct ledger *l, const struct slot *s, enum rollup_span span,
                         struct fill **ret)
{
	struct fill *f = &l->rollup->fills[s->family][span];
	int64_t period = rollup_period(s->hour, span);
	sqlite3_stmt *st;

	*ret = f;
	if (f->count >= 0 && f->period == period)
		return true;
	st = ledger_get(l, LEDGER_ROLLUP_FILL);
	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, s->family);
	sqlite3_bind_int64(st, 2, span);
	sqlite3_bind_int64(st, 3, period);
	f->period = period;
	f->count = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
	return sqlite3_reset(st) == SQLITE_OK && f->count >= 0;
}

bool ledger_group(struct ledger *l, int64_t id,
                  void (*each)(void *arg, const struct attempt_row *group), void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_FIND_GROUP);
	struct attempt_row group = { 0 };

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, id);
	if (sqlite3_step(st) == SQLITE_ROW) {
		group.key = (uint64_t)sqlite3_column_int64(st, 0);
		group.team = (uint64_t)sqlite3_column_int64(st, 1);
		group.user = ledger_str(st, 2);
		group.provider = ledger_str(st, 3);
		group.model = ledger_str(st, 4);
		group.route = ledger_str(st, 5);
		group.operation = ledger_str(st, 6);
		group.tags = ledger_str(st, 7);
		group.agent = ledger_str(st, 8);
		group.trial = ledger_str(st, 9);
		each(arg, &group);
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

/* The statement that reads a group is needed again to find the folded one, so the texts
 * are kept here meanwhile. */
struct kept {
	struct attempt_row group;
	struct arena arena;
};

static void keep(void *arg, const struct attempt_row *group)
{
	struct kept *k = arg;
	str *const texts[] = { &k->group.user,  &k->group.provider,  &k->group.model,
		               &k->group.route, &k->group.operation, &k->group.tags,
		               &k->group.agent, &k->group.trial };

	k->group = *group;
	for (unsigned i = 0; i < countof(texts); i++)
		*texts[i] = arena_copy(&k->arena, *texts[i]);
}

static bool find_fold(struct ledger *l, const struct slot *s, unsigned stage,
                      int64_t *ret_group)
{
	struct kept k = { .arena = { .ceiling = 16 * KiB } };
	bool ok = ledger_group(l, s->group, keep, &k);

	fold(&k.group, s->family, stage);
	ok = ok && label_get(l, LABEL_GROUP, &k.group, ret_group);
	arena_done(&k.arena);
	return ok;
}

static bool put(struct ledger *l, struct adding *a, enum rollup_span span)
{
	const struct slot *s = a->slot;
	int64_t group = s->group;
	struct fill *f;
	bool found = false;

	if (!update(l, a, span, group, &found) || found)
		return found;
	if (!count_groups(l, s, span, &f))
		return false;
	unsigned stage = (unsigned)(f->count / l->rollup->most[span]);
	if (stage > 0) {
		if (!find_fold(l, s, stage, &group) || !update(l, a, span, group, &found))
			return false;
		if (found)
			return true;
	}
	f->count++;
	return insert(l, s, span, group);
}

bool rollup_flush(struct ledger *l)
{
	struct rollup *r = l->rollup;

	/* A slot that is written is free at once: what fails is rolled back as a whole.
	 */
	for (unsigned i = 0; r->count && i < r->size; i++) {
		struct adding a = { .slot = &r->slots[i] };

		if (!a.slot->group)
			continue;
		bind_sums(l, &a, is_usual(&a.slot->sums));
		for (int s = 0; s < ROLLUP_SPANS; s++) {
			if (!put(l, &a, s))
				return false;
		}
		r->slots[i] = (struct slot){ .group = 0 };
		r->count--;
	}
	return true;
}

/* ---- adding ---- */

static struct slot *slot_of(const struct rollup *r, const struct slot *like)
{
	uint64_t at = mix(like->hour, like->group, like->family);

	for (;; at++) {
		struct slot *s = &r->slots[at & (r->size - 1)];

		if (!s->group || (s->hour == like->hour && s->group == like->group &&
		                  s->family == like->family))
			return s;
	}
}

static void grow(struct rollup *r)
{
	struct rollup old = { .slots = r->slots, .size = r->size };

	r->size = old.size ? old.size * 2 : SLOTS_LEAST;
	r->slots = mem_new(r->size * sizeof(*r->slots));
	for (unsigned i = 0; i < old.size; i++) {
		if (old.slots[i].group)
			*slot_of(r, &old.slots[i]) = old.slots[i];
	}
	free(old.slots);
}

static struct sums *sums_at(struct ledger *l, enum rollup_family family, int64_t hour,
                            int64_t group)
{
	struct slot like = { .hour = hour, .group = group, .family = family };
	struct rollup *r = l->rollup;

	if (r->count * 4 >= r->size * 3) {
		if (r->size == SLOTS_MOST && !rollup_flush(l))
			return NULL;
		if (r->size < SLOTS_MOST)
			grow(r);
	}
	struct slot *s = slot_of(r, &like);
	if (!s->group) {
		*s = like;
		r->count++;
	}
	return &s->sums;
}

static bool add(struct ledger *l, const struct attempt_row *row, const int64_t *groups,
                const struct sums *sums)
{
	for (int f = 0; f < ROLLUP_FAMILIES; f++) {
		struct sums *to =
		        sums_at(l, f, rollup_hour_of(row->began_wall), groups[f]);

		if (!to)
			return false;
		if (sums)
			sums_add(to, sums);
		else
			sums_add_row(to, row);
	}
	return true;
}

bool rollup_add(struct ledger *l, const struct attempt_row *row,
                const struct row_labels *labels)
{
	const int64_t *groups = groups_of(l, row, labels);

	return groups && add(l, row, groups, NULL);
}

bool rollup_add_sums(struct ledger *l, const struct attempt_row *row,
                     const struct sums *sums)
{
	int64_t groups[ROLLUP_FAMILIES];

	return find_groups(l, row, groups) && add(l, row, groups, sums);
}
