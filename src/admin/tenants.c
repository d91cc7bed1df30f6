/* tenants.c - see tenants.h.
 *
 * A change is made of the node as it is now: read, patched, written under the next
 * serial.  When somebody else's change came between, the ledger says so, and it is begun
 * anew. */
#include "admin/tenants.h"

#include "admin/keys.h"
#include "base/mem.h"
#include "codec/text.h"
#include "loop/sys.h"

enum { TRIES = 5, BODY_MOST = 64 * KiB };

/* A node as it was read. */
struct node {
	struct tenant_row row;
	struct key_secret secret;
	bool is_found;
};

/* ---- reading ---- */

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

static enum tenants_result unreadable(struct tenants *t)
{
	buf_addf(t->why, "the ledger could not be read: %s",
	         ledger_error(t->ledger, NULL));
	return TENANTS_FAILED;
}

static bool find_id(struct tenants *t, uint64_t id, struct node *ret)
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

static enum tenants_result not_found(struct tenants *t, enum tenant_kind kind, str which)
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
	return TENANTS_NOT_FOUND;
}

/* By name: the active one, else one that was revoked. */
static enum tenants_result find_name(struct tenants *t, enum tenant_kind kind, str name,
                                     uint64_t parent, struct node *ret)
{
	struct reading r = {
		.keep = t->keep, .node = ret, .parent = parent, .active = true
	};

	*ret = (struct node){ 0 };
	if (!ledger_tenants_named(t->ledger, kind, name, read_node, &r))
		return unreadable(t);
	if (r.count > 1) {
		buf_addf(t->why,
		         "there is more than one %.*s \"%.*s\"; name it by its id",
		         STR_ARG(tenant_kind_name(kind)),
		         STR_ARG(str_first(name, TENANT_NAME_MOST)));
		return TENANTS_INVALID;
	}
	r.active = false;
	if (r.count == 0 && !ledger_tenants_named(t->ledger, kind, name, read_node, &r))
		return unreadable(t);
	return ret->is_found ? TENANTS_DONE : not_found(t, kind, name);
}

static enum tenants_result find(struct tenants *t, enum tenant_kind kind, str which,
                                struct node *ret)
{
	uint64_t id;

	if (key_id_parse(which, &id)) {
		if (!find_id(t, id, ret))
			return unreadable(t);
		if (ret->is_found && ret->row.kind == kind)
			return TENANTS_DONE;
	}
	return find_name(t, kind, which, 0, ret);
}

/* ---- writing ---- */

static enum tenants_result write_node(struct tenants *t, const struct node *n,
                                      const struct key_secret *secret, bool *ret_done)
{
	size_t before = t->why->len;

	if (t->recorder
	            ? recorder_tenant_put(t->recorder, &n->row, secret, ret_done, t->why)
	            : ledger_tenant_put(t->ledger, &n->row, secret, ret_done))
		return TENANTS_DONE;
	if (t->why->len == before)
		buf_addf(t->why, "the change could not be written: %s",
		         ledger_error(t->ledger, NULL));
	return TENANTS_FAILED;
}

static void write_object(struct tenants *t, const struct node *n, struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	tenant_write(&w, &n->row, &n->secret, t->wall);
	json_close(&w, '}');
}

/* What was changed is told to the gateway first. */
static void tell(struct tenants *t, const char *action, const struct node *before,
                 const struct node *after)
{
	bool is_key = after->row.kind == TENANT_KEY;
	struct buf old = BUF_LIMIT(64 * KiB), now = BUF_LIMIT(64 * KiB);

	if (t->changed)
		t->changed(t->arg, &after->row, is_key ? &after->secret : NULL);
	if (!t->audit)
		return;
	if (before)
		write_object(t, before, &old);
	write_object(t, after, &now);
	t->audit(t->arg, &(struct tenant_change){
	                         .actor = t->actor,
	                         .action = str_from_z(action),
	                         .kind = after->row.kind,
	                         .id = after->row.id,
	                         .name = after->row.name,
	                         .before = buf_str(&old),
	                         .after = buf_str(&now),
	                 });
	buf_free(&old);
	buf_free(&now);
}

static void write_new_key(struct json_writer *to, char text[KEY_TEXT])
{
	json_key_str(to, STR("key"), str_of(text, KEY_TEXT));
	mem_wipe(text, KEY_TEXT);
}

