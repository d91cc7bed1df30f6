/* fault.h - a failure is a row.
 *
 * `fault_t` points to a constant row of fault.def; NULL is success.  The row knows the
 * status, whose fault it is and whether another target may be tried; details for people
 * travel beside it, never in it. */
#pragma once
#include "base/compiler.h"
#include "base/str.h"

/* Whose fault it is.  Only that one is to be blamed: a provider is not ill because a key
 * of ours is, nor because it has as much to do as it can. */
enum fault_owner {
	FAULT_OF_CLIENT,
	FAULT_OF_KEY,      /* our credential there, or the account behind it */
	FAULT_OF_MODEL,    /* that one model of the provider's */
	FAULT_OF_PROVIDER, /* whatever it was asked for */
	FAULT_OF_NETWORK,  /* between here and there; nobody can say whose */
	FAULT_OF_CAPACITY, /* a rate limit: the provider is well, but full for us */
	FAULT_OF_US,
};

/* What follows before the client has been given anything.  "Next" is the route's next
 * target; where there is none, the failure is the answer. */
enum fault_next {
	FAULT_GIVE_UP,
	FAULT_TRY_NEXT,
	FAULT_TRY_SAME, /* once more here, then next */
	FAULT_NEXT_KEY, /* the provider's next key, when all have failed next */
	FAULT_LARGER,   /* the next of those that may have more context */
	FAULT_IF_ASKED, /* next, where the route says on_filter: next */
};

struct fault {
	str name;   /* "CONNECT_FAILED": in logs, records and metrics */
	int status; /* towards the client */
	str type, code;
	enum fault_owner owner;
	enum fault_next next;
	bool again; /* may the same request succeed when the client sends it again? */
	str text;
};

typedef const struct fault *fault_t;

/* One-row arrays, so that FAULT_NO_KEY is a fault_t. */
#define FAULT(name, status, type, code, owner, next, again, text)                        \
	extern const struct fault FAULT_##name[1];
#include "base/fault.def"
#undef FAULT

enum fault_id {
	FAULT_ID_NONE,
#define FAULT(name, status, type, code, owner, next, again, text) FAULT_ID_##name,
#include "base/fault.def"
#undef FAULT
	FAULT_IDS,
};

/* All rows by id, [0] is NULL; for tests, docs and records on disk. */
fault_t fault_by_id(enum fault_id id);
/* Is it something that became of asking a provider, and no fault of the request's or
 * ours?
 */
static inline bool fault_is_upstream(fault_t fault)
{
	return fault->owner != FAULT_OF_CLIENT && fault->owner != FAULT_OF_US;
}
/* 0 for NULL. Ids are stable only within one build; records store names. */
enum fault_id fault_id_of(fault_t fault);
