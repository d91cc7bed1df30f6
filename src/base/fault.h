/* fault.h - a failure is a row.
 *
 * `fault_t` points to a constant row of fault.def; NULL is success.  The row knows the
 * status, whose fault it is and whether another target may be tried; details for people
 * travel beside it, never in it. */
#pragma once
#include "base/compiler.h"
#include "base/str.h"

enum fault_owner { FAULT_OF_CLIENT, FAULT_OF_UPSTREAM, FAULT_OF_US };
enum fault_next { FAULT_GIVE_UP, FAULT_TRY_NEXT, FAULT_TRY_SAME };

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
/* 0 for NULL. Ids are stable only within one build; records store names. */
enum fault_id fault_id_of(fault_t fault);
