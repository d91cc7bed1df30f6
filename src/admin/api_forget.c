/* api_forget.c - what is stored of a person is erased.
 *
 *   noted -> what is under way is written -> what was said -> rows and sums -> where the
 *   name may still stand -> what came of it, noted and answered
 *
 * Nothing of it can be undone, so it is noted before it begins; whoever sees no second
 * entry asks again, which forgets what is left.  Without a gateway the caller's recorder
 * and configuration stand in. */
#include "admin/api.h"
#include "admin/roster_change.h"
#include "admin/stored.h"
#include "base/mem.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "loop/sys.h"
#include "meter/access_scrub.h"
#include "store/bodies.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { USER_MOST = 1024 };

struct forgetting {
	struct admin_call *c;
	struct config *config;
	struct ledger_person who;
	struct ledger_forgotten done;
	uint64_t bodies, lines;
	struct buf why;
};

/* ---- whom ---- */

/* 0: good. */
static int read_who(struct forgetting *f)
{
	struct admin_call *c = f->c;
	str before = admin_member_text(c, "before");

	f->who.user = admin_member_text(c, "user");
	if (f->who.user.len == 0 || f->who.user.len > USER_MOST)
		return admin_problem(c, 400, "invalid_member", "user",
		                     "a user's name has 1 to %d bytes", USER_MOST);
	if (before.len && (!rfc3339_parse(before, &f->who.before) || f->who.before <= 0))
		return admin_problem(c, 400, "invalid_member", "before",
		                     "a time, like 2026-11-26T00:00:00Z");
	return admin_find_key(c, admin_member_text(c, "key"), &f->who.key);
}

/* The log keeps for ever what it has: it gets a MAC of the name. */
static void set_target(struct forgetting *f)
{
	struct buf text = BUF_LIMIT(64);
	uint8_t mac[KEY_MAC];

	key_mac(f->c->house->pepper, f->who.user, mac);
	hex_encode(&text, str_of((const char *)mac, 8));
	f->c->target = arena_copy(f->c->keep, buf_str(&text));
	buf_free(&text);
}

/* ---- what was said ---- */

static bool erase_alone(struct forgetting *f)
{
	const struct body_match match = { .user = f->who.user,
		                          .key = f->who.key,
		                          .before = f->who.before };
	struct master_place at = stored_place(f->config->key_file, f->c->house->dir);
	struct master masters = { 0 };
	struct bodies *b = NULL;
	char dir[PATH_MAX];
	bool ok;

	if (!datadir_path(f->c->house->dir, "bodies", dir, sizeof(dir)) ||
	    access(dir, F_OK) != 0)
		return true;
	switch (master_find(&at, &masters, &f->why)) {
	case MASTER_BAD:
		return false;
	case MASTER_MISSING:
		buf_add(&f->why, STR("the master key is missing: nobody knows whose the "
		                     "bodies are"));
		return false;
	case MASTER_FOUND:
		break;
	}
	struct body_keys keys = { masters.keys, masters.count };
	b = bodies_open(str_from_z(dir), &keys, &f->why);
	ok = b && bodies_erase(b, &match, &f->bodies, &f->why);
	bodies_close(&b);
	master_done(&masters);
	return ok;
}

static bool erase_bodies(struct forgetting *f)
{
	const struct admin_house *h = f->c->house;

	if (!h->ops)
		return erase_alone(f);
	return h->ops->forget_bodies(h->arg, &f->who, &f->bodies, &f->why);
}

/* ---- what was written ---- */

static bool write_forget(void *arg, struct ledger *l, struct buf *why)
{
	struct forgetting *f = arg;

	(void)why;
	f->who.now = sys_wall();
	f->who.last = recorder_last_id(f->c->house->recorder);
	return ledger_forget(l, &f->who, &f->done);
}