/* ---- create ---- */

/* What may stand above a node of that kind, the usual one first. */
static const struct parent_row {
	enum tenant_kind kind, parent;
} parents[] = {
	{ TENANT_TEAM, TENANT_ORGANISATION }, { TENANT_KEY, TENANT_TEAM },
	{ TENANT_KEY, TENANT_ORGANISATION },  { TENANT_USER, TENANT_KEY },
	{ TENANT_USER, TENANT_TEAM },         { TENANT_USER, TENANT_ORGANISATION },
};

/* A parent by id or name, of any kind that may be one. */
static enum tenants_result find_parent(struct tenants *t, enum tenant_kind kind,
                                       str which, struct node *ret)
{
	enum tenants_result result = TENANTS_NOT_FOUND;
	size_t said = t->why->len, usual = said;

	for (size_t i = 0; i < countof(parents) && result == TENANTS_NOT_FOUND; i++) {
		if (parents[i].kind != kind)
			continue;
		t->why->len = usual; /* the first one's suggestion is the best */
		result = find(t, parents[i].parent, which, ret);
		if (usual == said)
			usual = t->why->len;
	}
	if (result == TENANTS_DONE) {
		t->why->len = said;
		if (ret->row.revoked_wall == 0)
			return TENANTS_DONE;
		buf_addf(t->why, "the %.*s \"%.*s\" is revoked",
		         STR_ARG(tenant_kind_name(ret->row.kind)),
		         STR_ARG(ret->row.name));
	} else if (result == TENANTS_NOT_FOUND) {
		t->why->len = usual;
	}
	t->param = STR("parent");
	return result == TENANTS_FAILED ? result : TENANTS_INVALID;
}

static bool is_parent_member(str name)
{
	return str_eq(name, STR("parent")) || str_eq(name, STR("team")) ||
	       str_eq(name, STR("organisation"));
}

static enum tenants_result check_body(struct tenants *t, struct json_value body)
{
	if (body.type == JSON_OBJECT && body.raw.len <= BODY_MOST)
		return TENANTS_DONE;
	buf_add(t->why, body.type == JSON_OBJECT
	                        ? STR("this is too long")
	                        : STR("what is to be set is a JSON object"));
	return TENANTS_INVALID;
}

/* Name and parent out of the body; *ret_rest is an object of what remains. */
static enum tenants_result take_head(struct tenants *t, struct json_value body,
                                     str *ret_name, str *ret_parent, str *ret_rest)
{
	struct buf rest = BUF_LIMIT(2 * BODY_MOST);
	struct json_member m;

	*ret_name = *ret_parent = STR_NONE;
	buf_add_char(&rest, '{');
	for (struct json_iter it = json_iter(body); json_next(&it, &m);) {
		bool is_name = str_eq(m.key, STR("name"));

		if (!is_name && !is_parent_member(m.key)) {
			buf_add(&rest, rest.len > 1 ? STR(",\"") : STR("\""));
			buf_add(&rest, m.key);
			buf_add(&rest, STR("\":"));
			buf_add(&rest, m.value.raw);
			continue;
		}
		if (m.value.type == JSON_NULL)
			continue;
		*(is_name ? ret_name : ret_parent) =
		        json_text(m.value, arena_alloc(t->keep, m.value.raw.len));
	}
	buf_add_char(&rest, '}');
	*ret_rest = arena_copy(t->keep, buf_str(&rest));
	buf_free(&rest);
	if (tenant_name_check(*ret_name, t->why))
		return TENANTS_DONE;
	t->param = STR("name");
	return TENANTS_INVALID;
}

static enum tenants_result check_free(struct tenants *t, const struct tenant_row *row)
{
	struct node other = { 0 };
	struct reading r = {
		.keep = t->keep, .node = &other, .parent = row->parent, .active = true
	};

	if (row->kind == TENANT_KEY)
		return TENANTS_DONE;
	if (!ledger_tenants_named(t->ledger, row->kind, row->name, read_node, &r))
		return unreadable(t);
	if (r.count == 0)
		return TENANTS_DONE;
	t->param = STR("name");
	buf_addf(t->why, "there is a %.*s \"%.*s\" already",
	         STR_ARG(tenant_kind_name(row->kind)), STR_ARG(row->name));
	return TENANTS_TAKEN;
}

