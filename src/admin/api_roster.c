/* api_roster.c - organisations, teams, keys and users: what roster.h does, as routes.
 *
 * A change runs in admin_change's transaction: the roster writes there, what it says of
 * the node before and after goes into the audit log, and the gateway is told once it is
 * committed. */
#include "admin/api.h"
#include "admin/keys.h"
#include "admin/roster_change.h"
#include "base/mem.h"
#include "config/scalar.h"

#include <stdio.h>

/* ---- what they have in common ---- */

/* "/admin/v1/keys/..." */
static enum tenant_kind kind_of(const struct admin_call *c)
{
	switch (c->route->path.ptr[sizeof("/admin/v1/") - 1]) {
	case 'o':
		return TENANT_ORGANISATION;
	case 't':
		return TENANT_TEAM;
	case 'u':
		return TENANT_USER;
	default:
		return TENANT_KEY;
	}
}

struct work {
	struct admin_call *c;
	struct roster roster;
	struct buf why;
	struct roster_kept kept;
	uint64_t id, serial; /* of If-Match; 0: any */
	usec grace;
};

static int problem_of(struct work *w, enum roster_result result)
{
	static const struct {
		int status;
		const char *type;
	} rows[] = {
		[ROSTER_INVALID] = { 400, "invalid_member" },
		[ROSTER_NOT_FOUND] = { 404, "not_found" },
		[ROSTER_TAKEN] = { 409, "name_taken" },
		[ROSTER_STALE] = { 412, "changed_meanwhile" },
		[ROSTER_FAILED] = { 503, "ledger_unavailable" },
	};
	char param[128];

	snprintf(param, sizeof(param), "%.*s", STR_ARG(w->roster.param));
	return admin_problem(w->c, rows[result].status, rows[result].type,
	                     w->roster.param.len ? param : NULL, "%.*s", (int)w->why.len,
	                     w->why.ptr);
}

static bool on_look(void *arg, uint64_t id, struct tenant_state *ret, usec *ret_used)
{
	const struct admin_house *h = ((struct work *)arg)->c->house;

	return h->ops && h->ops->look && h->ops->look(h->arg, id, ret, ret_used);
}

static void work_init(struct work *w, struct admin_call *c)
{
	*w = (struct work){ .c = c, .why = BUF_LIMIT(8 * KiB) };
	w->roster = (struct roster){ .pepper = c->house->pepper,
		                     .wall = c->wall,
		                     .actor = str_from_z(c->who.name),
		                     .look = on_look,
		                     .arg = w,
		                     .keep = c->keep,
		                     .why = &w->why };
}

/* A node's ETag is its id and its serial: the serial alone is also that of others, and a
 * name is another one's once the first is revoked. */
static void set_etag(struct admin_call *c)
{
	struct json_value node = { JSON_OBJECT, buf_str(c->out) };
	char room[TENANT_NAME_MOST];
	str id = json_text(json_get(node, STR("id")), room);
	uint64_t serial;

	if (json_u64(json_get(node, STR("serial")), &serial))
		snprintf(c->etag, sizeof(c->etag), "\"%.*s-%llu\"", STR_ARG(id),
		         (unsigned long long)serial);
}

/* ---- looking ---- */

int api_nodes(struct admin_call *c)
{
	struct roster_filter filter = { .parent = admin_query(c, "parent"),
		                        .cursor = admin_query(c, "cursor"),
		                        .active = str_eq(admin_query(c, "active"),
		                                         STR("true")) };
	enum roster_result result;
	struct work w;
	int status = 200;

	work_init(&w, c);
	if (!(w.roster.ledger = admin_reader(c)))
		return 503;
	filter.most = admin_page_most(c);
	json_open(&c->to, '{');
	result = roster_list(&w.roster, kind_of(c), &filter, &c->to);
	if (result)
		status = problem_of(&w, result);
	else
		json_close(&c->to, '}');
	buf_free(&w.why);
	return status;
}

int api_node(struct admin_call *c)
{
	enum roster_result result;
	struct work w;
	int status = 200;

	work_init(&w, c);
	/* What was used is told too, and changes without the serial. */
	c->if_none_match = STR_NONE;
	if (!(w.roster.ledger = admin_reader(c)))
		return 503;
	json_open(&c->to, '{');
	result = roster_show(&w.roster, kind_of(c), c->params[0], &c->to);
	if (result) {
		status = problem_of(&w, result);
	} else {
		json_close(&c->to, '}');
		set_etag(c);
	}
	buf_free(&w.why);
	return status;
}

/* ---- changing ---- */

typedef enum roster_result verb_fn(struct work *w);

static void on_changed(void *arg, const struct tenant_row *row,
                       const struct key_secret *secret)
{
	struct work *w = arg;

	roster_keep(&w->kept, w->c->keep, row, secret);
}

static void on_audit(void *arg, const struct roster_change *change)
{
	struct work *w = arg;

	buf_add(&w->c->before, change->before);
	buf_add(&w->c->after, change->after);
}

