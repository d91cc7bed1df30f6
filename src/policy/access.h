/* access.h - what a key may ask for: routes, models, providers and regions, as the key
 * and everybody above it allow them.
 *
 * Each level has a list of patterns for each of the four; an empty list allows all.  What
 * is asked for has to be allowed on every level, so a key can narrow what its team
 * allows, and never widen it. */
#pragma once
#include "config/config.h"
#include "policy/tenant.h"

/* The rows of a key and of all above it, on loan. */
struct access {
	const struct tenant_row *rows[TENANT_CHAIN];
	unsigned count;
};

/* The rows of a chain, or of a key's; nothing has to be given back.  Good for some
 * minutes.  A fault of tenants_chain. */
struct access access_of(const struct tenant_chain *chain);
must_check fault_t access_of_key(struct tenants *t, uint64_t key, usec now, usec wall,
                                 struct access *ret);

enum access_answer {
	ACCESS_ALLOWED,
	ACCESS_ROUTE,    /* not over this route, or not past all routes */
	ACCESS_MODEL,    /* not this model */
	ACCESS_PROVIDER, /* not there */
	ACCESS_REGION,   /* not in its region, or nobody knows which that is */
};

/* Is the name one that the patterns mean?  They have commas between them; '*' stands for
 * any bytes, also none. */
bool access_matches(str patterns, str name);

/* Does any level have a list at all?  Without one everything is allowed. */
bool access_is_bounded(const struct access *a);
/* May it ask for that target over that route (empty: the target was named directly)?  A
 * model is meant by its name, by provider/model, and by the name of the route, which is a
 * model's to clients.  *ret_by (may be NULL): the row that does not allow it. */
enum access_answer access_target(const struct access *a, str route,
                                 const struct target *target,
                                 const struct tenant_row **ret_by);
/* The same for a provider alone: what is kept there is asked for by its id. */
enum access_answer access_provider(const struct access *a,
                                   const struct provider *provider,
                                   const struct tenant_row **ret_by);
/* May it ask for at least one of the route's targets over it?  If not, the route's name
 * is not told either. */
bool access_route(const struct access *a, const struct route *route);
/* What is said of it, for people. */
str access_text(enum access_answer answer);
