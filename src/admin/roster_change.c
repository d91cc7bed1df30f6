/* roster_change.c - see roster_change.h. */
#include "admin/roster_change.h"

#include "admin/audit.h"
#include "base/mem.h"

void roster_keep(struct roster_kept *k, struct arena *keep, const struct tenant_row *row,
                 const struct key_secret *secret)
{
	str *texts[] = { &k->row.name,   &k->row.downgrade, &k->row.routes,
		         &k->row.models, &k->row.providers, &k->row.regions,
		         &k->row.tags,   &k->row.metadata };

	k->is_set = true;
	k->row = *row;
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = arena_copy(keep, *texts[i]);
	k->has_secret = secret != NULL;
	if (secret)
		k->secret = *secret;
}

void roster_hold(struct tenants *t)
{
	if (t)
		tenants_hold_rows(t);
}

void roster_release(struct tenants *t)
{
	if (t)
		tenants_release_rows(t);
}

bool roster_fits(const struct roster_kept *k, const struct admin_ops *ops, void *arg,
                 struct buf *why)
{
	if (!k->is_set || k->row.serial > 1 || k->row.kind == TENANT_USER || !ops ||
	    !ops->has_room || ops->has_room(arg))
		return true;
	buf_add(why,
	        STR("there are as many keys, teams and organisations as the gateway has "
	            "room for; it forgets those that are revoked when it starts anew"));
	return false;
}

bool roster_tell(const struct roster_kept *k, const struct admin_ops *ops, void *arg,
                 struct buf *why)
{
	if (!k->is_set || !ops ||
	    ops->tenant_changed(arg, &k->row, k->has_secret ? &k->secret : NULL))
		return true;
	buf_add(why,
	        STR("it is written, but not in force: the gateway has no room for it, or "
	            "could not read what was spent; its log says more"));
	return false;
}

void roster_action(const struct roster_change *change, struct buf *to)
{
	buf_addf(to, "%.*ss_%.*s", STR_ARG(tenant_kind_name(change->kind)),
	         STR_ARG(change->action));
}

/* ---- what is asked in a line ---- */

struct asking {
	struct roster *roster;
	struct ledger *writer;
	const struct roster_asker *asker;
	struct roster_kept *kept;
	bool is_traced;
};

static void on_changed(void *arg, const struct tenant_row *row,
                       const struct key_secret *secret)
{
	struct asking *a = arg;

	roster_keep(a->kept, a->roster->keep, row, secret);
}

static void on_audit(void *arg, const struct roster_change *change)
{
	struct asking *a = arg;
	struct buf action = BUF_LIMIT(128), id = BUF_LIMIT(32);
	uint8_t key[AUDIT_KEY];
	struct audit_row row = { .wall = a->roster->wall,
		                 .who = str_from_z(a->asker->who),
		                 .source = str_from_z(a->asker->from),
		                 .before = change->before,
		                 .after = change->after };

	roster_action(change, &action);
	buf_add_hex(&id, change->id, 12);
	row.action = buf_str(&action);
	row.target = buf_str(&id);
	audit_key(a->asker->pepper, key);
	a->is_traced = ledger_audit_add(a->writer, key, &row);
	mem_wipe(key, sizeof(key));
	buf_free(&action);
	buf_free(&id);
}

enum roster_result roster_ask_traced(struct roster *t, struct ledger *l,
                                     const struct roster_asker *asker,
                                     struct json_value request, struct json_writer *to,
                                     struct roster_kept *ret_kept)
{
	struct asking a = { .roster = t, .writer = l, .asker = asker, .kept = ret_kept };
	enum roster_result result;

	*ret_kept = (struct roster_kept){ 0 };
	t->ledger = l;
	t->recorder = NULL;
	t->changed = on_changed;
	t->audit = on_audit;
	t->arg = &a;
	result = roster_ask(t, request, to);
	if (result == ROSTER_DONE && ret_kept->is_set && !a.is_traced) {
		buf_add(t->why, STR("the audit log could not be written"));
		result = ROSTER_FAILED;
	}
	return result;
}
