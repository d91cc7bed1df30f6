/* request.c - what can be asked at $data/admin.sock, one row each.
 *
 * A handler writes its members into the open answer and returns NULL, or says what is
 * wrong; then the answer is begun anew with the error alone. */
#include "admin/request.h"

#include "admin/audit.h"
#include "admin/roster_change.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "loop/sys.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { MEMBERS_MOST = 16 };

static const struct json_limits limits = { 16, 2048, 256, 64 };

struct request {
	const struct clerk_options *options;
	unsigned uid; /* who asks */
	struct json_value object;
	struct json_writer *to;
	struct buf *why; /* what is wrong, for people */
};

/* ---- helpers ---- */

/* A member's text; empty when there is none. */
static str text_member(const struct request *r, const char *name, char *room, size_t size)
{
	struct json_value v = json_get(r->object, str_from_z(name));

	return v.type == JSON_STRING && v.raw.len <= size ? json_text(v, room) : STR_NONE;
}

/* ---- what can be asked ---- */

static bool answer_status(struct request *r)
{
	json_key_str(r->to, STR("version"), STR(SLUICE_VERSION));
	json_key_int(r->to, STR("pid"), getpid());
	r->options->ops->status(r->options->arg, r->to);
	return true;
}

static bool look(void *arg, uint64_t id, struct tenant_state *ret, usec *ret_used)
{
	const struct clerk_options *o = arg;

	return o->ops->look && o->ops->look(o->arg, id, ret, ret_used);
}

/* What the operations of roster.h work on; to be closed. False: *r->why. */
static bool open_roster(struct request *r, struct arena *keep, struct roster *ret)
{
	char path[PATH_MAX];

	*ret = (struct roster){
		.pepper = r->options->pepper,
		.wall = sys_wall(),
		.look = look,
		.arg = (void *)(uintptr_t)r->options,
		.keep = keep,
		.why = r->why,
	};
	*keep = (struct arena){ .ceiling = 4 * MiB };
	return datadir_path(r->options->dir, "ledger.db", path, sizeof(path)) &&
	       (ret->ledger = ledger_open_reader(path, r->why));
}

static void close_roster(struct roster *t)
{
	ledger_close(&t->ledger);
	arena_done(t->keep);
}

static bool answer_roster(struct request *r)
{
	struct roster t;
	struct arena keep;
	bool is_done = open_roster(r, &keep, &t) &&
	               roster_ask(&t, r->object, r->to) == ROSTER_DONE;

	close_roster(&t);
	return is_done;
}

struct roster_writing {
	struct request *r;
	struct roster *roster;
	struct roster_kept kept;
};

static bool write_roster(void *arg, struct ledger *l, struct buf *why)
{
	struct roster_writing *w = arg;
	struct roster_asker asker = { .pepper = w->r->options->pepper,
		                      .from = "admin.sock" };

	snprintf(asker.who, sizeof(asker.who), "uid %u", w->r->uid);
	return roster_ask_traced(w->roster, l, &asker, w->r->object, w->r->to,
	                         &w->kept) == ROSTER_DONE &&
	       roster_fits(&w->kept, w->r->options->ops, w->r->options->arg, why);
}

/* A change: by the ledger's writer, with its entry in the audit log. */
static bool answer_roster_change(struct request *r)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct roster t = { .pepper = r->options->pepper,
		            .wall = sys_wall(),
		            .keep = &keep,
		            .why = r->why };
	struct roster_writing w = { .r = r, .roster = &t };
	bool is_done;

	roster_hold(r->options->tenants);
	is_done = recorder_write(r->options->recorder, write_roster, &w, r->why) &&
	          roster_tell(&w.kept, r->options->ops, r->options->arg, r->why);
	roster_release(r->options->tenants);
	mem_wipe(&w.kept.secret, sizeof(w.kept.secret));
	arena_done(&keep);
	return is_done;
}

