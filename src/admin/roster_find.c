/* roster_find.c - a node by its id or its name, and what is said when there is none. */
#include "admin/roster_find.h"

#include "admin/keys.h"

struct reading {
	struct arena *keep;
	struct node *node;
	uint64_t parent; /* only of that one; 0: any */
	bool active;     /* only active ones */
	unsigned count;
};

static void keep_row(struct arena *keep, struct tenant_row *row)
{
	str *const texts[] = { &row->name,   &row->downgrade, &row->routes,
		               &row->models, &row->providers, &row->regions,
		               &row->tags,   &row->metadata };

	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = arena_copy(keep, *texts[i]);
}

static bool read_node(void *arg, const struct tenant_row *row,
                      const struct key_secret *secret)
{
	struct reading *r = arg;

	if ((r->parent && row->parent != r->parent) ||
	    (r->active && row->revoked_wall != 0))
		return true;
	if (r->count++ > 0)
		return false; /* two are too many already */
	*r->node = (struct node){ .row = *row, .is_found = true };
	if (secret)
		r->node->secret = *secret;
	keep_row(r->keep, &r->node->row);
	return true;
}

enum roster_result roster_unreadable(struct roster *t)
{
	buf_addf(t->why, "the ledger could not be read: %s",
	         ledger_error(t->ledger, NULL));
	return ROSTER_FAILED;
}

static bool find_id(struct roster *t, uint64_t id, struct node *ret)
{
	struct reading r = { .keep = t->keep, .node = ret };

	*ret = (struct node){ 0 };
	return ledger_tenant(t->ledger, id, read_node, &r);
}

struct nearest {
	str wanted, best;
	unsigned distance;
	struct arena *keep;
};

static bool consider(void *arg, const struct tenant_row *row,
                     const struct key_secret *secret)
{
	struct nearest *n = arg;
	unsigned distance = str_distance(n->wanted, row->name, 3);

	if (row->revoked_wall == 0 && distance < n->distance) {
		n->distance = distance;
		n->best = arena_copy(n->keep, row->name);
	}
	return n->distance > 0;
}

static enum roster_result not_found(struct roster *t, enum tenant_kind kind, str which)
{
	struct nearest n = { .wanted = which, .distance = 4, .keep = t->keep };
	str name = tenant_kind_name(kind);
	uint64_t id;

	/* The whole text of a key is nobody's to read. */
	if (key_parse_id(which, &id))
		which = str_of(which.ptr + 6, 12);
	buf_addf(t->why, "there is no %.*s \"%.*s\"", STR_ARG(name),
	         STR_ARG(str_first(which, TENANT_NAME_MOST)));
	if (ledger_tenants_of(t->ledger, kind, 0, 0, 10000, consider, &n) && n.best.len)
		buf_addf(t->why, "; did you mean \"%.*s\"?", STR_ARG(n.best));
	return ROSTER_NOT_FOUND;
}

/* By name: the active one, else one that was revoked. */
static enum roster_result find_name(struct roster *t, enum tenant_kind kind, str name,
                                    uint64_t parent, struct node *ret)
{
	struct reading r = {
		.keep = t->keep, .node = ret, .parent = parent, .active = true
	};

	*ret = (struct node){ 0 };
	if (!ledger_tenants_named(t->ledger, kind, name, read_node, &r))
		return roster_unreadable(t);
	if (r.count > 1) {
		buf_addf(t->why,
		         "there is more than one %.*s \"%.*s\"; name it by its id",
		         STR_ARG(tenant_kind_name(kind)),
		         STR_ARG(str_first(name, TENANT_NAME_MOST)));
		return ROSTER_INVALID;
	}
	r.active = false;
	if (r.count == 0 && !ledger_tenants_named(t->ledger, kind, name, read_node, &r))
		return roster_unreadable(t);
	return ret->is_found ? ROSTER_DONE : not_found(t, kind, name);
}

enum roster_result roster_find(struct roster *t, enum tenant_kind kind, str which,
                               struct node *ret)
{
	uint64_t id;

	if (key_id_parse(which, &id)) {
		if (!find_id(t, id, ret))
			return roster_unreadable(t);
		if (ret->is_found && ret->row.kind == kind)
			return ROSTER_DONE;
	}
	return find_name(t, kind, which, 0, ret);
}

/* ---- parents and names ---- */

/* What may stand above a node of that kind, the usual one first. */
static const struct parent_row {
	enum tenant_kind kind, parent;
} parents[] = {
	{ TENANT_TEAM, TENANT_ORGANISATION }, { TENANT_KEY, TENANT_TEAM },
	{ TENANT_KEY, TENANT_ORGANISATION },  { TENANT_USER, TENANT_KEY },
	{ TENANT_USER, TENANT_TEAM },         { TENANT_USER, TENANT_ORGANISATION },
};

/* A parent by id or name, of any kind that may be one. */
enum roster_result roster_find_parent(struct roster *t, enum tenant_kind kind, str which,
                                      struct node *ret)
{
	enum roster_result result = ROSTER_NOT_FOUND;
	size_t said = t->why->len, usual = said;

	t->param = STR("parent");
	if (kind == TENANT_ORGANISATION) {
		buf_add(t->why, STR("an organisation has nothing above it"));
		return ROSTER_INVALID;
	}
	for (size_t i = 0; i < countof(parents) && result == ROSTER_NOT_FOUND; i++) {
		if (parents[i].kind != kind)
			continue;
		t->why->len = usual; /* the first one's suggestion is the best */
		result = roster_find(t, parents[i].parent, which, ret);
		if (usual == said)
			usual = t->why->len;
	}
	if (result == ROSTER_DONE) {
		t->why->len = said;
		if (ret->row.revoked_wall == 0) {
			t->param = STR_NONE;
			return ROSTER_DONE;
		}
		buf_addf(t->why, "the %.*s \"%.*s\" is revoked",
		         STR_ARG(tenant_kind_name(ret->row.kind)),
		         STR_ARG(ret->row.name));
	} else if (result == ROSTER_NOT_FOUND) {
		t->why->len = usual;
	}
	return result == ROSTER_FAILED ? result : ROSTER_INVALID;
}

enum roster_result roster_check_free(struct roster *t, const struct tenant_row *row)
{
	struct node other = { 0 };
	struct reading r = {
		.keep = t->keep, .node = &other, .parent = row->parent, .active = true
	};

	if (row->kind == TENANT_KEY)
		return ROSTER_DONE;
	if (!ledger_tenants_named(t->ledger, row->kind, row->name, read_node, &r))
		return roster_unreadable(t);
	if (r.count == 0)
		return ROSTER_DONE;
	t->param = STR("name");
	buf_addf(t->why, "there is a %.*s \"%.*s\" already",
	         STR_ARG(tenant_kind_name(row->kind)), STR_ARG(row->name));
	return ROSTER_TAKEN;
}

enum roster_result roster_key_id(struct roster *t, str which, uint64_t *ret)
{
	struct node n;
	enum roster_result result = roster_find(t, TENANT_KEY, which, &n);

	if (!result)
		*ret = n.row.id;
	return result;
}
