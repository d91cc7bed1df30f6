/* tenant_row.h - who may spend: organisations, their teams, and the keys of these, as the
 * ledger keeps them.
 *
 * A tree of at most four levels: organisation > team > key > user.  A user is whom a
 * request names (`user`, metadata.user_id, x-sluice-user); it has no row unless it has
 * limits of its own.  What a node may do is bounded by itself and by all above it. */
#pragma once
#include "base/money.h"
#include "base/str.h"
#include "base/usec.h"

enum tenant_kind {
	TENANT_ORGANISATION,
	TENANT_TEAM,
	TENANT_KEY,
	TENANT_USER,
};

/* The organisation of whoever has no other. */
enum { TENANT_DEFAULT = 1 };

enum budget_window {
	BUDGET_HOUR, /* of the wall clock, in the configured time zone, as all of these */
	BUDGET_DAY,
	BUDGET_WEEK, /* from Monday */
	BUDGET_MONTH,
	BUDGET_TOTAL, /* for ever */
	BUDGET_WINDOWS,
};

/* 0 and COST_UNKNOWN: not bounded. */
struct tenant_caps {
	uint32_t rpm;                   /* requests in any minute */
	uint32_t tpm;                   /* tokens in any minute */
	uint32_t concurrent;            /* exchanges at a time */
	nanousd budget[BUDGET_WINDOWS]; /* several at once */
};
/* Nothing is bounded; an initialiser. */
#define TENANT_CAPS_NONE                                                                 \
	{                                                                                \
		.budget = {                                                              \
			COST_UNKNOWN,                                                    \
			COST_UNKNOWN,                                                    \
			COST_UNKNOWN,                                                    \
			COST_UNKNOWN,                                                    \
			COST_UNKNOWN                                                     \
		}                                                                        \
	}

/* A stream has come to the end of what was reserved for it, and there is no more. */
enum on_exhausted {
	EXHAUSTED_FINISH, /* it goes on; what it takes beyond is a debt */
	EXHAUSTED_STOP,   /* it ends as if its max_tokens were reached */
	EXHAUSTED_ERROR,  /* it ends with an error */
};

struct tenant_row {
	uint64_t id; /* 48 random bits; as text 12 hex digits */
	enum tenant_kind kind;
	uint64_t parent; /* 0: an organisation */
	str name;
	usec created_wall;
	usec revoked_wall; /* 0: active */
	usec expires_wall; /* 0: never */
	uint64_t serial;   /* rises with each change: its ETag */
	struct tenant_caps caps;
	struct tenant_caps per_user; /* of every user below it that has no row */
	bool soft; /* budgets reserve what is likely, not what is possible */
	bool phi;  /* nothing of what is said is kept, and only providers marked for it */
	enum on_exhausted on_exhausted;
	str downgrade; /* the route that is used once a budget is spent; or empty: refused
	                */
	/* Patterns with *, separated by commas; empty: all. */
	str routes, models, providers, regions;
	str tags;     /* "name=value,name=value": stand on each of its rows */
	str metadata; /* a JSON object, for whoever made it; or empty */
	bool cut;     /* not kept: it is revoked, and what is under way ends as well */
};

/* What a key is known by: MACs of its whole text (config/key.h). */
struct key_secret {
	uint8_t mac[32];
	uint8_t previous[32]; /* of the text before its last rotation */
	usec previous_until;  /* wall: so long that one is good as well; 0: there is none
	                       */
};
