/* request.c - what can be asked at $data/admin.sock, one row each.
 *
 * A handler writes its members into the open answer and returns NULL, or says what is
 * wrong; then the answer is begun anew with the error alone. */
#include "admin/request.h"

#include "admin/keys.h"
#include "admin/request_private.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "loop/sys.h"

#include <limits.h>
#include <unistd.h>

enum { MEMBERS_MOST = 8 };

static const struct json_limits limits = { 4, 32, 64, 32 };

/* ---- helpers ---- */

void request_write_id(struct json_writer *w, uint64_t id)
{
	struct buf hex = BUF_LIMIT(32);

	buf_add_hex(&hex, id, 12);
	json_key_str(w, STR("id"), buf_str(&hex));
	buf_free(&hex);
}

str text_member(const struct request *r, const char *name, char *room, size_t size)
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

static bool write_key(void *arg, const struct key_row *key)
{
	struct json_writer *w = arg;

	json_open(w, '{');
	request_write_id(w, key->id);
	json_key_str(w, STR("name"), key->name);
	json_key_int(w, STR("created"), key->created_wall);
	if (key->revoked_wall)
		json_key_int(w, STR("revoked"), key->revoked_wall);
	json_close(w, '}');
	return !w->to->over;
}

static bool answer_keys(struct request *r)
{
	char path[PATH_MAX];
	struct ledger *l;
	bool is_read;

	if (!datadir_path(r->options->dir, "ledger.db", path, sizeof(path)) ||
	    !(l = ledger_open_reader(path, r->why)))
		return false;
	json_key(r->to, STR("keys"));
	json_open(r->to, '[');
	is_read = ledger_keys(l, write_key, r->to);
	json_close(r->to, ']');
	if (!is_read)
		buf_add(r->why, STR("the ledger could not be read"));
	ledger_close(&l);
	return is_read;
}

static bool answer_key_create(struct request *r)
{
	char room[4 * KEY_NAME_MOST], text[KEY_TEXT];
	str name = text_member(r, "name", room, sizeof(room));
	struct key_row key;

	if (!key_name_check(name, r->why))
		return false;
	key_make(r->options->pepper, name, sys_wall(), &key, text);
	if (!recorder_key_put(r->options->recorder, &key, r->why))
		return false;
	r->options->ops->key_changed(r->options->arg, &key);
	request_write_id(r->to, key.id);
	json_key_str(r->to, STR("name"), name);
	json_key_str(r->to, STR("key"), str_of(text, KEY_TEXT));
	mem_wipe(text, sizeof(text));
	return true;
}

static bool answer_key_revoke(struct request *r)
{
	char room[KiB];
	str id = text_member(r, "id", room, sizeof(room));
	struct key_row key = { .revoked_wall = sys_wall() };
	bool is_found = false;

	if (!key_id_parse(id, &key.id)) {
		buf_add(r->why, STR("the id of a key has 12 hex digits"));
		return false;
	}
	if (!recorder_key_revoke(r->options->recorder, key.id, key.revoked_wall,
	                         &is_found, r->why))
		return false;
	if (!is_found) {
		buf_add(r->why, STR("there is no key with this id"));
		return false;
	}
	r->options->ops->key_changed(r->options->arg, &key);
	request_write_id(r->to, key.id);
	return true;
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
	str model = text_member(r, "model", room, sizeof(room));

	return r->options->ops->explain(r->options->arg, model, r->to, r->why);
}

static bool answer_health(struct request *r)
{
	r->options->ops->health(r->options->arg, r->to);
	return true;
}

static bool answer_body_look(struct request *r)
{
	char room[64];
	str text = text_member(r, "id", room, sizeof(room));
	uint64_t id;

	if (!hex_to_u64(text, &id)) {
		buf_add(r->why, STR("the id of a request has 16 hex digits"));
		return false;
	}
	r->options->ops->body_look(r->options->arg, id);
	return true;
}

static bool write_stop(void *arg, struct ledger *l, struct buf *why)
{
	(void)why;
	return ledger_trial_stop(l, *(const str *)arg, sys_wall());
}

static bool answer_trial_stop(struct request *r)
{
	char room[KiB];
	str name = text_member(r, "name", room, sizeof(room));

	if (!name.len || name.len > 64) {
		buf_add(r->why, STR("there is no such trial"));
		return false;
	}
	if (!recorder_write(r->options->recorder, write_stop, &name, r->why))
		return false;
	r->options->ops->trial_stopped(r->options->arg, name);
	return true;
}

static const struct request_row {
	const char *name;
	bool (*answer)(struct request *r); /* false: r->why */
} rows[] = {
	{ "status", answer_status },
	{ "keys", answer_keys },
	{ "key_create", answer_key_create },
	{ "key_revoke", answer_key_revoke },
	{ "flush", answer_flush },
	{ "reload", answer_reload },
	{ "explain", answer_explain },
	{ "health", answer_health },
	{ "provider_key_put", answer_provider_key_put },
	{ "provider_key_remove", answer_provider_key_remove },
	{ "secrets_rotate", answer_secrets_rotate },
	{ "trial_stop", answer_trial_stop },
	{ "body_look", answer_body_look },
};

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
			return rows[i].answer(r);
	buf_add(r->why, STR("this cannot be asked here"));
	return false;
}

void admin_answer(const struct clerk_options *options, str line, struct buf *to)
{
	struct buf why = BUF_LIMIT(64 * KiB);
	struct json_writer good = { .to = to }, bad = { .to = to };
	struct request r = { .options = options, .to = &good, .why = &why };
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

/* ---- HTTP ---- */

/* The request as a line; false: there is no such path. */
static bool line_of(str target, struct buf *to)
{
	str query = target, path = str_cut(&query, '?'), raw = STR_NONE, model = STR_NONE;
	struct json_writer w = { .to = to };
	char room[2 * KiB];
	bool is_explain = str_eq(path, STR("/admin/explain"));

	if (!is_explain && !str_eq(path, STR("/admin/health")))
		return false;
	if (is_explain && (!url_query_get(query, STR("model"), &raw, NULL) ||
	                   raw.len > sizeof(room) || !url_decode(raw, room, &model)))
		return false;
	json_open(&w, '{');
	json_key_str(&w, STR("do"), is_explain ? STR("explain") : STR("health"));
	json_key_str(&w, STR("model"), model);
	json_close(&w, '}');
	return true;
}

void admin_answer_http(const struct clerk_options *options, str head, struct buf *to)
{
	struct buf line = BUF_LIMIT(16 * KiB), body = BUF_LIMIT(4 * MiB);
	const char *status = "404 Not Found";

	str_skip(&head, STR("GET "));
	if (line_of(str_cut(&head, ' '), &line)) {
		admin_answer(options, buf_str(&line), &body);
		if (str_starts(buf_str(&body), STR("{\"ok\":true")))
			status = "200 OK";
	} else {
		buf_add(&body, STR("GET /admin/explain?model=NAME or /admin/health\n"));
	}
	buf_addf(to,
	         "HTTP/1.1 %s\r\ncontent-type: application/json\r\n"
	         "content-length: %zu\r\nconnection: close\r\n\r\n",
	         status, body.len);
	buf_add(to, buf_str(&body));
	buf_free(&line);
	buf_free(&body);
}
