/* tenant.h - the tree of who may spend, as all workers see it at the same moment: rates,
 * exchanges at a time, and budgets.
 *
 * An insert-only table of fixed capacity that outlives every reload.  Nodes come from the
 * ledger's rows (store/tenant_row.h) by another thread; a worker asks for the chain of a
 * request and claims on it:
 *
 *     [user leaves] > key > team > organisation
 *
 * A claim holds on every node of the chain or on none, so that nobody is counted who was
 * refused.  All nodes below one organisation are changed under its spinlock; nothing in
 * there blocks, allocates or asks for the time.  A user is a leaf below each node that
 * bounds its users (`per_user`, or a row of the user's own there); requests that name
 * nobody share one.
 *
 * Budgets, at every instant, on every node and window:
 *
 *     spent + reserved <= limit
 *
 * but for what an answer costs beyond its reservation: that is a debt, recorded as spent,
 * and nothing is reserved until a new window begins.  An amount belongs to the window its
 * reservation was made in, however late it is settled (budget.h). */
#pragma once
#include "base/fault.h"
#include "policy/calendar.h"
#include "store/tenant_row.h"

enum {
	TENANTS_MOST = 131072,      /* organisations, teams and keys */
	TENANT_USERS_MOST = 131072, /* leaves */
	TENANT_USER_NAME = 128,     /* bytes of a user's name that count */
	TENANT_CHAIN = 6,           /* three nodes, and a leaf below each */
};

struct tenants;
struct tenant;

/* The calendar is borrowed; seed: random, for users' names come from outside.  There is
 * the default organisation already. */
struct tenants *tenants_new(const struct calendar *calendar, uint64_t seed);
void tenants_free(struct tenants **t);

/* ---- by any thread that is no worker ---- */

/* Puts a node or changes it; its parent has to be there.  *ret_fresh (may be NULL): bits
 * (enum budget_window) of windows that are counted from now on and were not before, so
 * that what the ledger knows of them is to be added; *ret_fresh_users the same for the
 * leaves below it, but for those that a row of the user's own bounds.  Users are counted
 * only while something bounds them: what was once is counted anew.  False: the table is
 * full, the parent is unknown, or the node would change its kind or organisation. */
must_check bool tenants_put(struct tenants *t, const struct tenant_row *row, usec now,
                            unsigned *ret_fresh, unsigned *ret_fresh_users);
/* Is there a node of that id? */
bool tenants_knows(const struct tenants *t, uint64_t id);
/* For so many more nodes there is room; users not counted. */
unsigned tenants_room(struct tenants *t);
/* Held from before the ledger commits a row until that row was put: two threads that
 * change nodes would else put theirs in another order than the ledger has them, and what
 * was revoked would be in force again.  May be held for as long as the ledger takes. */
void tenants_hold_rows(struct tenants *t);
void tenants_release_rows(struct tenants *t);
/* The windows that are counted anywhere: bits. */
unsigned tenants_counted(struct tenants *t);
/* Is some user bounded at all?  Else what the ledger knows need not be told by user. */
bool tenants_bound_users(struct tenants *t);

/* What the ledger knows a key has spent for a user, as part of a team.  Where neither is
 * known the default organisation has spent it. */
struct tenant_spent {
	uint64_t key, team;
	str user;
	enum budget_window window;
	usec wall; /* a moment in that window */
	usec now;  /* to tell which users' places are idle */
	nanousd amount;
	uint64_t only;   /* to that node alone is it told; 0: to all and their users */
	bool only_users; /* and not to that node, but to the users below it */
};
/* Adds it to each node that counts that window.  False: there is no room for the user. */
must_check bool tenants_add_spent(struct tenants *t, const struct tenant_spent *s);

/* Nobody can say what is left of them: those windows of the node or user with that row
 * (bits) are spent up to their limits, and `of_users` of the users below it who are known
 * and have no limits of their own. */
void tenants_take_for_spent(struct tenants *t, uint64_t id, unsigned windows,
                            unsigned of_users, usec wall);

/* An attempt that began at s->wall is charged s->amount more than was told, or less:
 * each node and user it belongs to counts that, in all its windows.  Of *s the rest is
 * not read but whose it was. */
void tenants_correct_spent(struct tenants *t, const struct tenant_spent *s);
/* Held while the ledger's sums come into the tree, and while they change in both: what is
 * read is not corrected a second time.  May be held for as long as the ledger takes. */
void tenants_hold_spent(struct tenants *t);
void tenants_release_spent(struct tenants *t);

/* What is known of a node at the moment; false: there is no such node. */
struct tenant_state {
	nanousd spent[BUDGET_WINDOWS], reserved[BUDGET_WINDOWS]; /* where counted */
	usec resets_wall[BUDGET_WINDOWS]; /* USEC_NEVER: of the total */
	unsigned counted;                 /* bits */
	uint64_t requests, tokens;        /* in the minute */
	uint32_t running;
};
bool tenants_look(struct tenants *t, uint64_t id, usec now, usec wall,
                  struct tenant_state *ret);
/* The same of a user's leaf below that node. */
bool tenants_look_user(struct tenants *t, uint64_t below, str user, usec now, usec wall,
                       struct tenant_state *ret);