/* The key that is meant by its id, its name, or its text; empty: none, 0. */
static bool find_key(struct request *r, str which, uint64_t *ret)
{
	struct roster t;
	struct arena keep;
	bool is_found;

	*ret = 0;
	if (which.len == 0)
		return true;
	is_found =
	        open_roster(r, &keep, &t) && roster_key_id(&t, which, ret) == ROSTER_DONE;
	close_roster(&t);
	return is_found;
}

static bool answer_flush(struct request *r)
{
	recorder_flush(r->options->recorder);
	return true;
}

static bool answer_reload(struct request *r)
{
	struct buf said = BUF_LIMIT(64 * KiB);
	bool is_new = r->options->ops->reload(r->options->arg, &said);
	if (is_new)
		json_key_str(r->to, STR("said"), buf_str(&said));
	else
		buf_add(r->why, said.len ? buf_str(&said) : STR("nothing was reloaded"));
	buf_free(&said);
	return is_new;
}

static bool answer_explain(struct request *r)
{
	char room[2 * KiB];
	char key_room[KiB];
	str model = text_member(r, "model", room, sizeof(room));
	uint64_t key;

	return find_key(r, text_member(r, "key", key_room, sizeof(key_room)), &key) &&
	       r->options->ops->explain(r->options->arg, model, key, r->to, r->why);
}

static bool answer_health(struct request *r)
{
	r->options->ops->health(r->options->arg, r->to);
	return true;
}

static const struct request_row {
	const char *name;
	bool (*answer)(struct request *r); /* false: r->why */
	/* It changes something outside the ledger: that is noted behind it. */
	bool is_noted;
} rows[] = {
	{ "status", answer_status },
	{ "flush", answer_flush },
	{ "reload", answer_reload, true },
	{ "explain", answer_explain },
	{ "health", answer_health },
	{ "tenant_create", answer_roster_change },
	{ "tenant_show", answer_roster },
	{ "tenant_update", answer_roster_change },
	{ "tenant_rotate", answer_roster_change },
	{ "tenant_revoke", answer_roster_change },
	{ "tenant_list", answer_roster },
};

/* Who has done it. */
static bool note_change(struct request *r, const char *action)
{
	char who[64];

	snprintf(who, sizeof(who), "uid %u", r->uid);
	return audit_note(r->options->recorder, r->options->pepper, who, "admin.sock",
	                  action, STR_NONE, r->why);
}

static bool answer(struct request *r, str line)
{
	struct json_member members[MEMBERS_MOST];
	struct json_value what;
	size_t count;

	if (json_members(line, &limits, members, MEMBERS_MOST, &count)) {
		buf_add(r->why, STR("a request is one JSON object with a member \"do\""));
		return false;
	}
	r->object = (struct json_value){ JSON_OBJECT, str_trim(line) };
	what = json_get(r->object, STR("do"));
	for (size_t i = 0; i < countof(rows); i++)
		if (json_text_is(what, str_from_z(rows[i].name)))
			return rows[i].answer(r) &&
			       (!rows[i].is_noted || note_change(r, rows[i].name));
	buf_add(r->why, STR("this cannot be asked here"));
	return false;
}

void admin_answer(const struct clerk_options *options, unsigned uid, str line,
                  struct buf *to)
{
	struct buf why = BUF_LIMIT(64 * KiB);
	struct json_writer good = { .to = to }, bad = { .to = to };
	struct request r = { .options = options, .uid = uid, .to = &good, .why = &why };
	size_t before = to->len;

	json_open(&good, '{');
	json_key_bool(&good, STR("ok"), true);
	if (answer(&r, line)) {
		json_close(&good, '}');
	} else {
		mem_wipe(to->ptr + before, to->len - before);
		to->len = before;
		json_open(&bad, '{');
		json_key_bool(&bad, STR("ok"), false);
		json_key_str(&bad, STR("error"), buf_str(&why));
		json_close(&bad, '}');
	}
	buf_add_char(to, '\n');
	buf_free(&why);
}
