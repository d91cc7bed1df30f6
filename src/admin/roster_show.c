/* roster_show.c - what is shown of the roster's nodes: one of them, or a page. */
#include "admin/roster_find.h"

#include "codec/text.h"

/* ---- a node ---- */

/* What a node belongs to. */
struct named {
	char name[TENANT_NAME_MOST];
	size_t len;
	enum tenant_kind kind;
	str state;
	uint64_t above;
	usec wall;
};

static bool take_name(void *arg, const struct tenant_row *row,
                      const struct key_secret *secret)
{
	struct named *n = arg;
	str name = str_first(row->name, sizeof(n->name));

	if (name.len)
		memcpy(n->name, name.ptr, name.len);
	n->len = name.len;
	n->kind = row->kind;
	n->state = tenant_state(row, n->wall);
	n->above = row->parent;
	return false;
}

/* A key of a team that is revoked is in force by itself, and good for nothing. */
static void write_above(const struct named *n, struct json_writer *to)
{
	struct buf text = BUF_LIMIT(64);

	buf_addf(&text, "%.*s %.*s", STR_ARG(tenant_kind_name(n->kind)),
	         STR_ARG(n->state));
	json_key_str(to, STR("ended_above"), buf_str(&text));
	buf_free(&text);
}

void roster_write(struct roster *t, const struct tenant_row *row,
                  const struct key_secret *secret, struct json_writer *to)
{
	struct named parent = { .wall = t->wall }, above;

	if (row->parent && !ledger_tenant(t->ledger, row->parent, take_name, &parent))
		parent = (struct named){ .wall = t->wall };
	tenant_write(to, row, secret, str_of(parent.name, parent.len), t->wall);
	above = parent;
	while (str_eq(above.state, STR("active")) && above.above) {
		uint64_t next = above.above;

		above = (struct named){ .wall = t->wall };
		if (!ledger_tenant(t->ledger, next, take_name, &above))
			return;
	}
	if (above.state.len && !str_eq(above.state, STR("active")))
		write_above(&above, to);
}

/* ---- one ---- */

/* The ledger knows the hour of what was used before this gateway began.  False: it cannot
 * be read. */
static bool write_use(struct roster *t, const struct tenant_row *row,
                      struct json_writer *to)
{
	struct tenant_state state;
	usec used = 0, hour = 0;
	bool is_live = t->look && t->look(t->arg, row->id, &state, &used);

	if (row->kind == TENANT_KEY && !used &&
	    !ledger_key_used(t->ledger, row->id, &hour))
		return false;
	tenant_write_use(to, row, is_live ? &state : NULL, used ? used : hour);
	return true;
}

enum roster_result roster_show(struct roster *t, enum tenant_kind kind, str which,
                               struct json_writer *to)
{
	struct node n;
	enum roster_result result = roster_find(t, kind, which, &n);

	if (result)
		return result;
	roster_write(t, &n.row, &n.secret, to);
	return write_use(t, &n.row, to) ? ROSTER_DONE : roster_unreadable(t);
}

/* ---- a page of them ---- */

struct listing {
	struct roster *t;
	struct json_writer *to;
	uint64_t parent;
	bool active;
	unsigned most, count;
	bool has_more;
	usec created; /* of the last one written, as the next */
	uint64_t id;
};

static bool list_node(void *arg, const struct tenant_row *row,
                      const struct key_secret *secret)
{
	struct listing *l = arg;

	if ((l->parent && row->parent != l->parent) ||
	    (l->active && (row->revoked_wall ||
	                   (row->expires_wall && row->expires_wall <= l->t->wall))))
		return true;
	if (l->count == l->most) {
		l->has_more = true;
		return false;
	}
	l->count++;
	l->created = row->created_wall;
	l->id = row->id;
	json_open(l->to, '{');
	roster_write(l->t, row, secret, l->to);
	json_close(l->to, '}');
	return !l->to->to->over;
}

/* 16 hex digits of the time, 12 of the id. */
static bool parse_cursor(str text, struct listing *l)
{
	uint64_t created = 0;

	if (text.len == 0)
		return true;
	if (text.len != 28 || !hex_to_u64(str_first(text, 16), &created) ||
	    !hex_to_u64(str_from(text, 16), &l->id) || created > INT64_MAX)
		return false;
	l->created = (usec)created;
	return true;
}

static void write_next(struct json_writer *to, const struct listing *l)
{
	struct buf text = BUF_LIMIT(64);

	json_key(to, STR("next"));
	if (l->has_more) {
		buf_add_hex(&text, (uint64_t)l->created, 16);
		buf_add_hex(&text, l->id, 12);
		json_str(to, buf_str(&text));
	} else {
		json_null(to);
	}
	buf_free(&text);
}

enum roster_result roster_list(struct roster *t, enum tenant_kind kind,
                               const struct roster_filter *filter, struct json_writer *to)
{
	struct listing l = { .t = t,
		             .to = to,
		             .active = filter->active,
		             .most = filter->most ? filter->most : ROSTER_PAGE };
	struct node parent = { 0 };

	if (l.most > ROSTER_PAGE_MOST || !parse_cursor(filter->cursor, &l)) {
		t->param = l.most > ROSTER_PAGE_MOST ? STR("limit") : STR("cursor");
		buf_addf(t->why, "%.*s: this is not valid", STR_ARG(t->param));
		return ROSTER_INVALID;
	}
	if (filter->parent.len) {
		enum roster_result result =
		        roster_find_parent(t, kind, filter->parent, &parent);

		/* What is revoked can still be looked into. */
		if (result && !parent.is_found)
			return result;
		buf_clear(t->why);
		l.parent = parent.row.id;
	}
	json_key(to, STR("data"));
	json_open(to, '[');
	if (!ledger_tenants_of(t->ledger, kind, l.created, l.id, UINT32_MAX, list_node,
	                       &l))
		return roster_unreadable(t);
	json_close(to, ']');
	write_next(to, &l);
	return ROSTER_DONE;
}
