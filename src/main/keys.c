/* keys.c - sluice keys create|list|revoke.
 *
 * A running gateway is asked at its socket, because it owns the ledger's only writer and
 * its workers must know of the change.  Without one the command takes the lock itself and
 * is the writer for a moment. */
#include "admin/client.h"
#include "admin/keys.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "loop/sys.h"
#include "main/command.h"
#include "main/text.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct keys {
	struct command *c;
	str dir;
	struct buf why;
	struct buf answer; /* a running gateway's */
};

/* ---- without a gateway ---- */

/* The ledger as its only writer; *ret_lock is to be closed behind it. */
static struct ledger *open_ledger(struct keys *k, int *ret_lock)
{
	char path[PATH_MAX];
	struct ledger *l;

	if (!datadir_lock(k->dir, ret_lock, &k->why))
		return NULL;
	if (!datadir_path(k->dir, "ledger.db", path, sizeof(path)))
		buf_add(&k->why, STR("the name of the data directory is too long"));
	else if ((l = ledger_open(path, &k->why)))
		return l;
	close(*ret_lock);
	return NULL;
}

static bool end_change(struct keys *k, struct ledger *l, int lock, bool is_done)
{
	bool no_space;

	is_done = is_done && ledger_commit(l);
	if (!is_done) {
		buf_add(&k->why, str_from_z(ledger_error(l, &no_space)));
		ledger_rollback(l);
	}
	ledger_close(&l);
	close(lock);
	return is_done;
}

static bool put_directly(struct keys *k, str name, struct key_row *key,
                         char text[KEY_TEXT])
{
	uint8_t pepper[PEPPER];
	struct ledger *l;
	int lock;

	if (!(l = open_ledger(k, &lock)))
		return false;
	if (!keys_pepper(k->dir, pepper, &k->why)) {
		ledger_close(&l);
		close(lock);
		return false;
	}
	key_make(pepper, name, sys_wall(), key, text);
	mem_wipe(pepper, sizeof(pepper));
	return end_change(k, l, lock, ledger_begin(l) && ledger_key_put(l, key));
}

static bool revoke_directly(struct keys *k, uint64_t id, bool *ret_found)
{
	struct ledger *l;
	int lock;

	if (!(l = open_ledger(k, &lock)))
		return false;
	return end_change(k, l, lock,
	                  ledger_begin(l) &&
	                          ledger_key_revoke(l, id, sys_wall(), ret_found));
}

/* ---- with one ---- */

static bool ask_gateway(struct keys *k, str request, struct json_value *ret,
                        bool *ret_asked)
{
	return admin_ask_holder(k->dir, request, &k->answer, ret, ret_asked, &k->why);
}

/* ---- create ---- */

static void print_new(struct keys *k, str id, str name, str text)
{
	struct buf out = BUF_LIMIT(8 * KiB);
	struct json_writer w = { .to = &out };

	if (k->c->json) {
		json_open(&w, '{');
		json_key_str(&w, STR("id"), id);
		json_key_str(&w, STR("name"), name);
		json_key_str(&w, STR("key"), text);
		json_close(&w, '}');
		printf("%.*s\n", (int)out.len, out.ptr);
	} else {
		printf("%.*s\n", STR_ARG(text));
		fprintf(stderr,
		        "key %.*s \"%.*s\": shown this once, only a hash is kept\n",
		        STR_ARG(id), STR_ARG(name));
	}
	mem_wipe(out.ptr, out.len);
	buf_free(&out);
}

static int create_key(struct keys *k)
{
	str name = str_from_z(command_value(k->c, "name"));
	struct buf request = BUF_LIMIT(4 * KiB), id = BUF_LIMIT(32);
	struct json_writer w = { .to = &request };
	char text[KEY_TEXT], room[2][256];
	struct json_value answer;
	struct key_row key;
	bool is_asked;
	int result = EXIT_OK;

	if (name.len == 0)
		return command_misused(k->c, "keys create: give it a name: --name NAME");
	if (!key_name_check(name, &k->why))
		return command_misused(k->c, "%.*s", (int)k->why.len, k->why.ptr);
	json_open(&w, '{');
	json_key_str(&w, STR("do"), STR("key_create"));
	json_key_str(&w, STR("name"), name);
	json_close(&w, '}');
	if (ask_gateway(k, buf_str(&request), &answer, &is_asked)) {
		print_new(k, json_text(json_get(answer, STR("id")), room[0]), name,
		          json_text(json_get(answer, STR("key")), room[1]));
	} else if (!is_asked && datadir_make(k->dir, &k->why) &&
	           put_directly(k, name, &key, text)) {
		buf_add_hex(&id, key.id, 12);
		print_new(k, buf_str(&id), name, str_of(text, KEY_TEXT));
	} else {
		result = command_failed("the key was not made: %.*s", (int)k->why.len,
		                        k->why.ptr);
	}
	mem_wipe(text, sizeof(text));
	mem_wipe(room, sizeof(room));
	buf_free(&request);
	buf_free(&id);
	return result;
}

/* ---- list ---- */

struct list {
	struct json_writer w;
	struct buf *out;
	bool json;
	unsigned count;
};

