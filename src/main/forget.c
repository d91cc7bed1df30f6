/* forget.c - sluice forget --user NAME: what is stored of a person is erased.
 *
 * A running gateway does it, which owns the ledger's writer and the log of bodies;
 * without one the command takes the lock and is both for a moment. */
#include "admin/audit.h"
#include "admin/client.h"
#include "admin/stored.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "config/key.h"
#include "main/command.h"
#include "meter/access_scrub.h"
#include "meter/recorder.h"
#include "store/bodies.h"
#include "store/ledger.h"

#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

struct forget {
	struct command *c;
	const struct config *config;
	struct ledger_person who;
	struct ledger_forgotten done;
	uint64_t bodies;
	struct buf why;
};

/* ---- without a gateway ---- */

static bool erase_bodies(struct forget *f)
{
	struct master_place at = stored_place(f->config->key_file, f->config->data);
	const struct body_match match = { .user = f->who.user,
		                          .key = f->who.key,
		                          .before = f->who.before };
	struct master masters = { 0 };
	struct bodies *b = NULL;
	char dir[PATH_MAX];
	bool ok = true;

	if (!datadir_path(f->config->data, "bodies", dir, sizeof(dir)))
		return false;
	if (access(dir, F_OK) != 0)
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

static bool write_forget(void *arg, struct ledger *l, struct buf *why)
{
	struct forget *f = arg;

	(void)why;
	return ledger_forget(l, &f->who, &f->done);
}

/* The audit log keeps for ever what it has: it gets a MAC of the name. */
static bool note(struct forget *f, struct recorder *r)
{
	struct buf after = BUF_LIMIT(KiB);
	uint8_t pepper[PEPPER], mac[KEY_MAC];
	bool ok = pepper_load(f->config->data, pepper, &f->why);

	if (ok) {
		key_mac(pepper, f->who.user, mac);
		buf_add(&after, STR("{\"user_mac\":\""));
		hex_encode(&after, str_of((const char *)mac, 8));
		buf_add(&after, STR("\"}"));
		ok = audit_note(r, pepper, "local", "command line", "users.forget",
		                buf_str(&after), &f->why);
	}
	mem_wipe(pepper, sizeof(pepper));
	buf_free(&after);
	return ok;
}

/* By a recorder: what a crash has left in the journals is forgotten too, and they are
 * wiped when it ends. */
static bool forget_rows(struct forget *f)
{
	const struct config *c = f->config;
	struct arena keep = { 0 };
	const char *log =
	        str_eq(c->access_log, STR("off")) || str_eq(c->access_log, STR("stdout"))
	                ? NULL
	                : str_z(&keep, c->access_log);
	struct recorder *r =
	        recorder_new(&(struct recorder_options){ .dir = str_z(&keep, c->data),
	                                                 .workers = 1,
	                                                 .access_log = log,
	                                                 .strict = true },
	                     &f->why);
	bool ok = r && note(f, r) && recorder_write(r, write_forget, f, &f->why) &&
	          access_scrub(log, f->done.exchanges, f->done.exchange_count, &f->why) &&
	          recorder_scrub(r, f->who.user, &f->why);

	recorder_free(&r);
	free(f->done.exchanges);
	arena_done(&keep);
	return ok;
}

static bool forget_directly(struct forget *f)
{
	int lock;
	bool ok;

	if (!datadir_make(f->config->data, &f->why) ||
	    !datadir_lock(f->config->data, &lock, &f->why))
		return false;
	ok = erase_bodies(f) && forget_rows(f);
	close(lock);
	return ok;
}

/* ---- with one ---- */

static uint64_t number(struct json_value answer, const char *name)
{
	uint64_t n = 0;

	return json_u64(json_get(answer, str_from_z(name)), &n) ? n : 0;
}

static bool ask_gateway(struct forget *f, bool *ret_asked)
{
	struct buf request = BUF_LIMIT(4 * KiB), answer = BUF_LIMIT(4 * KiB);
	struct buf id = BUF_LIMIT(32);
	struct json_writer w = { .to = &request };
	struct json_value value;
	bool ok;

	json_open(&w, '{');
	json_key_str(&w, STR("do"), STR("forget"));
	json_key_str(&w, STR("user"), f->who.user);
	if (f->who.key) {
		buf_add_hex(&id, f->who.key, 12);
		json_key_str(&w, STR("key"), buf_str(&id));
	}
	if (f->who.before)
		json_key_int(&w, STR("before"), f->who.before);
	json_close(&w, '}');
	ok = admin_ask_holder(f->config->data, buf_str(&request), &answer, &value,
	                      ret_asked, &f->why);
	if (ok) {
		f->done.attempts = number(value, "attempts");
		f->done.sums = number(value, "sums");
		f->bodies = number(value, "bodies");
	}
	buf_free(&request);
	buf_free(&answer);
	buf_free(&id);
	return ok;
}

/* ---- */

static bool parse_day(const char *text, usec *ret)
{
	char room[64];
	struct buf whole = { room, .cap = sizeof(room), .limit = sizeof(room) };

	buf_add(&whole, str_from_z(text));
	if (whole.len == 10)
		buf_add(&whole, STR("T00:00:00Z"));
	return !whole.over && rfc3339_parse(buf_str(&whole), ret) && *ret > 0;
}

static int forget(struct forget *f)
{
	bool is_asked = false, ok = ask_gateway(f, &is_asked);

	if (!ok && !is_asked)
		ok = forget_directly(f);
	if (!ok)
		return command_failed("not everything was forgotten: %.*s",
		                      (int)f->why.len, f->why.ptr);
	if (f->c->json)
		printf("{\"attempts\":%llu,\"sums\":%llu,\"bodies\":%llu}\n",
		       (unsigned long long)f->done.attempts,
		       (unsigned long long)f->done.sums, (unsigned long long)f->bodies);
	else
		fprintf(stderr,
		        "forgotten: the name in %llu attempts and %llu sums, what was "
		        "said "
		        "in %llu exchanges\n",
		        (unsigned long long)f->done.attempts,
		        (unsigned long long)f->done.sums, (unsigned long long)f->bodies);
	return EXIT_OK;
}

int forget_command(struct command *c)
{
	const char *user = command_value(c, "user"), *key = command_value(c, "key"),
	           *before = command_value(c, "before");
	struct forget f = { .c = c, .why = BUF_LIMIT(4 * KiB) };
	struct config *config;
	int result;

	f.who.user = str_from_z(user);
	if (!f.who.user.len)
		return command_misused(c, "forget: say whom: --user NAME");
	if (key && (strlen(key) != 12 || !hex_to_u64(str_from_z(key), &f.who.key)))
		return command_misused(c, "--key %s: the id of a key has 12 hex digits",
		                       key);
	if (before && !parse_day(before, &f.who.before))
		return command_misused(c, "--before %s: write it like 2026-11-26",
		                       before);
	config = command_config(c, NULL, true);
	if (!config)
		return EXIT_CONFIG;
	f.config = config;
	result = forget(&f);
	buf_free(&f.why);
	config_unref(&config);
	return result;
}
