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

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 30 };
static const long try_every_ns = 100 * 1000 * 1000;

static const struct json_limits limits = { 64, 4 * 1024 * 1024, 256, 64 };

void admin_asked_done(struct admin_asked *a)
{
	if (a->answer.ptr)
		mem_wipe(a->answer.ptr, a->answer.cap);
	buf_free(&a->answer);
	buf_free(&a->dir);
	admin_pieces_done(&a->pieces);
}

/* Whoever holds the lock: a gateway, whose socket may come in a moment, or a command that
 * is done in a moment.  A change whose answer was lost is asked for by the same key again
 * and done once.  False with *ret_runs false: nobody is there. */
static bool ask_gateway(const struct admin_errand *e, struct admin_asked *a,
                        bool *ret_runs, struct buf *why)
{
	struct buf key = BUF_LIMIT(64);
	struct admin_request r = { .method = admin_method_name(e->method).ptr,
		                   .target = e->target,
		                   .body = e->body,
		                   .body_type = e->body_type,
		                   .sink = e->sink };
	str dir = buf_str(&a->dir);
	bool is_answered = false;
	char random[16];

	if (e->method == HTTP_POST) {
		sys_random(random, sizeof(random));
		hex_encode(&key, str_of(random, sizeof(random)));
		r.idempotency_key = buf_str(&key);
	}
	for (int i = 0; i < TRIES && !is_answered && datadir_is_locked(dir); i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = try_every_ns }, NULL);
		buf_clear(why);
		is_answered = admin_ask_route(dir, &r, &a->status, &a->answer, why);
		if (e->sink && e->sink->is_begun)
			break;
	}
	*ret_runs =
	        is_answered || (e->sink && e->sink->is_begun) || datadir_is_locked(dir);
	buf_free(&key);
	return is_answered;
}

static bool ask_house(struct admin_house *house, const struct admin_errand *e,
                      struct admin_asked *a)
{
	struct admin_who who;

	admin_who_command(&who);
	a->answer.limit = ADMIN_ANSWER_MOST;
	a->status = admin_local(house, &who, e->method, e->target, e->body, &a->answer,
	                        e->sink ? &a->pieces : NULL);
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

static bool write_here(struct admin_house *house, const struct admin_errand *e,
                       struct admin_asked *a, struct buf *why)
{
	char path[PATH_MAX];
	bool is_done = false;

	if (!datadir_own_ledger(house->dir, why))
		return false;
	if (e->alone.by_recorder)
		house->recorder = admin_recorder(e->alone.config, house->dir, why);
	else if (datadir_path(house->dir, "ledger.db", path, sizeof(path)))
		house->writer = ledger_open(path, why);
	if (house->recorder || house->writer)
		is_done = ask_house(house, e, a);
	recorder_free(&house->recorder);
	ledger_close(&house->writer);
	return is_done;
}

static bool ask_here(const struct admin_errand *e, struct admin_asked *a, struct buf *why)
{
	uint8_t pepper[PEPPER];
	struct admin_house house = { .dir = buf_str(&a->dir),
		                     .pepper = pepper,
		                     .config = e->alone.config,
		                     .key_file = e->alone.key_file };
	char path[PATH_MAX];
	bool is_done = false;
	int lock;

	if (!datadir_path(house.dir, "ledger.db", path, sizeof(path))) {
		buf_add(why, STR("the name of the data directory is too long"));
		return false;
	}
	bool writes = needs_writer(e->method, e->target);

	if (e->alone.is_look)
		return ask_house(&house, e, a);

	if ((!writes || e->sink) && access(path, F_OK) != 0) {
		buf_addf(why, "nothing was recorded yet in %.*s", STR_ARG(house.dir));
		return false;
	}
	if (!writes) {
		is_done = keys_pepper_look(house.dir, pepper, why) &&
		          ask_house(&house, e, a);
		mem_wipe(pepper, sizeof(pepper));
		return is_done;
	}
	if (!datadir_make(house.dir, why) || !datadir_lock(house.dir, &lock, why))
		return false;
	is_done = keys_pepper(house.dir, pepper, why) && write_here(&house, e, a, why);
	mem_wipe(pepper, sizeof(pepper));
	close(lock);
	return is_done;
}

/* The error of a problem document. */
static int refused(const struct admin_asked *a, const char *about)
{
	struct json_value text = json_path(a->value, "error.message");
	char room[16 * KiB];
	str said = STR_NONE;

	if (a->is_json && text.type == JSON_STRING && text.raw.len < sizeof(room))
		said = json_text(text, room);
	return command_failed("%s%s%.*s", about ? about : "", about ? ": " : "",
	                      STR_ARG(said.len ? said : STR("the gateway refused")));
}

/* What is still to be made, once nothing is held any more. */
static int give_pieces(struct admin_asked *a, struct admin_sink *sink)
{
	enum admin_piece got = ADMIN_PIECE_MORE;
	struct buf piece = BUF_LIMIT(ADMIN_ANSWER_MOST);
	bool is_taken = true;

	if (!a->pieces.next) {
		admin_sink_add(sink, buf_str(&a->answer));
		return EXIT_OK;
	}
	while (is_taken && got == ADMIN_PIECE_MORE) {
		buf_clear(&piece);
		got = a->pieces.next(a->pieces.arg, &piece);
		is_taken = admin_sink_add(sink, buf_str(&piece));
	}
	buf_free(&piece);
	admin_pieces_done(&a->pieces);
	if (got == ADMIN_PIECE_FAILED)
		return command_failed("the ledger could not be read to its end");
	return EXIT_OK;
}

int admin_run(const struct command *c, const struct admin_errand *e,
              struct admin_asked *ret)
{
	struct buf why = BUF_LIMIT(8 * KiB);
	bool runs, is_asked, is_done;
	int result;

