/* call.c - see call.h. */
#include "admin/call.h"

#include "base/mem.h"
#include "admin/audit.h"
#include "admin/call_private.h"
#include "admin/replay.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "http/head.h"

#include <limits.h>
#include <stdio.h>

enum { NOTE_MOST = 64 * KiB }; /* before and after, in the audit log */

void admin_house_done(struct admin_house *h)
{
	ledger_close(&h->reader);
}

/* ---- answers ---- */

static void clear_answer(struct admin_call *c)
{
	if (c->out->ptr)
		mem_wipe(c->out->ptr, c->out->len);
	buf_clear(c->out);
	admin_pieces_done(&c->pieces);
	c->to = (struct json_writer){ .to = c->out };
	c->etag[0] = 0;
	c->content_type = STR_NONE;
}

int admin_problem(struct admin_call *c, int status, const char *type, const char *param,
                  const char *fmt, ...)
{
	struct buf text = BUF_LIMIT(16 * KiB), urn = BUF_LIMIT(256);
	struct json_writer *w = &c->to;
	va_list args;

	va_start(args, fmt);
	buf_vaddf(&text, fmt, args);
	va_end(args);
	buf_addf(&urn, "urn:sluice:%s", type);
	clear_answer(c);
	c->content_type = STR("application/problem+json");
	json_open(w, '{');
	json_key_str(w, STR("type"), buf_str(&urn));
	json_key_str(w, STR("title"), http_reason(status));
	json_key_int(w, STR("status"), status);
	json_key_str(w, STR("detail"), buf_str(&text));
	json_key(w, STR("error"));
	json_open(w, '{');
	json_key_str(w, STR("type"), str_from_z(type));
	json_key_str(w, STR("message"), buf_str(&text));
	json_key(w, STR("param"));
	if (param)
		json_str(w, str_from_z(param));
	else
		json_null(w);
	json_close(w, '}');
	json_close(w, '}');
	buf_free(&text);
	buf_free(&urn);
	return status;
}

int admin_not_found(struct admin_call *c, const char *what)
{
	return admin_problem(c, 404, "not_found", NULL, "there is no %s of this id",
	                     what);
}

void admin_id(struct json_writer *w, uint64_t id)
{
	char room[32];
	struct buf hex = { room, .cap = sizeof(room), .limit = sizeof(room) };

	if (id == 0) {
		json_null(w);
		return;
	}
	buf_add_hex(&hex, id, 12);
	json_str(w, buf_str(&hex));
}

void admin_write_id(struct json_writer *w, str key, uint64_t id)
{
	json_key(w, key);
	admin_id(w, id);
}

void admin_write_time(struct json_writer *w, str key, usec wall)
{
	char room[64];
	struct buf at = { room, .cap = sizeof(room), .limit = sizeof(room) };

	json_key(w, key);
	if (wall == 0) {
		json_null(w);
		return;
	}
	rfc3339_write(&at, wall);
	json_str(w, buf_str(&at));
}

void admin_write_usd(struct json_writer *w, str key, int64_t nano)
{
	char room[64];
	struct buf usd = { room, .cap = sizeof(room), .limit = sizeof(room) };

	json_key(w, key);
	if (nano < 0) {
		json_null(w);
		return;
	}
	buf_add_nano(&usd, (uint64_t)nano);
	json_str(w, buf_str(&usd));
}

/* ---- the ledger ---- */

struct ledger *admin_new_reader(struct admin_call *c)
{
	struct buf why = BUF_LIMIT(4 * KiB);
	struct ledger *l = NULL;
	char path[PATH_MAX];

	if (datadir_path(c->house->dir, "ledger.db", path, sizeof(path)))
		l = ledger_open_reader(path, &why);
	if (!l)
		admin_problem(c, 503, "ledger_unavailable", NULL,
		              "the ledger cannot be read: %.*s", (int)why.len, why.ptr);
	buf_free(&why);
	return l;
}

struct ledger *admin_reader(struct admin_call *c)
{
	struct admin_house *h = c->house;

	if (h->writer)
		return h->writer;
	if (!h->reader)
		h->reader = admin_new_reader(c);
	return h->reader;
}

void admin_flush(struct admin_call *c)
{
	if (c->house->recorder)
		recorder_flush(c->house->recorder);
}

struct change {
	struct admin_call *call;
	admin_change_fn *run;
	void *arg;
	int status;
};

static bool is_good(int status)
{
	return status >= 200 && status < 300;
}

static bool write_change(void *arg, struct ledger *l, struct buf *why)
{
	struct change *change = arg;
	struct admin_call *c = change->call;

	change->status = change->run(c, l, change->arg);
	if (!is_good(change->status))
		return false;
	if (c->route->trace == ADMIN_TRACE_CHANGE && !audit_call(c, l)) {
		buf_addf(why, "the audit log could not be written: %s",
		         ledger_error(l, NULL));
		return false;
	}
	if (c->idempotency_key.len && !replay_keep(c, l, change->status)) {
		buf_add(why, STR("the answer could not be kept for its Idempotency-Key"));
		return false;
	}
	return true;
}

/* Without a gateway: what recorder_write does. */
static bool write_directly(struct ledger *l, struct change *change, struct buf *why)
{
	bool is_begun = ledger_begin(l);

	if (is_begun && write_change(change, l, why) && ledger_commit(l))
		return true;
	if (why->len == 0)
		buf_add(why, str_from_z(ledger_error(l, NULL)));
	if (is_begun)
		ledger_rollback(l);
	return false;
}