/* By its id, whatever it was named by: that may be the whole text of a key, which the
 * audit log would keep for ever.  Also where there was nothing to be done. */
static void set_target(struct admin_call *c)
{
	struct json_value node = { JSON_OBJECT, buf_str(c->out) };
	struct json_value id = json_get(node, STR("id"));

	c->target = json_text(id, arena_alloc(c->keep, id.raw.len));
}

static int no_room(struct work *w)
{
	return admin_problem(w->c, 503, "no_room", NULL, "%.*s",
	                     STR_ARG(buf_str(&w->why)));
}

static int stale(struct admin_call *c)
{
	return admin_problem(c, 412, "changed_meanwhile", NULL,
	                     "it was changed by somebody else in the meantime");
}

struct changing {
	struct work *w;
	verb_fn *verb;
	int status;
};

static int change(struct admin_call *c, struct ledger *l, void *arg)
{
	struct changing *g = arg;
	struct roster *t = &g->w->roster;
	enum roster_result result;
	uint64_t id;

	t->ledger = l;
	t->changed = on_changed;
	t->audit = on_audit;
	t->arg = g->w;
	json_open(&c->to, '{');
	result = g->verb(g->w);
	if (result)
		return problem_of(g->w, result);
	json_close(&c->to, '}');
	set_target(c);
	if (!roster_fits(&g->w->kept, c->house->ops, c->house->arg, &g->w->why))
		return no_room(g->w);
	if (g->w->id && !(key_id_parse(c->target, &id) && id == g->w->id))
		return stale(c);
	set_etag(c); /* kept with the answer */
	return g->status;
}

/* Sets w->id and serial; 0: good. */
static int read_if_match(struct work *w)
{
	str tag = w->c->if_match, id;

	if (tag.len == 0 || str_eq(tag, STR("*")))
		return 0;
	if (tag.len > 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"') {
		tag = str_of(tag.ptr + 1, tag.len - 2);
		id = str_cut(&tag, '-');
		if (key_id_parse(id, &w->id) && str_to_u64(tag, &w->serial) &&
		    w->serial > 0)
			return 0;
	}
	return admin_problem(w->c, 412, "changed_meanwhile", NULL,
	                     "If-Match takes one ETag that was given here, like "
	                     "\"0123456789ab-3\"");
}

static int run(struct work *w, verb_fn *verb, int status)
{
	struct changing g = { .w = w, .verb = verb, .status = status };
	struct admin_call *c = w->c;
	int done = read_if_match(w);

	roster_hold(c->house->tenants);
	if (!done)
		done = admin_change(c, change, &g);
	if (done == status &&
	    !roster_tell(&w->kept, c->house->ops, c->house->arg, &w->why))
		done = no_room(w);
	roster_release(c->house->tenants);
	mem_wipe(&w->kept.secret, sizeof(w->kept.secret));
	buf_free(&w->why);
	return done;
}

static enum roster_result create(struct work *w)
{
	return roster_create(&w->roster, kind_of(w->c), w->c->object, &w->c->to);
}

static enum roster_result update(struct work *w)
{
	return roster_update(&w->roster, kind_of(w->c), w->c->params[0], w->serial,
	                     w->c->object, &w->c->to);
}

static enum roster_result rotate(struct work *w)
{
	return roster_rotate(&w->roster, w->c->params[0], w->serial, w->grace, &w->c->to);
}

static enum roster_result revoke(struct work *w)
{
	return roster_revoke(&w->roster, kind_of(w->c), w->c->params[0], w->serial,
	                     &w->c->to);
}

int api_node_create(struct admin_call *c)
{
	struct work w;

	work_init(&w, c);
	return run(&w, create, 201);
}

int api_node_update(struct admin_call *c)
{
	struct work w;

	work_init(&w, c);
	return run(&w, update, 200);
}

int api_node_revoke(struct admin_call *c)
{
	struct work w;

	work_init(&w, c);
	return run(&w, revoke, 200);
}

int api_key_rotate(struct admin_call *c)
{
	str grace = admin_member_text(c, "grace");
	uint64_t span = (uint64_t)(24 * USEC_HOUR);
	struct work w;

	if (grace.len && (scalar_time(grace, &span) != SCALAR_OK || span > INT64_MAX))
		return admin_problem(c, 400, "invalid_member", "grace",
		                     "this is no span like 24h");
	work_init(&w, c);
	w.grace = (usec)span;
	return run(&w, rotate, 200);
}

/* The key that is meant by its id or its name; empty: none, 0. */
int admin_find_key(struct admin_call *c, str which, uint64_t *ret)
{
	enum roster_result result;
	struct work w;
	int status = 0;

	*ret = 0;
	if (which.len == 0)
		return 0;
	work_init(&w, c);
	if (!(w.roster.ledger = admin_reader(c)))
		return 503;
	if ((result = roster_key_id(&w.roster, which, ret)))
		status = problem_of(&w, result);
	buf_free(&w.why);
	return status;
}
