/* tenant_private.h - a node of the tree, for the files of policy/tenant alone. */
#pragma once
#include "base/compiler.h"
#include "policy/budget.h"
#include "policy/rate.h"
#include "policy/tenant.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum tenant_bits {
	TENANT_HAS_RATES = 1 << 0,     /* rpm, tpm or concurrent */
	TENANT_BOUNDS_USERS = 1 << 1,  /* all of them: per_user */
	TENANT_HAS_USER_ROWS = 1 << 2, /* some of them have rows of their own */
};

struct tenant {
	/* by anybody at any time */
	_Atomic(const struct tenant_row *) row; /* NULL: a leaf that has none */
	_Atomic(struct tenant *) parent;        /* NULL: a root; of a leaf: below it */
	_Atomic unsigned bits;
	_Atomic unsigned counted; /* windows with a budget, now or once: bits */
	struct tenant *root;
	uint64_t id; /* 0: a leaf */
	/* of a root: for all below it */
	atomic_flag lock;
	/* under the root's lock */
	uint32_t running;
	struct rate requests, tokens;
	struct budget budgets[BUDGET_WINDOWS];
	/* of a leaf */
	bool is_leaf;
	_Atomic uint32_t users; /* chains that have it, and its row */
	uint64_t hash;          /* under the leaves' lock, as the rest */
	uint32_t next;          /* in its bucket; number + 1 */
	uint32_t next_row;      /* the same, by its row's id */
	uint8_t name_len;
	char name[TENANT_USER_NAME];
};

enum { NODE_SLOTS = TENANTS_MOST * 2, USER_BUCKETS = TENANT_USERS_MOST };

/* A row that was replaced: some worker may still look at it. */
struct retired {
	struct retired *next;
	usec at;
};

struct tenants {
	const struct calendar *calendar;
	uint64_t seed;
	pthread_mutex_t writing; /* over puts */
	pthread_mutex_t spent;   /* see tenants_hold_spent; taken before `writing` */
	pthread_mutex_t rows;    /* see tenants_hold_rows; taken before `spent` */
	struct retired *retired, **retired_end;
	/* nodes: dense, found by an index of ids, half of it always free; number + 1 */
	_Atomic uint32_t *index; /* NODE_SLOTS */
	struct tenant *nodes;    /* mapped: what is not used costs nothing */
	unsigned count;
	/* leaves */
	atomic_flag lock;
	uint32_t *buckets, *row_buckets;
	struct tenant *leaves;
	unsigned leaf_count;  /* of them in use at some time */
	unsigned hand;        /* the next one that is asked whether it is idle */
	unsigned asked;       /* so many in a row were not, */
	int64_t asked_minute; /* in that minute */
	usec wall;            /* what time it was when a leaf was last asked for */
};

/* Held for a few hundred instructions; a thread that was put to sleep inside is rare. */
static inline void tenant_lock(atomic_flag *lock)
{
	unsigned turns = 0;

	while (unlikely(atomic_flag_test_and_set_explicit(lock, memory_order_acquire))) {
		if (++turns % 1024 == 0)
			sched_yield();
	}
}

static inline void tenant_unlock(atomic_flag *lock)
{
	atomic_flag_clear_explicit(lock, memory_order_release);
}

static inline struct tenant *tenant_parent(const struct tenant *n)
{
	return atomic_load_explicit(&n->parent, memory_order_acquire);
}

static inline const struct tenant_row *tenant_own_row(const struct tenant *n)
{
	return atomic_load_explicit(&n->row, memory_order_acquire);
}

static inline unsigned tenant_bits(const struct tenant *n)
{
	return atomic_load_explicit(&n->bits, memory_order_relaxed);
}

static inline unsigned tenant_counted(const struct tenant *n)
{
	return atomic_load_explicit(&n->counted, memory_order_relaxed);
}

static inline const struct tenant_caps *tenant_caps(const struct tenant *n)
{
	const struct tenant_row *row = tenant_own_row(n);

	return row ? &row->caps : &tenant_own_row(tenant_parent(n))->per_user;
}

/* The windows that are bounded. */
static inline unsigned tenant_budgets(const struct tenant_caps *caps)
{
	unsigned bits = 0;

	for (unsigned w = 0; w < BUDGET_WINDOWS; w++)
		bits |= caps->budget[w] == COST_UNKNOWN ? 0 : 1u << w;
	return bits;
}

/* Those that its own row bounds. */
static inline unsigned tenant_own_budgets(const struct tenant *n)
{
	const struct tenant_row *row = tenant_own_row(n);

	return row ? tenant_budgets(&row->caps) : 0;
}

static inline bool tenant_has_rates(const struct tenant_caps *caps)
{
	return caps->rpm || caps->tpm || caps->concurrent;
}

/* No leaf; NULL: there is none. */
struct tenant *tenants_find(const struct tenants *t, uint64_t id);
/* The user's leaf below that node, held until tenant_leaf_done.  create: made when there
 * is none.  NULL: there is none, or none of the next few places is idle. */
struct tenant *tenants_leaf(struct tenants *t, struct tenant *below, str user,
                            bool create, usec now, usec wall);
/* The same for who has time: NULL when no place at all is idle. */
struct tenant *tenants_make_leaf(struct tenants *t, struct tenant *below, str user,
                                 usec now, usec wall);
/* The one whose user has that row, held as well; NULL: none has. */
struct tenant *tenants_leaf_of_row(struct tenants *t, uint64_t id);
static inline void tenant_leaf_done(struct tenant *leaf)
{
	atomic_fetch_sub_explicit(&leaf->users, 1, memory_order_release);
}

/* ---- by who holds `writing` ---- */

/* The row is there before anybody may count by it.  Returns the windows that were not
 * counted before. */
unsigned tenant_publish(struct tenants *t, struct tenant *n, const struct tenant_row *row,
                        usec now);
/* A row that holds no longer; NULL: frees only those that are old enough. */
void tenants_retire(struct tenants *t, const struct tenant_row *row, usec now);
/* Those windows of the users below a node are told anew, but for those that a row of the
 * user's own bounds: these are known. */
void tenants_restart_users(struct tenants *t, const struct tenant *below,
                           unsigned windows);
/* The same windows are spent up to their limits. */
void tenants_spend_users(struct tenants *t, const struct tenant *below, unsigned windows,
                         usec wall);
/* Those windows of it are. */
void tenant_spend(struct tenants *t, struct tenant *n, unsigned windows, usec wall);
/* A user with limits of its own, in place of those for all users.  Revoked, these hold
 * again.  False: there is no room. */
bool tenants_put_user(struct tenants *t, const struct tenant_row *row,
                      struct tenant *parent, usec now, unsigned *ret_fresh);