int admin_change(struct admin_call *c, admin_change_fn *run, void *arg)
{
	struct change change = { .call = c, .run = run, .arg = arg };
	struct buf why = BUF_LIMIT(4 * KiB);
	bool is_done =
	        c->house->recorder
	                ? recorder_write(c->house->recorder, write_change, &change, &why)
	                : write_directly(c->house->writer, &change, &why);

	if (!is_done && (is_good(change.status) || change.status == 0))
		change.status =
		        admin_problem(c, 503, "ledger_unavailable", NULL,
		                      "nothing was changed: %.*s", (int)why.len, why.ptr);
	buf_free(&why);
	return change.status;
}

int admin_change_file(struct admin_call *c, admin_change_fn *run, void *arg,
                      const bool *is_written, const char *what)
{
	int status = admin_change(c, run, arg);

	if (is_good(status) || !*is_written)
		return status;
	return admin_problem(c, 503, "ledger_unavailable", NULL,
	                     "%s was changed, but the entry in the audit log could not "
	                     "be written",
	                     what);
}

static int note_first(struct admin_call *c, struct ledger *l, void *arg)
{
	(void)c;
	(void)l;
	(void)arg;
	return 200;
}

int admin_note_first(struct admin_call *c)
{
	str key = c->idempotency_key;
	int status;

	c->idempotency_key = STR_NONE; /* there is no answer yet */
	buf_set(&c->after, STR("{\"state\":\"begun\"}"));
	status = admin_change(c, note_first, NULL);
	buf_clear(&c->after);
	c->idempotency_key = key;
	return is_good(status) ? 0 : status;
}

struct config *admin_config(const struct admin_call *c)
{
	const struct admin_house *h = c->house;

	if (h->ops && h->ops->config)
		return h->ops->config(h->arg);
	return h->config ? config_ref(h->config) : NULL;
}

int admin_no_gateway(struct admin_call *c)
{
	return admin_problem(c, 503, "not_running", NULL, "no gateway runs here");
}

/* ---- ETags ---- */

static void etag_of(struct admin_call *c)
{
	uint8_t hash[AUDIT_HASH];

	if (c->etag[0])
		return;
	audit_digest(buf_str(c->out), hash);
	snprintf(c->etag, sizeof(c->etag), "\"%02x%02x%02x%02x%02x%02x%02x%02x\"",
	         hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
}

static bool is_among(str tags, const char *etag)
{
	while (tags.len > 0) {
		str one = str_trim(str_cut(&tags, ','));

		str_skip(&one, STR("W/"));
		if (str_eq(one, str_from_z(etag)) || str_eq(one, STR("*")))
			return true;
	}
	return false;
}

/* Is what is to be changed still as the client has seen it?  Changes come one after the
 * other, in this thread; nodes, which others change as well, look again when they are
 * changed.  0: it is, or it is not there, which the route itself says. */
static int check_if_match(struct admin_call *c)
{
	const struct admin_route *thing = admin_route_thing(c->route);
	struct buf out = BUF_LIMIT(ADMIN_ANSWER_MOST);
	struct admin_call look = { .house = c->house,
		                   .route = thing,
		                   .who = c->who,
		                   .wall = c->wall,
		                   .keep = c->keep,
		                   .out = &out,
		                   .to = { .to = &out } };
	int status = 0;

	if (!thing)
		return admin_problem(c, 412, "no_etag", NULL,
		                     "what this is done to has no ETag: leave If-Match "
		                     "out");
	memcpy(look.params, c->params, sizeof(look.params));
	if (thing->run(&look) == 200) {
		etag_of(&look);
		if (!is_among(c->if_match, look.etag))
			status = admin_problem(c, 412, "changed_meanwhile", NULL,
			                       "it is another one by now: its ETag is %s",
			                       look.etag);
	}
	clear_answer(&look);
	buf_free(&out);
	return status;
}

/* ---- one request ---- */

static int trace_access(struct admin_call *c, struct ledger *l, void *arg)
{
	(void)arg;
	return audit_call(c, l) ? 200
	                        : admin_problem(c, 503, "ledger_unavailable", NULL,
	                                        "the audit log could not be written");
}

static int run(struct admin_call *c)
{
	int status = 0;

	if (c->route->method != HTTP_POST)
		c->idempotency_key = STR_NONE;
	if (c->idempotency_key.len > ADMIN_IDEMPOTENCY_MOST)
		return admin_problem(c, 400, "invalid_parameter", "Idempotency-Key",
		                     "an Idempotency-Key has at most %d bytes",
		                     ADMIN_IDEMPOTENCY_MOST);
	if (c->idempotency_key.len && replay_find(c, &status))
		return status;

	if (c->route->method != HTTP_GET && c->if_match.len &&
	    (status = check_if_match(c)))
		return status;
	if (c->route->trace == ADMIN_TRACE_ACCESS)
		status = admin_change(c, trace_access, NULL);
	if (status == 0 || status == 200)
		status = c->route->run(c);
	return status;
}

int admin_call_run(struct admin_call *c)
{
	int status;

	c->to = (struct json_writer){ .to = c->out };
	c->before.limit = c->after.limit = NOTE_MOST;
	if ((status = call_check_query(c)) || (status = call_check_body(c)))
		return status;
	status = run(c);
	buf_free(&c->before);
	buf_free(&c->after);
	if (c->out->over)
		return admin_problem(
		        c, 500, "too_large", NULL,
		        "the answer is over the limit; ask for a shorter list");
	if (status == 200 && c->route->method == HTTP_GET && !c->pieces.next) {
		etag_of(c);
		if (is_among(c->if_none_match, c->etag)) {
			buf_clear(c->out);
			return 304;
		}
	}
	return status;
}
