/* api_stored.c - the store of provider keys: what is in it, never a key.
 *
 * The store is a file (config/vault.h), changed on the thread of the ledger's writer as
 * the last act of the transaction that writes the entry.  When the answer comes it is in
 * force where a gateway runs: the configuration was read again.  What that said is told
 * once and not kept for an Idempotency-Key. */
#include "admin/api.h"
#include "admin/stored.h"
#include "base/mem.h"
#include "codec/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One request; its store is opened when it is needed. */
struct storing {
	struct admin_call *c;
	struct config *config; /* NULL: the usual place of master keys */
	struct master_place at;
	struct buf why;
	bool is_first;   /* people are to be told of the master key */
	bool is_written; /* the file is another one */
	/* what is asked for */
	struct vault_row row;
	bool replace, forget_old;
	uint64_t id; /* 0: all of row.provider */
	/* and what became of it */
	unsigned count;
	struct stored_rotation rotation;
	void (*write)(const struct storing *s, struct json_writer *to);
};

static void storing_init(struct storing *s, struct admin_call *c)
{
	*s = (struct storing){ .c = c, .why = BUF_LIMIT(8 * KiB) };
	s->config = admin_config(c);
	s->at = stored_place(s->config ? s->config->key_file : c->house->key_file,
	                     c->house->dir);
}

static void storing_done(struct storing *s)
{
	buf_free(&s->why);
	config_unref(&s->config);
}

static int store_problem(struct storing *s)
{
	return admin_problem(s->c, 503, "store_unavailable", NULL, "%.*s",
	                     STR_ARG(buf_str(&s->why)));
}

/* All that is in it; *ret_master is ended by the caller (NULL: here).  0: good. */
static int open_store(struct storing *s, struct vault *ret, struct master *ret_master)
{
	struct master master = { 0 };

	*ret = (struct vault){ 0 };
	if (ret_master)
		*ret_master = master;
	if (!vault_exists(s->c->house->dir))
		return 0;
	if (!vault_open(&s->at, &master, ret, &s->why))
		return store_problem(s);
	if (ret_master)
		*ret_master = master;
	else
		master_done(&master);
	return 0;
}

static void write_row(struct json_writer *w, const struct vault_row *row)
{
	json_open(w, '{');
	admin_write_id(w, STR("id"), row->id);
	json_key_str(w, STR("provider"), row->provider);
	json_key_int(w, STR("version"), row->version);
	admin_write_time(w, STR("created"), row->created_wall);
	if (row->format.len)
		json_key_str(w, STR("format"), row->format);
	if (row->url.len)
		json_key_str(w, STR("url"), row->url);
	json_close(w, '}');
}

/* ---- looking ---- */

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct vault_row *)a)->id,
	         y = ((const struct vault_row *)b)->id;

	return x < y ? -1 : x > y;
}

/* By their ids, so that a page begins where the one before ended whatever went. */
int api_provider_keys(struct admin_call *c)
{
	str provider = admin_query(c, "provider");
	unsigned most, count = 0;
	uint64_t after, last = 0;
	struct storing s;
	struct vault v;
	int status;

	if (!(most = admin_page(c, &after)))
		return 400;
	storing_init(&s, c);
	if (!(status = open_store(&s, &v, NULL))) {
		if (v.count)
			qsort(v.rows, v.count, sizeof(*v.rows), by_id);
		json_open(&c->to, '{');
		json_key(&c->to, STR("data"));
		json_open(&c->to, '[');
		for (unsigned i = 0; i < v.count && count <= most; i++) {
			const struct vault_row *row = &v.rows[i];

			if (row->id <= after ||
			    (provider.len && !str_eq(row->provider, provider)) ||
			    count++ == most)
				continue;
			write_row(&c->to, row);
			last = row->id;
		}
		json_close(&c->to, ']');
		admin_page_end(c, count > most ? last : 0);
		json_close(&c->to, '}');
		vault_done(&v);
		status = 200;
	}
	storing_done(&s);
	return status;
}

static bool id_of(const struct admin_call *c, uint64_t *ret)
{
	return c->params[0].len == 12 && hex_to_u64(c->params[0], ret) && *ret != 0;
}

int api_provider_key(struct admin_call *c)
{
	struct storing s;
	struct vault v;
	uint64_t id;
	int status;

	if (!id_of(c, &id))
		return admin_not_found(c, "provider key");
	storing_init(&s, c);
	if (!(status = open_store(&s, &v, NULL))) {
		for (unsigned i = 0; i < v.count; i++)
			if (v.rows[i].id == id)
				write_row(&c->to, &v.rows[i]);
		vault_done(&v);
		status = c->out->len ? 200 : admin_not_found(c, "provider key");
	}
	storing_done(&s);
	return status;
}

