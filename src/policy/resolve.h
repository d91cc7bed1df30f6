/* resolve.h - from the name a client writes to the targets that may answer.
 *
 * A route's name, `provider/model` (also with "::" or ":"), or a bare model id that the
 * catalogue knows at a configured provider.  Pure: no I/O, the time is not needed. */
#pragma once
#include "base/arena.h"
#include "config/config.h"
#include "wire/catalog.h"

struct access;

struct candidates {
	str route;                 /* empty: a target was named directly */
	const struct target *list; /* in the order of the file or of preference */
	unsigned count;
	enum strategy strategy;
	enum on_empty on_empty;
	enum on_filter on_filter;
	bool comments;
	bool strict; /* nothing may be lost between formats */
	bool phi;    /* nothing of what is said is kept */
	enum resume_mode resume;
	bool tool_hold;
	const struct route_limits *limits;
};

/* NO_SUCH_MODEL when nothing fits, NO_TARGET when all that fits is disabled.  Targets
 * that are not a route's are made in `keep`.  At most TARGETS_MOST: a route has no more,
 * and of the providers that have a bare id the first so many are taken. */
must_check fault_t resolve_model(const struct config *c, str name, struct arena *keep,
                                 struct candidates *ret);

enum { NEAREST = 3 };
/* The names most like `name` that a client with that access could use; returns how many
 * were found. */
unsigned resolve_nearest(const struct config *c, const struct access *access, str name,
                         struct arena *keep, str ret[NEAREST]);
/* "; the nearest names are a, b", when there are such. */
void resolve_add_nearest(const struct config *c, const struct access *access, str name,
                         struct buf *to);
/* Whose model `name` is by itself ("openai/..." or an id whose home is clear), when that
 * provider is one of the catalogue and not of the configuration. */
bool resolve_elsewhere(const struct config *c, str name, struct catalog_provider *ret);