static void list_json(struct list *l, const struct key_row *key, str id)
{
	struct buf time = BUF_LIMIT(128);
	size_t created;

	rfc3339_write(&time, key->created_wall);
	created = time.len;
	if (key->revoked_wall)
		rfc3339_write(&time, key->revoked_wall);
	json_open(&l->w, '{');
	json_key_str(&l->w, STR("id"), id);
	json_key_str(&l->w, STR("name"), key->name);
	json_key_str(&l->w, STR("created"), str_first(buf_str(&time), created));
	if (key->revoked_wall)
		json_key_str(&l->w, STR("revoked"), str_from(buf_str(&time), created));
	json_close(&l->w, '}');
	buf_free(&time);
}

static bool list_key(void *arg, const struct key_row *key)
{
	struct buf id = BUF_LIMIT(32);
	struct list *l = arg;

	l->count++;
	buf_add_hex(&id, key->id, 12);
	if (l->json) {
		list_json(l, key, buf_str(&id));
	} else {
		buf_addf(l->out, "%.*s  created ", (int)id.len, id.ptr);
		text_time(l->out, key->created_wall);
		if (key->revoked_wall) {
			buf_add(l->out, STR("  revoked "));
			text_time(l->out, key->revoked_wall);
		} else {
			buf_add(l->out, STR("  active                "));
		}
		buf_add(l->out, STR("  "));
		text_safe(l->out, key->name);
		buf_add_char(l->out, '\n');
	}
	buf_free(&id);
	return true;
}

static int list_keys(struct keys *k)
{
	struct buf out = BUF_LIMIT(64 * MiB);
	struct list l = { .w = { .to = &out }, .out = &out, .json = k->c->json };
	char path[PATH_MAX];
	struct ledger *ledger = NULL;
	bool is_read = true;

	if (!datadir_path(k->dir, "ledger.db", path, sizeof(path)))
		return command_failed("the name of the data directory is too long");
	if (access(path, F_OK) == 0 && !(ledger = ledger_open_reader(path, &k->why)))
		return command_failed("%s: %.*s", path, (int)k->why.len, k->why.ptr);
	if (l.json)
		json_open(&l.w, '[');
	if (ledger)
		is_read = ledger_keys(ledger, list_key, &l);
	if (l.json)
		json_close(&l.w, ']');
	printf("%.*s%s", (int)out.len, out.ptr, l.json ? "\n" : "");
	if (l.count == 0)
		fprintf(stderr,
		        "no keys in %.*s; make one: sluice keys create --name NAME\n",
		        STR_ARG(k->dir));
	ledger_close(&ledger);
	buf_free(&out);
	return is_read ? EXIT_OK : command_failed("the ledger could not be read");
}

/* ---- revoke ---- */

static int revoke_key(struct keys *k)
{
	struct buf request = BUF_LIMIT(KiB);
	struct json_value answer;
	bool is_asked, is_found = false, is_done;
	uint64_t id;

	if (k->c->argc < 2 || !key_id_parse(str_from_z(k->c->argv[1]), &id))
		return command_misused(k->c,
		                       "keys revoke: give the id of a key, 12 hex digits "
		                       "(sluice keys list)");
	buf_add(&request, STR("{\"do\":\"key_revoke\",\"id\":\""));
	buf_add_hex(&request, id, 12);
	buf_add(&request, STR("\"}"));
	is_done = ask_gateway(k, buf_str(&request), &answer, &is_asked);
	buf_free(&request);
	if (!is_done && !is_asked) {
		is_done = datadir_make(k->dir, &k->why) &&
		          revoke_directly(k, id, &is_found);
		if (is_done && !is_found) {
			buf_add(&k->why, STR("there is no key with this id"));
			is_done = false;
		}
	}
	if (!is_done)
		return command_failed("the key was not revoked: %.*s", (int)k->why.len,
		                      k->why.ptr);
	if (k->c->json)
		printf("{\"id\":\"%012llx\",\"revoked\":true}\n", (unsigned long long)id);
	else
		fprintf(stderr, "key %012llx is revoked\n", (unsigned long long)id);
	return EXIT_OK;
}

int keys_command(struct command *c)
{
	const char *what = c->argc > 0 ? c->argv[0] : "list";
	struct keys k = { .c = c, .why = BUF_LIMIT(8 * KiB), .answer = BUF_LIMIT(KiB) };
	struct buf dir = { 0 };
	int result;

	if (!command_data(c, &dir)) {
		buf_free(&dir);
		return EXIT_CONFIG;
	}
	k.dir = buf_str(&dir);
	if (strcmp(what, "create") == 0)
		result = create_key(&k);
	else if (strcmp(what, "list") == 0)
		result = list_keys(&k);
	else if (strcmp(what, "revoke") == 0)
		result = revoke_key(&k);
	else
		result = command_misused(c, "keys: \"%s\" is not create, list or revoke",
		                         what);
	if (k.answer.ptr)
		mem_wipe(k.answer.ptr, k.answer.cap);
	buf_free(&k.answer);
	buf_free(&k.why);
	buf_free(&dir);
	return result;
}