/* The gateway knows it by the name that the ledger has lost by now. */
static bool tell_end(void *arg, const struct tenant_row *row,
                     const struct key_secret *secret)
{
	const struct forgetting *f = arg;
	struct tenant_row named = *row;

	named.name = f->who.user;
	/* What ends needs no room. */
	(void)f->c->house->ops->tenant_changed(f->c->house->arg, &named, secret);
	return true;
}

/* The person's own limits are in force no longer. */
static bool tell_ends(struct forgetting *f)
{
	struct ledger *reader;
	bool ok = true;

	if (!f->c->house->ops || f->done.node_count == 0)
		return true;
	reader = admin_reader(f->c);
	for (size_t i = 0; i < f->done.node_count && ok; i++)
		ok = reader && ledger_tenant(reader, f->done.nodes[i], tell_end, f);
	if (!ok)
		buf_add(&f->why, STR("the limits of a user end with the next restart"));
	return ok;
}

static bool change_ledger(struct forgetting *f)
{
	const struct admin_house *h = f->c->house;
	bool ok;

	roster_hold(h->tenants);
	ok = recorder_write(h->recorder, write_forget, f, &f->why) && tell_ends(f);
	roster_release(h->tenants);
	return ok;
}

/* What is under way is written first, so that it is forgotten too; the journals leave the
 * segments that still have it. */
static void settle(const struct admin_house *h)
{
	recorder_flush(h->recorder);
	if (!h->ops)
		return;
	h->ops->roll_journals(h->arg);
	recorder_flush(h->recorder);
}

/* NULL: there is none. */
static const char *log_of(const struct forgetting *f)
{
	return str_eq(f->config->access_log, STR("off"))
	               ? NULL
	               : str_z(f->c->keep, f->config->access_log);
}

static bool scrub_log(struct forgetting *f)
{
	const struct access_match match = { .ids = f->done.exchanges,
		                            .count = f->done.exchange_count,
		                            .before = f->done.unknown,
		                            .key = f->who.key };
	uint64_t waiting = recorder_scrub_log(f->c->house->recorder, &match);
	bool ok = access_scrub(log_of(f), &match, &f->lines, &f->why);

	f->lines += waiting;
	return ok;
}

static bool erase(struct forgetting *f)
{
	const struct admin_house *h = f->c->house;

	settle(h);
	f->who.last = recorder_last_id(h->recorder);
	return erase_bodies(f) && change_ledger(f) && scrub_log(f) &&
	       recorder_scrub(h->recorder, f->who.user, &f->why);
}

/* ---- */

static void add_untouched(void *arg, str file)
{
	struct forgetting *f = arg;

	json_str(&f->c->to, file);
}

static int tell(struct admin_call *c, struct ledger *l, void *arg)
{
	struct forgetting *f = arg;

	(void)l;
	json_open(&c->to, '{');
	json_key_uint(&c->to, STR("attempts"), f->done.attempts);
	json_key_uint(&c->to, STR("sums"), f->done.sums);
	json_key_uint(&c->to, STR("bodies"), f->bodies);
	json_key_uint(&c->to, STR("lines"), f->lines);
	json_key(&c->to, STR("untouched"));
	json_open(&c->to, '[');
	access_untouched(log_of(f), add_untouched, f);
	json_close(&c->to, ']');
	json_close(&c->to, '}');
	buf_set(&c->after, buf_str(c->out));
	return 200;
}

int api_forget(struct admin_call *c)
{
	struct forgetting f = { .c = c, .why = BUF_LIMIT(4 * KiB) };
	int status = read_who(&f);

	if (status)
		return status;
	if (!c->house->recorder || !(f.config = admin_config(c)))
		return admin_no_gateway(c);
	set_target(&f);
	if (!(status = admin_note_first(c)))
		status = erase(&f) ? admin_change(c, tell, &f)
		                   : admin_problem(c, 500, "incomplete", NULL,
		                                   "not everything was forgotten: %.*s",
		                                   STR_ARG(buf_str(&f.why)));
	free(f.done.exchanges);
	free(f.done.nodes);
	buf_free(&f.why);
	config_unref(&f.config);
	return status;
}