	*ret = (struct admin_asked){ 0 };
	result = command_open_data(c, &ret->dir);
	if (result != EXIT_OK)
		return result;
	is_asked = ask_gateway(e, ret, &runs, &why);
	ret->has_gateway = is_asked;
	is_done = is_asked || (!runs && ask_here(e, ret, &why));
	if (e->sink && e->sink->is_closed) {
		result = EXIT_FAILED; /* said below */
	} else if (!is_done) {
		result = command_failed("%.*s", (int)why.len, why.ptr);
	} else {
		ret->is_json = !json_check(buf_str(&ret->answer), &limits, &ret->value) &&
		               ret->value.type == JSON_OBJECT;
		if (ret->status < 200 || ret->status > 299)
			result = refused(ret, e->about);
		else if (e->sink && !is_asked)
			result = give_pieces(ret, e->sink);
	}
	if (e->sink && (e->sink->is_closed || fflush(stdout) != 0))
		result = command_failed("the output could not be written: %s",
		                        strerror(errno));
	buf_free(&why);
	return result;
}

int admin_do_alone(const struct command *c, const struct admin_alone *alone,
                   enum http_method method, str target, str body, struct admin_asked *ret)
{
	return admin_run(c,
	                 &(struct admin_errand){ .method = method,
	                                         .target = target,
	                                         .body = body,
	                                         .alone = *alone },
	                 ret);
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

void admin_add_time(struct buf *target, const char *name, usec wall)
{
	struct buf time = BUF_LIMIT(64);

	if (wall == 0 || wall == INT64_MAX)
		return;
	rfc3339_write(&time, wall);
	admin_add_query(target, name, buf_z(&time));
	buf_free(&time);
}

static bool to_stdout(void *arg, str bytes)
{
	(void)arg;
	return fwrite(bytes.ptr, 1, bytes.len, stdout) == bytes.len;
}

int admin_print(const struct command *c, str target)
{
	struct admin_sink sink = { .take = to_stdout };
	struct admin_asked a;
	int result =
	        admin_run(c,
	                  &(struct admin_errand){
	                          .method = HTTP_GET, .target = target, .sink = &sink },
	                  &a);

	admin_asked_done(&a);
	return result;
}

str admin_text(struct json_value object, const char *name, char *room, size_t size)
{
	struct json_value v = json_get(object, str_from_z(name));

	return v.type == JSON_STRING && v.raw.len <= size ? json_text(v, room) : STR_NONE;
}
