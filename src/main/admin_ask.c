/* admin_ask.c - see admin_ask.h. */
#include "main/admin_ask.h"

#include "admin/client.h"
#include "admin/keys.h"
#include "admin/local.h"
#include "base/mem.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "loop/sys.h"
#include "meter/recorder.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 30 };
static const long try_every_ns = 100 * 1000 * 1000;

static const struct json_limits limits = { 32, 4 * 1024 * 1024, 256, 64 };

void admin_asked_done(struct admin_asked *a)
{
	if (a->answer.ptr)
		mem_wipe(a->answer.ptr, a->answer.cap);
	buf_free(&a->answer);
	buf_free(&a->dir);
}

/* Whoever holds the lock: a gateway, whose socket may come in a moment, or a command that
 * is done in a moment.  A change whose answer was lost is asked for by the same key again
 * and done once.  False with *ret_runs false: nobody is there. */
static bool ask_gateway(enum http_method method, str target, str body,
                        struct admin_asked *a, bool *ret_runs, struct buf *why)
{
	struct buf key = BUF_LIMIT(64);
	struct admin_request r = { .method = admin_method_name(method).ptr,
		                   .target = target,
		                   .body = body };
	str dir = buf_str(&a->dir);
	bool is_answered = false;
	char random[16];

	if (method == HTTP_POST) {
		sys_random(random, sizeof(random));
		hex_encode(&key, str_of(random, sizeof(random)));
		r.idempotency_key = buf_str(&key);
	}
	for (int i = 0; i < TRIES && !is_answered && datadir_is_locked(dir); i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = try_every_ns }, NULL);
		buf_clear(why);
		is_answered = admin_ask_route(dir, &r, &a->status, &a->answer, why);
	}
	*ret_runs = is_answered || datadir_is_locked(dir);
	buf_free(&key);
	return is_answered;
}

static bool ask_house(struct admin_house *house, enum http_method method, str target,
                      str body, struct admin_asked *a)
{
	struct admin_who who;

	admin_who_command(&who);
	a->answer.limit = ADMIN_ANSWER_MOST;
	a->status = admin_local(house, &who, method, target, body, &a->answer);
	admin_house_done(house);
	return true;
}

/* What is traced or changed needs the lock; a look does not. */
static bool needs_writer(enum http_method method, str target)
{
	str params[ADMIN_PARAMS_MOST], path = str_cut(&target, '?');
	fault_t why;
	const struct admin_route *r = admin_route_find(method, path, params, &why);

	return r && r->trace != ADMIN_TRACE_NONE;
}

struct recorder *admin_recorder(const struct config *c, str dir, struct buf *why)
{
	struct arena keep = { 0 };
	bool is_logged = !str_eq(c->access_log, STR("off")) &&
	                 !str_eq(c->access_log, STR("stdout"));
	const struct recorder_options options = {
		.dir = str_z(&keep, dir),
		.workers = 1,
		.access_log = is_logged ? str_z(&keep, c->access_log) : NULL,
		.strict = true,
	};
	struct recorder *r = recorder_new(&options, why);

	arena_done(&keep);
	return r;
}

static bool write_here(struct admin_house *house, const struct admin_alone *alone,
                       enum http_method method, str target, str body,
                       struct admin_asked *a, struct buf *why)
{
	char path[PATH_MAX];
	bool is_done = false;

	if (alone->by_recorder)
		house->recorder = admin_recorder(alone->config, house->dir, why);
	else if (datadir_path(house->dir, "ledger.db", path, sizeof(path)))
		house->writer = ledger_open(path, why);
	if (house->recorder || house->writer)
		is_done = ask_house(house, method, target, body, a);
	recorder_free(&house->recorder);
	ledger_close(&house->writer);
	return is_done;
}

static bool ask_here(const struct admin_alone *alone, enum http_method method, str target,
                     str body, struct admin_asked *a, struct buf *why)
{
	uint8_t pepper[PEPPER];
	struct admin_house house = { .dir = buf_str(&a->dir),
		                     .pepper = pepper,
		                     .config = alone->config };
	char path[PATH_MAX];
	bool is_done = false;
	int lock;

	if (!datadir_path(house.dir, "ledger.db", path, sizeof(path))) {
		buf_add(why, STR("the name of the data directory is too long"));
		return false;
	}
	if (!needs_writer(method, target)) {
		if (access(path, F_OK) != 0)
			buf_addf(why, "nothing was recorded yet in %.*s",
			         STR_ARG(house.dir));
		else
			is_done = keys_pepper(house.dir, pepper, why) &&
			          ask_house(&house, method, target, body, a);
		mem_wipe(pepper, sizeof(pepper));
		return is_done;
	}
	if (!datadir_make(house.dir, why) || !datadir_lock(house.dir, &lock, why))
		return false;
	is_done = keys_pepper(house.dir, pepper, why) &&
	          write_here(&house, alone, method, target, body, a, why);
	mem_wipe(pepper, sizeof(pepper));
	close(lock);
	return is_done;
}

/* The error of a problem document. */
static int refused(const struct admin_asked *a)
{
	struct json_value text = json_path(a->value, "error.message");
	char room[16 * KiB];
	str said = STR_NONE;

	if (a->is_json && text.type == JSON_STRING && text.raw.len < sizeof(room))
		said = json_text(text, room);
	return command_failed("%.*s",
	                      STR_ARG(said.len ? said : STR("the gateway refused")));
}

int admin_do_alone(const struct command *c, const struct admin_alone *alone,
                   enum http_method method, str target, str body, struct admin_asked *ret)
{
	struct buf why = BUF_LIMIT(8 * KiB);
	bool runs, is_done;
	int result = EXIT_OK;

	*ret = (struct admin_asked){ 0 };
	if (!command_data(c, &ret->dir))
		return EXIT_CONFIG;
	is_done = ask_gateway(method, target, body, ret, &runs, &why) ||
	          (!runs && ask_here(alone, method, target, body, ret, &why));
	if (!is_done) {
		result = command_failed("%.*s", (int)why.len, why.ptr);
	} else {
		ret->is_json = !json_check(buf_str(&ret->answer), &limits, &ret->value) &&
		               ret->value.type == JSON_OBJECT;
		if (ret->status < 200 || ret->status > 299)
			result = refused(ret);
	}
	buf_free(&why);
	return result;
}

int admin_do(const struct command *c, enum http_method method, str target, str body,
             struct admin_asked *ret)
{
	return admin_do_alone(c, &(struct admin_alone){ 0 }, method, target, body, ret);
}

void admin_add_query(struct buf *target, const char *name, const char *value)
{
	if (!value)
		return;
	buf_add_char(target, str_has(buf_str(target), STR("?")) ? '&' : '?');
	buf_addf(target, "%s=", name);
	url_encode(target, str_from_z(value));
}

str admin_text(struct json_value object, const char *name, char *room, size_t size)
{
	struct json_value v = json_get(object, str_from_z(name));

	return v.type == JSON_STRING && v.raw.len <= size ? json_text(v, room) : STR_NONE;
}