static enum tenants_result put_new(struct tenants *t, struct node *n, char text[KEY_TEXT])
{
	enum tenants_result result = TENANTS_DONE;
	bool is_key = n->row.kind == TENANT_KEY, is_done = false;

	/* An id of 48 random bits is taken hardly ever, but it may be. */
	for (int i = 0; i < TRIES && result == TENANTS_DONE && !is_done; i++) {
		key_generate(text, &n->row.id);
		if (is_key)
			key_mac(t->pepper, str_of(text, KEY_TEXT), n->secret.mac);
		result = write_node(t, n, is_key ? &n->secret : NULL, &is_done);
	}
	if (result == TENANTS_DONE && !is_done) {
		buf_add(t->why, STR("no id was free"));
		result = TENANTS_FAILED;
	}
	return result;
}

enum tenants_result tenants_create(struct tenants *t, enum tenant_kind kind,
                                   struct json_value body, struct json_writer *to)
{
	struct node n = { .row = { .kind = kind,
		                   .created_wall = t->wall,
		                   .serial = 1,
		                   .caps = TENANT_CAPS_NONE,
		                   .per_user = TENANT_CAPS_NONE } };
	struct json_value set = { .type = JSON_OBJECT };
	enum tenants_result result;
	struct node parent;
	char text[KEY_TEXT];
	str above;

	result = check_body(t, body);
	if (!result)
		result = take_head(t, body, &n.row.name, &above, &set.raw);
	if (!result && kind == TENANT_ORGANISATION && above.len) {
		buf_add(t->why, STR("an organisation has nothing above it"));
		t->param = STR("parent");
		result = TENANTS_INVALID;
	} else if (!result && kind != TENANT_ORGANISATION) {
		n.row.parent = TENANT_DEFAULT;
		if (above.len && !(result = find_parent(t, kind, above, &parent)))
			n.row.parent = parent.row.id;
	}
	if (!result && !tenant_patch(&n.row, set, t->wall, t->keep, t->why, &t->param))
		result = TENANTS_INVALID;
	if (!result)
		result = check_free(t, &n.row);
	if (!result && (result = put_new(t, &n, text)))
		mem_wipe(text, sizeof(text));
	if (result)
		return result;
	tell(t, "create", NULL, &n);
	tenant_write(to, &n.row, &n.secret, t->wall);
	if (kind == TENANT_KEY)
		write_new_key(to, text);
	mem_wipe(text, sizeof(text));
	return TENANTS_DONE;
}

/* ---- show ---- */

enum tenants_result tenants_show(struct tenants *t, enum tenant_kind kind, str which,
                                 struct json_writer *to)
{
	struct node n;
	enum tenants_result result = find(t, kind, which, &n);

	if (!result)
		tenant_write(to, &n.row, &n.secret, t->wall);
	return result;
}

/* ---- changes ---- */

/* What a change does to a node; UPDATE is wanted again for every try. */
struct step {
	const char *action;
	enum tenants_result (*make)(struct tenants *t, struct node *n, void *arg);
	void *arg;
	bool with_secret;
};

static enum tenants_result change(struct tenants *t, enum tenant_kind kind, str which,
                                  uint64_t serial, const struct step *step,
                                  struct json_writer *to)
{
	for (int i = 0; i < TRIES; i++) {
		struct node before, after;
		bool is_done = false;
		enum tenants_result result = find(t, kind, which, &before);

		if (!result && serial && before.row.serial != serial)
			break;
		after = before;
		if (!result)
			result = step->make(t, &after, step->arg);
		if (result)
			return result;
		if (after.row.serial == before.row.serial) { /* nothing to be done */
			tenant_write(to, &after.row, &after.secret, t->wall);
			return TENANTS_DONE;
		}
		result = write_node(t, &after, step->with_secret ? &after.secret : NULL,
		                    &is_done);
		if (result)
			return result;
		if (!is_done)
			continue;
		tell(t, step->action, &before, &after);
		tenant_write(to, &after.row, &after.secret, t->wall);
		return TENANTS_DONE;
	}
	buf_add(t->why, STR("it was changed by somebody else in the meantime"));
	return TENANTS_STALE;
}

