/* api_tokens.c - the tokens of this API: made, listed, revoked. */
#include "admin/api.h"
#include "admin/token.h"
#include "base/mem.h"
#include "codec/text.h"
#include "codec/utf8.h"

void admin_write_token(struct json_writer *w, const struct admin_token_row *t)
{
	admin_write_id(w, STR("id"), t->id);
	json_key_str(w, STR("name"), t->name);
	json_key(w, STR("scopes"));
	json_open(w, '[');
	for (int i = 0; i < ADMIN_SCOPES; i++)
		if (t->scopes >> i & 1)
			json_str(w, admin_scope_names[i]);
	json_close(w, ']');
	admin_write_time(w, STR("created"), t->created_wall);
	admin_write_time(w, STR("expires"), t->expires_wall);
	admin_write_time(w, STR("revoked"), t->revoked_wall);
}

static bool write_token(void *arg, const struct admin_token_row *t)
{
	struct json_writer *w = arg;

	json_open(w, '{');
	admin_write_token(w, t);
	json_close(w, '}');
	return true;
}

int api_tokens(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);

	if (!l)
		return 503;
	json_open(&c->to, '{');
	json_key(&c->to, STR("data"));
	json_open(&c->to, '[');
	if (!ledger_tokens(l, 0, write_token, &c->to))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the ledger could not be read");
	json_close(&c->to, ']');
	json_close(&c->to, '}');
	return 200;
}

static bool id_of(const struct admin_call *c, uint64_t *ret)
{
	return c->params[0].len == 12 && hex_to_u64(c->params[0], ret) && *ret != 0;
}

int api_token(struct admin_call *c)
{
	struct ledger *l = admin_reader(c);
	uint64_t id;

	if (!l)
		return 503;
	if (!id_of(c, &id))
		return admin_not_found(c, "token");
	if (!ledger_tokens(l, id, write_token, &c->to))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the ledger could not be read");
	return c->out->len ? 200 : admin_not_found(c, "token");
}

/* ---- create ---- */

struct creation {
	struct admin_token_row row;
	char text[ADMIN_TOKEN];
};

static int put_token(struct admin_call *c, struct ledger *l, void *arg)
{
	struct creation *n = arg;
	struct json_writer *w = &c->to, note = { .to = &c->after };
	struct buf id = BUF_LIMIT(32);

	if (!ledger_token_put(l, &n->row))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the token could not be written");
	buf_add_hex(&id, n->row.id, 12);
	c->target = arena_copy(c->keep, buf_str(&id));
	buf_free(&id);
	json_open(&note, '{');
	admin_write_token(&note, &n->row);
	json_close(&note, '}');
	json_open(w, '{');
	admin_write_token(w, &n->row);
	json_key_str(w, STR("token"), str_of(n->text, ADMIN_TOKEN));
	json_close(w, '}');
	return 201;
}

static bool name_is_good(str name)
{
	return name.len > 0 && name.len <= ADMIN_TOKEN_NAME && !utf8_has_steering(name);
}

/* 0: good. */
static int read_scopes(struct admin_call *c, unsigned *ret)
{
	struct json_member item;
	struct json_value list = admin_member(c, "scopes");

	*ret = 0;
	for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
		unsigned scope;
		str word =
		        json_text(item.value, arena_alloc(c->keep, item.value.raw.len));

		if (!admin_scopes_parse(word, &scope))
			return admin_problem(c, 400, "invalid_member", "scopes",
			                     "\"%.*s\" is not read, keys, config or all",
			                     STR_ARG(str_first(word, 40)));
		*ret |= scope;
	}
	return *ret ? 0
	            : admin_problem(c, 400, "invalid_member", "scopes",
	                            "a token has one scope at least: read, keys, config, "
	                            "all");
}

int api_token_create(struct admin_call *c)
{
	str name = admin_member_text(c, "name"), when = admin_member_text(c, "expires");
	usec expires = 0;
	struct creation n;
	unsigned scopes;
	int status;

	if (!name_is_good(name))
		return admin_problem(c, 400, "invalid_member", "name",
		                     "a name has 1 to %d bytes and no control characters",
		                     ADMIN_TOKEN_NAME);
	if ((status = read_scopes(c, &scopes)))
		return status;
	if (when.len && (!rfc3339_parse(when, &expires) || expires <= c->wall))
		return admin_problem(c, 400, "invalid_member", "expires",
		                     "a time to come, like 2027-01-01T00:00:00Z");
	admin_token_make(name, scopes, c->wall, expires, &n.row, n.text);
	status = admin_change(c, put_token, &n);
	mem_wipe(&n, sizeof(n));
	return status;
}

/* ---- revoke ---- */

static bool write_note(void *arg, const struct admin_token_row *t)
{
	struct json_writer w = { .to = arg };

	return write_token(&w, t);
}

static int revoke_token(struct admin_call *c, struct ledger *l, void *arg)
{
	const uint64_t *id = arg;
	bool is_changed;

	if (!ledger_tokens(l, *id, write_note, &c->before) ||
	    !ledger_token_revoke(l, *id, c->wall, &is_changed) ||
	    !ledger_tokens(l, *id, write_note, &c->after))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the token could not be revoked");
	if (c->after.len == 0)
		return admin_not_found(c, "token");
	buf_add(c->out, buf_str(&c->after));
	return 200;
}

int api_token_revoke(struct admin_call *c)
{
	uint64_t id;

	return id_of(c, &id) ? admin_change(c, revoke_token, &id)
	                     : admin_not_found(c, "token");
}