/* A budget, and what is left of it: below 0, a debt. */
struct tenant_left {
	const struct tenant_row *row; /* good for some minutes */
	enum budget_window window;
	nanousd left; /* neither spent nor set aside */
};
/* Tells every budget of nodes and of users with rows of their own, the oldest first; not
 * of who is revoked or expired, or below somebody who is.  `see` calls nothing here. */
void tenants_each_budget(struct tenants *t, usec now, usec wall,
                         void (*see)(void *arg, const struct tenant_left *left),
                         void *arg);

/* ---- by workers ---- */

/* What a node is.  Good for some minutes after it was changed: keep what you need. */
const struct tenant_row *tenant_row(const struct tenant *n);

struct tenant_chain {
	struct tenants *tenants;
	struct tenant *at[TENANT_CHAIN]; /* from the leaves up; the last is the root */
	uint8_t count, leaves;           /* so many of these come first */
	bool admitted;                   /* an exchange runs on it */
	bool bounded;                    /* some node had a bound when it was asked for */
	uint64_t tokens;                 /* claimed by it */
	usec admitted_at;
};

/* The chain of a request; key 0 and keys without a row: the default organisation alone.
 * NULL, BAD_KEY (the key or what it belongs to is revoked), KEY_EXPIRED (the same, or a
 * user's own row), or TENANTS_FULL.  tenant_chain_done gives it back. */
fault_t tenants_chain(struct tenants *t, uint64_t key, str user, usec now, usec wall,
                      struct tenant_chain *ret);
/* The node of the chain that is of that kind (no user); NULL: none. */
const struct tenant *tenant_chain_of(const struct tenant_chain *c, enum tenant_kind kind);
/* Ends the exchange, if one runs on it: `used` tokens in place of those that were
 * claimed. */
void tenant_chain_done(struct tenant_chain *c, uint64_t used, usec now);

/* What refused a claim. */
enum tenant_cap {
	TENANT_BUDGET, /* + enum budget_window */
	TENANT_RPM = TENANT_BUDGET + BUDGET_WINDOWS,
	TENANT_TPM,
	TENANT_CONCURRENT,
};

struct tenant_refusal {
	const struct tenant_row
	        *row;  /* of the node; of a leaf: of the node it is below */
	bool per_user; /* it was a leaf */
	enum tenant_cap cap;
	int64_t used, limit; /* nano-dollars for budgets, with what is set aside */
	nanousd reserved;    /* of `used`, set aside for what runs */
	/* A budget has this much unspent: there may be room as soon as what runs has
	 * ended, and `wait` is how long at most. */
	bool passes;
	usec wait;        /* how long until there may be room; 0: when another ends */
	usec resets_wall; /* when a budget's window ends; USEC_NEVER: never */
	str downgrade;    /* of the first node that refused and has one; on loan */
	/* of budgets: the strictest of all nodes that refused */
	enum on_exhausted on_exhausted;
};

/* The tightest of the chain, for x-ratelimit-*; limit 0: not bounded. */
struct tenant_room {
	uint64_t limit, remaining;
	usec reset; /* how long until all of it is free again */
};
struct tenant_rates {
	struct tenant_room requests, tokens;
};

/* Claims a request, its tokens and its place among those that run.  ret_rates: also set
 * when it is refused. */
must_check bool tenant_admit(struct tenant_chain *c, uint64_t tokens, usec now,
                             struct tenant_rates *ret_rates, struct tenant_refusal *ret);

/* An amount of money, as much as is possible and as much as is likely: nodes with `soft`
 * set the likely one aside. */
struct tenant_amount {
	nanousd most, likely;
};

struct tenant_reservation {
	struct tenant_amount amount;
	usec wall;                  /* it was made then */
	nanousd charged_at_most;    /* what an unknown cost is taken for */
	uint8_t held[TENANT_CHAIN]; /* bits of windows, by node */
	uint8_t soft;               /* bits of nodes */
	bool any;
};

/* Is there a budget on it? Then a price has to be known. */
bool tenant_has_budget(const struct tenant_chain *c);
/* Sets an amount aside on every node and window, or on none.  Without a budget there is
 * nothing to do. */
must_check bool tenant_reserve(struct tenant_chain *c, struct tenant_amount amount,
                               usec wall, struct tenant_reservation *r,
                               struct tenant_refusal *ret);
/* Is some node's share less than the most? */
static inline bool tenant_can_grow(const struct tenant_reservation *r)
{
	return r->soft && r->amount.likely < r->amount.most;
}
/* More of it, in the same windows: on soft nodes until they have set the most aside as
 * well, and from then on, or where none is soft, on all. */
must_check bool tenant_extend(struct tenant_chain *c, struct tenant_reservation *r,
                              nanousd more, struct tenant_refusal *ret);
/* Once: what was set aside is given back, `charged` is spent; COST_UNKNOWN: all of it.
 * Also for an attempt that began before there was a budget. */
void tenant_settle(struct tenant_chain *c, struct tenant_reservation *r, nanousd charged);
/* Before tenant_settle: users who were not counted when the chain was made, and are by
 * now, are charged as well. */
void tenant_settle_user(struct tenant_chain *c, str user,
                        const struct tenant_reservation *r, nanousd charged, usec now,
                        usec wall);
/* What tenant_settle would charge. */
static inline nanousd tenant_charged(const struct tenant_reservation *r, nanousd cost)
{
	return cost == COST_UNKNOWN ? r->charged_at_most : cost;
}