static bool is_active(struct tenants *t, const struct node *n)
{
	if (n->row.revoked_wall == 0)
		return true;
	buf_addf(t->why, "the %.*s \"%.*s\" is revoked",
	         STR_ARG(tenant_kind_name(n->row.kind)), STR_ARG(n->row.name));
	return false;
}

static enum tenants_result make_update(struct tenants *t, struct node *n, void *arg)
{
	const struct json_value *set = arg;

	if (!is_active(t, n) ||
	    !tenant_patch(&n->row, *set, t->wall, t->keep, t->why, &t->param))
		return TENANTS_INVALID;
	n->row.serial++;
	return TENANTS_DONE;
}

enum tenants_result tenants_update(struct tenants *t, enum tenant_kind kind, str which,
                                   uint64_t serial, struct json_value body,
                                   struct json_writer *to)
{
	struct step step = { .action = "update", .make = make_update, .arg = &body };
	enum tenants_result result = check_body(t, body);

	return result ? result : change(t, kind, which, serial, &step, to);
}

struct rotation {
	usec grace;
	char text[KEY_TEXT];
};

/* The id stays: it is in the text. */
static enum tenants_result make_rotation(struct tenants *t, struct node *n, void *arg)
{
	struct rotation *r = arg;
	struct buf id = BUF_LIMIT(32);
	uint64_t other;

	if (!is_active(t, n))
		return TENANTS_INVALID;
	key_generate(r->text, &other);
	buf_add_hex(&id, n->row.id, 12);
	memcpy(r->text + 6, id.ptr, id.len);
	buf_free(&id);
	memcpy(n->secret.previous, n->secret.mac, sizeof(n->secret.mac));
	n->secret.previous_until = r->grace ? t->wall + r->grace : 0;
	key_mac(t->pepper, str_of(r->text, KEY_TEXT), n->secret.mac);
	n->row.serial++;
	return TENANTS_DONE;
}

enum tenants_result tenants_rotate(struct tenants *t, str which, uint64_t serial,
                                   usec grace, struct json_writer *to)
{
	struct rotation r = { .grace = grace };
	struct step step = {
		.action = "rotate", .make = make_rotation, .arg = &r, .with_secret = true
	};
	enum tenants_result result = TENANTS_INVALID;

	if (grace < 0 || grace > TENANTS_GRACE_MOST) {
		buf_add(t->why, STR("the grace of a rotation is 90 days at most"));
		t->param = STR("grace");
	} else {
		result = change(t, TENANT_KEY, which, serial, &step, to);
	}
	if (!result)
		write_new_key(to, r.text);
	mem_wipe(r.text, sizeof(r.text));
	return result;
}

static enum tenants_result make_revocation(struct tenants *t, struct node *n, void *arg)
{
	if (n->row.id == TENANT_DEFAULT) {
		buf_add(t->why, STR("the default organisation cannot be revoked"));
		return TENANTS_INVALID;
	}
	if (n->row.revoked_wall == 0) {
		n->row.revoked_wall = t->wall;
		n->row.serial++;
	}
	return TENANTS_DONE;
}

enum tenants_result tenants_revoke(struct tenants *t, enum tenant_kind kind, str which,
                                   uint64_t serial, struct json_writer *to)
{
	struct step step = { .action = "revoke", .make = make_revocation };

	return change(t, kind, which, serial, &step, to);
}

/* ---- list ---- */

struct listing {
	struct tenants *t;
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
	tenant_write(l->to, row, secret, l->t->wall);
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

enum tenants_result tenants_list(struct tenants *t, enum tenant_kind kind,
                                 const struct tenants_filter *filter,
                                 struct json_writer *to)
{
	struct listing l = { .t = t,
		             .to = to,
		             .active = filter->active,
		             .most = filter->most ? filter->most : TENANTS_PAGE };
	struct node parent = { 0 };

	if (l.most > TENANTS_PAGE_MOST || !parse_cursor(filter->cursor, &l)) {
		t->param = l.most > TENANTS_PAGE_MOST ? STR("limit") : STR("cursor");
		buf_addf(t->why, "%.*s: this is not valid", STR_ARG(t->param));
		return TENANTS_INVALID;
	}
	if (filter->parent.len) {
		enum tenants_result result =
		        find_parent(t, kind, filter->parent, &parent);

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
		return unreadable(t);
	json_close(to, ']');
	write_next(to, &l);
	return TENANTS_DONE;
}
