/* roster.c - see roster.h.
 *
 * A change is made of the node as it is now: read, patched, written under the next
 * serial.  When somebody else's change came between, the ledger says so, and it is begun
 * anew.  What is shown of nodes is roster_show.c's. */
#include "admin/roster_find.h"

#include "base/mem.h"

enum { TRIES = 5, BODY_MOST = 64 * KiB };

/* ---- writing ---- */

static enum roster_result write_node(struct roster *t, const struct node *n,
                                     const struct key_secret *secret, bool *ret_done)
{
	size_t before = t->why->len;

	if (t->recorder
	            ? recorder_tenant_put(t->recorder, &n->row, secret, ret_done, t->why)
	            : ledger_tenant_put(t->ledger, &n->row, secret, ret_done))
		return ROSTER_DONE;
	if (t->why->len == before)
		buf_addf(t->why, "the change could not be written: %s",
		         ledger_error(t->ledger, NULL));
	return ROSTER_FAILED;
}

static void write_object(struct roster *t, const struct node *n, struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	tenant_write(&w, &n->row, &n->secret, STR_NONE, t->wall);
	json_close(&w, '}');
}

/* What was changed is told to the gateway first. */
static void tell(struct roster *t, const char *action, const struct node *before,
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
	t->audit(t->arg, &(struct roster_change){
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

static bool is_parent_member(str name)
{
	return str_eq(name, STR("parent")) || str_eq(name, STR("team")) ||
	       str_eq(name, STR("organisation"));
}

static enum roster_result check_body(struct roster *t, struct json_value body)
{
	if (body.type == JSON_OBJECT && body.raw.len <= BODY_MOST)
		return ROSTER_DONE;
	buf_add(t->why, body.type == JSON_OBJECT
	                        ? STR("this is too long")
	                        : STR("what is to be set is a JSON object"));
	return ROSTER_INVALID;
}

static enum roster_result two_parents(struct roster *t, str member)
{
	t->param = arena_copy(t->keep, member);
	buf_addf(t->why, "%.*s: what it belongs to is named twice", STR_ARG(member));
	return ROSTER_INVALID;
}

/* Name and parent out of the body; *ret_rest is an object of what remains. */
static enum roster_result take_head(struct roster *t, struct json_value body,
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
		if (!is_name && ret_parent->ptr) {
			buf_free(&rest);
			return two_parents(t, m.key);
		}
		*(is_name ? ret_name : ret_parent) =
		        json_text(m.value, arena_alloc(t->keep, m.value.raw.len));
	}
	buf_add_char(&rest, '}');
	*ret_rest = arena_copy(t->keep, buf_str(&rest));
	buf_free(&rest);
	if (tenant_name_check(*ret_name, t->why))
		return ROSTER_DONE;
	t->param = STR("name");
	return ROSTER_INVALID;
}

static enum roster_result put_new(struct roster *t, struct node *n, char text[KEY_TEXT])
{
	enum roster_result result = ROSTER_DONE;
	bool is_key = n->row.kind == TENANT_KEY, is_done = false;

	/* An id of 48 random bits is taken hardly ever, but it may be. */
	for (int i = 0; i < TRIES && result == ROSTER_DONE && !is_done; i++) {
		key_generate(text, &n->row.id);
		if (is_key)
			key_mac(t->pepper, str_of(text, KEY_TEXT), n->secret.mac);
		result = write_node(t, n, is_key ? &n->secret : NULL, &is_done);
	}
	if (result == ROSTER_DONE && !is_done) {
		buf_add(t->why, STR("no id was free"));
		result = ROSTER_FAILED;
	}
	return result;
}

enum roster_result roster_create(struct roster *t, enum tenant_kind kind,
                                 struct json_value body, struct json_writer *to)
{
	struct node n = { .row = { .kind = kind,
		                   .created_wall = t->wall,
		                   .serial = 1,
		                   .caps = TENANT_CAPS_NONE,
		                   .per_user = TENANT_CAPS_NONE } };
	struct json_value set = { .type = JSON_OBJECT };
	enum roster_result result;
	struct node parent;
	char text[KEY_TEXT];
	str above;

	result = check_body(t, body);
	if (!result)
		result = take_head(t, body, &n.row.name, &above, &set.raw);
	if (!result && kind != TENANT_ORGANISATION)
		n.row.parent = TENANT_DEFAULT;
	if (!result && above.len &&
	    !(result = roster_find_parent(t, kind, above, &parent)))
		n.row.parent = parent.row.id;
	if (!result && !tenant_patch(&n.row, set, t->wall, t->keep, t->why, &t->param))
		result = ROSTER_INVALID;
	if (!result)
		result = roster_check_free(t, &n.row);
	if (!result && (result = put_new(t, &n, text)))
		mem_wipe(text, sizeof(text));
	if (result)
		return result;
	tell(t, "create", NULL, &n);
	roster_write(t, &n.row, &n.secret, to);
	if (kind == TENANT_KEY)
		write_new_key(to, text);
	mem_wipe(text, sizeof(text));
	return ROSTER_DONE;
}

/* ---- changes ---- */

/* What a change does to a node; UPDATE is wanted again for every try. */
struct step {
	const char *action;
	enum roster_result (*make)(struct roster *t, struct node *n, void *arg);
	void *arg;
	bool with_secret;
};

static enum roster_result change(struct roster *t, enum tenant_kind kind, str which,
                                 uint64_t serial, const struct step *step,
                                 struct json_writer *to)
{
	for (int i = 0; i < TRIES; i++) {
		struct node before, after;
		bool is_done = false;
		enum roster_result result = roster_find(t, kind, which, &before);

		if (!result && serial && before.row.serial != serial)
			break;
		after = before;
		if (!result)
			result = step->make(t, &after, step->arg);
		if (result)
			return result;
		if (after.row.serial == before.row.serial) { /* nothing to be done */
			roster_write(t, &after.row, &after.secret, to);
			return ROSTER_DONE;
		}
		result = write_node(t, &after, step->with_secret ? &after.secret : NULL,
		                    &is_done);
		if (result)
			return result;
		if (!is_done)
			continue;
		tell(t, step->action, &before, &after);
		roster_write(t, &after.row, &after.secret, to);
		return ROSTER_DONE;
	}
	buf_add(t->why, STR("it was changed by somebody else in the meantime"));
	return ROSTER_STALE;
}

static bool is_active(struct roster *t, const struct node *n)
{
	if (n->row.revoked_wall == 0)
		return true;
	buf_addf(t->why, "the %.*s \"%.*s\" is revoked",
	         STR_ARG(tenant_kind_name(n->row.kind)), STR_ARG(n->row.name));
	return false;
}

static enum roster_result make_update(struct roster *t, struct node *n, void *arg)
{
	const struct json_value *set = arg;

	if (!is_active(t, n) ||
	    !tenant_patch(&n->row, *set, t->wall, t->keep, t->why, &t->param))
		return ROSTER_INVALID;
	n->row.serial++;
	return ROSTER_DONE;
}

enum roster_result roster_update(struct roster *t, enum tenant_kind kind, str which,
                                 uint64_t serial, struct json_value body,
                                 struct json_writer *to)
{
	struct step step = { .action = "update", .make = make_update, .arg = &body };
	enum roster_result result = check_body(t, body);

	return result ? result : change(t, kind, which, serial, &step, to);
}

struct rotation {
	usec grace;
	char text[KEY_TEXT];
};

/* The id stays: it is in the text. */
static enum roster_result make_rotation(struct roster *t, struct node *n, void *arg)
{
	struct rotation *r = arg;
	struct buf id = BUF_LIMIT(32);
	uint64_t other;

	if (!is_active(t, n))
		return ROSTER_INVALID;
	key_generate(r->text, &other);
	buf_add_hex(&id, n->row.id, 12);
	memcpy(r->text + 6, id.ptr, id.len);
	buf_free(&id);
	memcpy(n->secret.previous, n->secret.mac, sizeof(n->secret.mac));
	n->secret.previous_until = r->grace ? t->wall + r->grace : 0;
	key_mac(t->pepper, str_of(r->text, KEY_TEXT), n->secret.mac);
	n->row.serial++;
	return ROSTER_DONE;
}

enum roster_result roster_rotate(struct roster *t, str which, uint64_t serial, usec grace,
                                 struct json_writer *to)
{
	struct rotation r = { .grace = grace };
	struct step step = {
		.action = "rotate", .make = make_rotation, .arg = &r, .with_secret = true
	};
	enum roster_result result = ROSTER_INVALID;

	if (grace < 0 || grace > ROSTER_GRACE_MOST) {
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

static enum roster_result make_revocation(struct roster *t, struct node *n, void *arg)
{
	if (n->row.id == TENANT_DEFAULT) {
		buf_add(t->why, STR("the default organisation cannot be revoked"));
		return ROSTER_INVALID;
	}
	if (n->row.revoked_wall == 0 || t->cut) {
		n->row.revoked_wall = n->row.revoked_wall ? n->row.revoked_wall : t->wall;
		n->row.cut = t->cut;
		n->row.serial++;
	}
	return ROSTER_DONE;
}

enum roster_result roster_revoke(struct roster *t, enum tenant_kind kind, str which,
                                 uint64_t serial, struct json_writer *to)
{
	struct step step = { .action = "revoke", .make = make_revocation };

	return change(t, kind, which, serial, &step, to);
}
