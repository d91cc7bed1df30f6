#include "main/nodes.h"

#include "base/log.h"
#include "loop/sys.h"
#include "main/spent.h"

/* Rules first: nobody is let in before they hold.  False: it is not in force. */
static bool put_tenant(struct gateway *g, const struct tenant_row *row,
                       const struct key_secret *secret, bool holds)
{
	bool fits = true;

	if (!holds)
		log_error("the limits of \"%.*s\" are not in force as they are written: "
		          "there are too many keys, teams and users, or what was spent "
		          "could not be read",
		          STR_ARG(row->name));
	if ((holds || row->revoked_wall) && row->kind != TENANT_USER)
		fits = keyring_put(g->keys, row, secret);
	if (!fits)
		log_error("there are more than %d keys and teams; \"%.*s\" is not active",
		          KEYRING_MOST, STR_ARG(row->name));
	return holds && fits;
}

/* Who is revoked, or below somebody who is, must take nobody's place.  But what was spent
 * belongs to the organisation above, and is found by the node: these come when all others
 * are in, and leave half of the room that remains to those that will be made. */
struct loading {
	struct gateway *g;
	unsigned gone_keys, skip; /* so many, the oldest, find no room */
};

static bool load_active(void *arg, const struct tenant_row *row,
                        const struct key_secret *secret)
{
	struct loading *l = arg;
	struct tenants *t = l->g->tenants;
	bool is_below = row->kind == TENANT_ORGANISATION || tenants_knows(t, row->parent);

	if (row->revoked_wall || !is_below)
		l->gone_keys += row->kind == TENANT_KEY;
	else
		(void)put_tenant(l->g, row, secret,
		                 tenants_put(t, row, sys_now(), NULL, NULL));
	return true;
}

static bool load_gone(void *arg, const struct tenant_row *row,
                      const struct key_secret *secret)
{
	struct loading *l = arg;
	struct tenants *t = l->g->tenants;

	(void)secret;
	if (row->kind == TENANT_USER || tenants_knows(t, row->id))
		return true;
	if (row->kind == TENANT_KEY && l->skip > 0)
		l->skip--;
	else if (!tenants_put(t, row, sys_now(), NULL, NULL))
		return false; /* full */
	return true;
}

bool nodes_load(struct gateway *g, struct ledger *l)
{
	struct loading loading = { .g = g };
	unsigned room;

	if (!ledger_tenants(l, load_active, &loading))
		return false;
	room = tenants_room(g->tenants) / 2;
	if (loading.gone_keys > room)
		loading.skip = loading.gone_keys - room;
	return ledger_tenants(l, load_gone, &loading);
}

bool nodes_put(struct gateway *g, const struct tenant_row *row,
               const struct key_secret *secret)
{
	return put_tenant(g, row, secret, spent_put(g, row));
}