/* What seals the store. */
int api_secrets(struct admin_call *c)
{
	struct master master;
	struct storing s;
	struct vault v;
	int status;

	storing_init(&s, c);
	if (!(status = open_store(&s, &v, &master))) {
		char room[16];

		snprintf(room, sizeof(room), "%08" PRIx32, v.sealed_with);
		json_open(&c->to, '{');
		json_key_int(&c->to, STR("rows"), v.count);
		json_key_int(&c->to, STR("keys"), master.count);
		if (v.sealed_with) {
			json_key_str(&c->to, STR("master"), str_from_z(room));
			json_key_bool(&c->to, STR("current"),
			              v.sealed_with == master_current(&master)->id);
		}
		json_close(&c->to, '}');
		vault_done(&v);
		if (master.count)
			master_done(&master);
		status = 200;
	}
	storing_done(&s);
	return status;
}

/* ---- changing ---- */

/* The answer, and with `said` (may be empty) what came of putting it in force. */
static void write_answer(struct storing *s, const struct buf *said)
{
	struct json_writer *w = &s->c->to;

	json_open(w, '{');
	s->write(s, w);
	if (said && s->c->house->ops)
		json_key_bool(w, STR("in_force"), said->len == 0);
	if (said && (said->len || s->is_first)) {
		struct buf text = BUF_LIMIT(64 * KiB);

		if (said->len)
			buf_addf(&text, "it is in the store, but not in force: %.*s%s",
			         STR_ARG(buf_str(said)), s->is_first ? "; " : "");
		if (s->is_first)
			stored_say_made(s->c->house->dir, &text);
		json_key_str(w, STR("said"), buf_str(&text));
		buf_free(&text);
	}
	json_close(w, '}');
}

static bool is_used(const struct provider *p, const struct secret *key)
{
	for (unsigned i = 0; i < p->key_count; i++)
		if (secret_eq(&p->keys[i], key))
			return true;
	return false;
}

/* The store comes last.  A provider the configuration does not have yet is no failure. */
static void look_for_key(const struct storing *s, struct buf *said)
{
	struct config *now = admin_config(s->c);
	const struct provider *p =
	        now ? config_find_provider(now, s->row.provider) : NULL;

	if (p && !is_used(p, &s->row.key))
		buf_addf(said,
		         "provider \"%.*s\" does not take it; what its configuration "
		         "says, or a variable that is set, goes before the store (write "
		         "key: store)",
		         STR_ARG(p->name));
	config_unref(&now);
}

static int put_in_force(struct storing *s, int status)
{
	const struct admin_house *h = s->c->house;
	struct buf said = BUF_LIMIT(32 * KiB), ignored = BUF_LIMIT(32 * KiB);

	if (h->ops && !h->ops->reload(h->arg, &ignored))
		buf_add(&said,
		        ignored.len ? buf_str(&ignored) : STR("nothing was reloaded"));
	else if (h->ops && secret_is_set(&s->row.key))
		look_for_key(s, &said);
	buf_clear(s->c->out);
	s->c->to = (struct json_writer){ .to = s->c->out };
	write_answer(s, &said);
	buf_free(&said);
	buf_free(&ignored);
	return status;
}

static int change(struct storing *s, admin_change_fn *run, int good)
{
	int status = admin_change_file(s->c, run, s, &s->is_written, "the store");

	/* An answer that is repeated has changed nothing. */
	return status == good && s->is_written ? put_in_force(s, status) : status;
}

static void write_put(const struct storing *s, struct json_writer *to)
{
	admin_write_id(to, STR("id"), s->row.id);
	json_key_str(to, STR("provider"), s->row.provider);
	json_key_int(to, STR("version"), s->row.version);
	admin_write_time(to, STR("created"), s->row.created_wall);
}

static void set_target(struct storing *s, uint64_t id)
{
	struct buf hex = BUF_LIMIT(32);

	buf_add_hex(&hex, id, 12);
	s->c->target = arena_copy(s->c->keep, buf_str(&hex));
	buf_free(&hex);
}

static int put(struct admin_call *c, struct ledger *l, void *arg)
{
	struct json_writer after = { .to = &c->after };
	struct storing *s = arg;

	(void)l;
	if (!stored_put(&s->at, &s->row, s->replace, &s->is_first, &s->why))
		return store_problem(s);
	s->is_written = true;
	set_target(s, s->row.id);
	write_row(&after, &s->row);
	write_answer(s, NULL);
	return 201;
}

/* Will it be somebody's? */
static bool is_good(struct storing *s)
{
	if (!stored_check(&s->row, &s->why))
		return false;
	if (!s->config || config_find_provider(s->config, s->row.provider))
		return true;
	return s->config->file.len ? stored_check_typo(&s->row, &s->why)
	                           : stored_check_unwritten(&s->row, &s->why);
}

int api_provider_key_create(struct admin_call *c)
{
	struct json_value key = admin_member(c, "key");
	char *room = mem_new(key.raw.len + 1);
	struct storing s;
	int status;

	storing_init(&s, c);
	s.write = write_put;
	s.replace = admin_member(c, "replace").type == JSON_TRUE;
	s.row = (struct vault_row){ .provider = admin_member_text(c, "provider"),
		                    .format = admin_member_text(c, "format"),
		                    .url = admin_member_text(c, "url"),
		                    .key = { json_text(key, room) } };
	if (is_good(&s))
		status = change(&s, put, 201);
	else
		status = admin_problem(c, 400, "invalid_member", NULL, "%.*s",
		                       STR_ARG(buf_str(&s.why)));
	mem_wipe(room, key.raw.len + 1);
	free(room);
	storing_done(&s);
	return status;
}

static bool is_meant(const struct storing *s, const struct vault_row *row)
{
	return (!s->id || row->id == s->id) &&
	       (!s->row.provider.len || str_eq(row->provider, s->row.provider));
}

/* What goes, into the entry.  0: there is such. */
static int look_up(struct storing *s)
{
	struct json_writer before = { .to = &s->c->before };
	unsigned count = 0;
	struct vault v;
	int status = open_store(s, &v, NULL);

	if (status)
		return status;
	json_open(&before, '{');
	json_key(&before, STR("ids"));
	json_open(&before, '[');
	for (unsigned i = 0; i < v.count; i++) {
		if (!is_meant(s, &v.rows[i]))
			continue;
		admin_id(&before, v.rows[i].id);
		if (count++ == 0)
			s->row.provider = arena_copy(s->c->keep, v.rows[i].provider);
	}
	json_close(&before, ']');
	json_key_str(&before, STR("provider"), s->row.provider);
	json_close(&before, '}');
	vault_done(&v);
	return count ? 0 : admin_not_found(s->c, "provider key");
}

static void write_removed(const struct storing *s, struct json_writer *to)
{
	json_key_int(to, STR("count"), s->count);
}

static int take_out(struct admin_call *c, struct ledger *l, void *arg)
{
	struct storing *s = arg;
	int status = look_up(s);

	(void)l;
	if (status)
		return status;
	if (!stored_remove(&s->at, s->row.provider, s->id, &s->count, &s->why))
		return store_problem(s);
	s->is_written = true;
	if (!s->id)
		c->target = s->row.provider;
	write_answer(s, NULL);
	return 200;
}

static int remove_keys(struct admin_call *c, uint64_t id)
{
	struct storing s;
	int status;

	storing_init(&s, c);
	s.write = write_removed;
	s.id = id;
	s.row.provider = admin_query(c, "provider");
	status = change(&s, take_out, 200);
	storing_done(&s);
	return status;
}

int api_provider_key_remove(struct admin_call *c)
{
	uint64_t id;

	return id_of(c, &id) ? remove_keys(c, id) : admin_not_found(c, "provider key");
}

int api_provider_keys_remove(struct admin_call *c)
{
	if (admin_query(c, "provider").len == 0)
		return admin_problem(c, 400, "missing_parameter", "provider",
		                     "name the provider: ?provider=openai");
	return remove_keys(c, 0);
}

/* ---- master keys ---- */

static void write_rotation(const struct storing *s, struct json_writer *to)
{
	char room[16];

	snprintf(room, sizeof(room), "%08" PRIx32, s->rotation.id);
	json_key_str(to, STR("master"), str_from_z(room));
	json_key_int(to, STR("rows"), s->rotation.rows);
	json_key_int(to, STR("keys"), s->rotation.keys);
}

static int rotate(struct admin_call *c, struct ledger *l, void *arg)
{
	struct storing *s = arg;

	(void)l;
	if (!stored_rotate(&s->at, s->forget_old, &s->rotation, &s->why))
		return store_problem(s);
	s->is_written = true;
	write_answer(s, NULL);
	buf_set(&c->after, buf_str(c->out));
	return 200;
}

int api_secrets_rotate(struct admin_call *c)
{
	struct storing s;
	int status;

	storing_init(&s, c);
	s.write = write_rotation;
	s.forget_old = admin_member(c, "forget_old").type == JSON_TRUE;
	status = change(&s, rotate, 200);
	storing_done(&s);
	return status;
}
