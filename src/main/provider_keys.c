/* provider_keys.c - sluice providers add|remove|keys, sluice secrets: the encrypted
 * store.
 *
 * A running gateway is asked at its socket, so that the change is in force when the
 * command ends; without one the command takes the lock itself.  A key is never an
 * argument: everybody on the machine can read those. */
#include "main/provider_keys.h"

#include "admin/client.h"
#include "admin/stored.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "config/replace.h"
#include "main/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { INPUT_MOST = 16 * KiB, REQUEST_MOST = 64 * KiB };

struct stored {
	struct command *c;
	str dir;
	struct config *config; /* NULL: it has errors; the usual place of master keys */
	struct secret_room room;
	struct buf why, answer;
	struct buf request;
	struct json_writer w; /* of the request */
};

/* ---- where a key comes from ---- */

static bool read_stdin(struct buf *to)
{
	struct termios usual, silent;
	bool is_terminal = isatty(0) && tcgetattr(0, &usual) == 0;
	ssize_t n = 1;

	if (is_terminal) {
		silent = usual;
		silent.c_lflag &= (tcflag_t)~ECHO;
		fprintf(stderr, "key (not shown): ");
		tcsetattr(0, TCSAFLUSH, &silent);
	}
	while (n > 0 && buf_reserve(to, 1) && !str_has(buf_str(to), STR("\n"))) {
		n = read(0, to->ptr + to->len, 1);
		if (n > 0)
			to->len++;
	}
	if (is_terminal) {
		tcsetattr(0, TCSAFLUSH, &usual);
		fprintf(stderr, "\n");
	}
	return n >= 0 && !to->over;
}

/* False: said. */
static bool read_key(struct stored *s, const char *operand, struct buf *to)
{
	const char *variable = command_value(s->c, "from-env"), *value;

	if (variable) {
		value = getenv(variable);
		if (!value || !*value) {
			command_failed("the variable %s is not set", variable);
			return false;
		}
		buf_add(to, str_from_z(value));
	} else if (operand) {
		if (file_read(operand + 1, 0, to, &s->why) != FILE_FOUND) {
			command_failed("%s cannot be read: %.*s", operand + 1,
			               (int)s->why.len, s->why.ptr);
			return false;
		}
	} else if (!read_stdin(to)) {
		command_failed("the key could not be read from standard input");
		return false;
	}
	while (to->len && (to->ptr[to->len - 1] == '\n' || to->ptr[to->len - 1] == '\r'))
		to->len--;
	return true;
}

/* ---- asking, or doing it here ---- */

static void begin(struct stored *s, const char *what)
{
	s->request = BUF_LIMIT(REQUEST_MOST);
	s->w = (struct json_writer){ .to = &s->request };
	json_open(&s->w, '{');
	json_key_str(&s->w, STR("do"), str_from_z(what));
}

/* True: a gateway runs, and *ret is what it said, or *is_done is false and s->why says
 * what was wrong. */
static bool ask(struct stored *s, struct json_value *ret, bool *is_done)
{
	bool is_asked = false;

	json_close(&s->w, '}');
	*is_done = admin_ask_holder(s->dir, buf_str(&s->request), &s->answer, ret,
	                            &is_asked, &s->why);
	mem_wipe(s->request.ptr, s->request.cap);
	buf_free(&s->request);
	return is_asked || *is_done;
}

static struct master_place place_of(const struct stored *s)
{
	return stored_place(s->config ? s->config->key_file : NULL, s->dir);
}

/* What a running gateway added to its answer. */
static void print_said(struct json_value answer)
{
	struct json_value said = json_get(answer, STR("said"));
	char *room;
	str text;

	if (said.type != JSON_STRING || said.raw.len <= 2)
		return;
	room = mem_new(said.raw.len);
	text = json_text(said, room);
	fprintf(stderr, "%.*s\n", STR_ARG(text));
	free(room);
}

static bool is_in_force(struct json_value answer)
{
	return json_get(answer, STR("in_force")).type == JSON_TRUE;
}

static int failed(struct stored *s, const char *what)
{
	return command_failed("%s: %.*s", what, (int)s->why.len, s->why.ptr);
}

/* ---- add ---- */

static int print_added(struct stored *s, str provider, str id, bool is_in_force)
{
	if (s->c->json)
		printf("{\"id\":\"%.*s\",\"provider\":\"%.*s\",\"in_force\":%s}\n",
		       STR_ARG(id), STR_ARG(provider), is_in_force ? "true" : "false");
	else
		fprintf(stderr, "key %.*s of %.*s is in the store\n", STR_ARG(id),
		        STR_ARG(provider));
	return EXIT_OK;
}

static int put_directly(struct stored *s, struct vault_row *row, bool replace)
{
	struct buf id = BUF_LIMIT(32), said = BUF_LIMIT(8 * KiB);
	struct master_place at = place_of(s);
	bool is_made = false, is_done = false;
	int lock = -1, result;

	if (datadir_make(s->dir, &s->why) && datadir_lock(s->dir, &lock, &s->why)) {
		is_done = stored_put(&at, row, replace, &is_made, &s->why);
		close(lock);
	}
	buf_add_hex(&id, row->id, 12);
	if (is_made) {
		stored_say_made(s->dir, &said);
		fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&said)));
	}
	result = is_done ? print_added(s, row->provider, buf_str(&id), false)
	                 : failed(s, "the key was not stored");
	buf_free(&id);
	buf_free(&said);
	return result;
}

static int put(struct stored *s, struct vault_row *row)
{
	bool replace = command_has(s->c, "replace"), is_done;
	struct json_value answer;
	char id[64];

	begin(s, "provider_key_put");
	json_key_str(&s->w, STR("provider"), row->provider);
	json_key_str(&s->w, STR("format"), row->format);
	json_key_str(&s->w, STR("url"), row->url);
	json_key_str(&s->w, STR("key"), secret_reveal(&row->key));
	json_key_bool(&s->w, STR("replace"), replace);
	if (!ask(s, &answer, &is_done))
		return put_directly(s, row, replace);
	if (!is_done)
		return failed(s, "the key was not stored");
	print_said(answer);
	print_added(s, row->provider, json_text(json_get(answer, STR("id")), id),
	            is_in_force(answer));
	return is_in_force(answer) ? EXIT_OK : EXIT_FAILED;
}

/* It works when the configuration names the provider, or there is none. */
static void hint(const struct stored *s, str provider)
{
	if (s->c->config && s->config && !config_find_provider(s->config, provider))
		fprintf(stderr,
		        "the configuration has no provider %.*s yet; write below "
		        "providers: %.*s: { key: store }\n",
		        STR_ARG(provider), STR_ARG(provider));
}

static int add(struct stored *s)
{
	const char *operand = s->c->argc > 2 ? s->c->argv[2] : NULL;
	struct buf key = BUF_LIMIT(INPUT_MOST);
	struct vault_row row = {
		.format = str_from_z(command_value(s->c, "format")),
		.url = str_from_z(command_value(s->c, "url")),
	};
	int result = EXIT_FAILED;

	if (s->c->argc < 2)
		return command_misused(s->c, "providers add: whose key? give its name");
	if (operand && operand[0] != '@') {
		mem_wipe(s->c->argv[2], strlen(s->c->argv[2]));
		return command_misused(
		        s->c, "providers add: a key is no argument, others can see those "
		              "(ps): give it on standard input, with --from-env NAME, or "
		              "as @FILE. Take the one you have typed for known");
	}
	row.provider = str_from_z(s->c->argv[1]);
	if (read_key(s, operand, &key)) {
		row.key = secret_keep(&s->room, buf_str(&key));
		result = stored_check(&row, &s->why)
		                 ? put(s, &row)
		                 : failed(s, "the key was not stored");
	}
	if (result == EXIT_OK)
		hint(s, row.provider);
	if (key.ptr)
		mem_wipe(key.ptr, key.cap);
	buf_free(&key);
	return result;
}

/* ---- remove ---- */

static int remove_key(struct stored *s)
{
	str provider = s->c->argc > 1 ? str_from_z(s->c->argv[1]) : STR_NONE;
	str id = s->c->argc > 2 ? str_from_z(s->c->argv[2]) : STR_NONE;
	struct master_place at = place_of(s);
	struct json_value answer;
	bool is_done, is_asked, in_force = true;
	uint64_t number = 0, count = 0;
	unsigned removed = 0;
	int lock;

	if (provider.len == 0 || (id.len && (!hex_to_u64(id, &number) || !number)))
		return command_misused(s->c,
		                       "providers remove: give a provider's name, and "
		                       "the id of a key if only one is to go (sluice "
		                       "providers keys)");
	begin(s, "provider_key_remove");
	json_key_str(&s->w, STR("provider"), provider);
	json_key_str(&s->w, STR("id"), id);
	is_asked = ask(s, &answer, &is_done);
	if (is_asked && is_done) {
		json_u64(json_get(answer, STR("count")), &count);
		print_said(answer);
		in_force = is_in_force(answer);
	} else if (!is_asked && datadir_lock(s->dir, &lock, &s->why)) {
		is_done = stored_remove(&at, provider, number, &removed, &s->why);
		count = removed;
		close(lock);
	}
	if (!is_done)
		return failed(s, "nothing was removed");
	if (s->c->json)
		printf("{\"removed\":%llu}\n", (unsigned long long)count);
	else
		fprintf(stderr, "%llu key%s of %.*s removed from the store\n",
		        (unsigned long long)count, count == 1 ? "" : "s",
		        STR_ARG(provider));
	return in_force ? EXIT_OK : EXIT_FAILED;
}

/* ---- list ---- */

/* False: said. */
static bool open_store(struct stored *s, struct master *master, struct vault *vault)
{
	struct master_place at = place_of(s);
	enum master_found found = master_find(&at, master, &s->why);

	if (found == MASTER_MISSING)
		buf_addf(&s->why, "%.*s/master.key is missing", STR_ARG(s->dir));
	if (found == MASTER_FOUND) {
		if (vault_read(s->dir, master, vault, &s->why))
			return true;
		master_done(master);
	}
	failed(s, "the store cannot be opened");
	return false;
}

static void list_row(const struct vault_row *row, bool json, struct json_writer *w,
                     struct buf *out)
{
	struct buf id = BUF_LIMIT(32), mask = BUF_LIMIT(64), time = BUF_LIMIT(64);

	buf_add_hex(&id, row->id, 12);
	secret_mask(&row->key, &mask);
	rfc3339_write(&time, row->created_wall);
	if (json) {
		json_open(w, '{');
		json_key_str(w, STR("id"), buf_str(&id));
		json_key_str(w, STR("provider"), row->provider);
		json_key_str(w, STR("key"), buf_str(&mask));
		json_key_int(w, STR("version"), row->version);
		json_key_str(w, STR("since"), buf_str(&time));
		if (row->url.len)
			json_key_str(w, STR("url"), row->url);
		json_close(w, '}');
	} else {
		buf_addf(out, "%.*s  %-20.*s %-8.*s version %u  since ",
		         STR_ARG(buf_str(&id)), STR_ARG(row->provider),
		         STR_ARG(buf_str(&mask)), row->version);
		text_time(out, row->created_wall);
		buf_addf(out, "%s%.*s\n", row->url.len ? "  " : "", STR_ARG(row->url));
	}
	buf_free(&id);
	buf_free(&mask);
	buf_free(&time);
}

static int list(struct stored *s)
{
	struct buf out = BUF_LIMIT(4 * MiB);
	struct json_writer w = { .to = &out };
	struct vault vault = { 0 };
	struct master master;

	if (vault_exists(s->dir)) {
		if (!open_store(s, &master, &vault))
			return EXIT_FAILED;
		master_done(&master);
	}
	if (s->c->json)
		json_open(&w, '[');
	for (unsigned i = 0; i < vault.count; i++)
		list_row(&vault.rows[i], s->c->json, &w, &out);
	if (s->c->json)
		json_close(&w, ']');
	printf("%.*s%s", STR_ARG(buf_str(&out)), s->c->json ? "\n" : "");
	if (vault.count == 0)
		fprintf(stderr, "no keys in the store; sluice providers add NAME\n");
	vault_done(&vault);
	buf_free(&out);
	return EXIT_OK;
}

/* ---- master keys ---- */

static int print_rotation(struct stored *s, const struct stored_rotation *done)
{
	if (s->c->json)
		printf("{\"master\":\"%08" PRIx32 "\",\"rows\":%u,\"keys\":%u}\n",
		       done->id, done->rows, done->keys);
	else
		fprintf(stderr,
		        "%u key%s sealed with the new master key %08" PRIx32
		        "; %u master "
		        "key%s in the file\n",
		        done->rows, done->rows == 1 ? "" : "s", done->id, done->keys,
		        done->keys == 1 ? "" : "s");
	return EXIT_OK;
}

static int rotate(struct stored *s)
{
	bool forget = command_has(s->c, "forget-old"), is_done, is_asked;
	struct master_place at = place_of(s);
	struct stored_rotation done = { 0 };
	struct json_value answer;
	uint64_t id, rows, keys;
	int lock;

	begin(s, "secrets_rotate");
	json_key_bool(&s->w, STR("forget_old"), forget);
	is_asked = ask(s, &answer, &is_done);
	if (is_asked && is_done && json_u64(json_get(answer, STR("master")), &id) &&
	    json_u64(json_get(answer, STR("rows")), &rows) &&
	    json_u64(json_get(answer, STR("keys")), &keys)) {
		done = (struct stored_rotation){ (uint32_t)id, (unsigned)rows,
			                         (unsigned)keys };
		print_said(answer);
	} else if (!is_asked && datadir_make(s->dir, &s->why) &&
	           datadir_lock(s->dir, &lock, &s->why)) {
		is_done = stored_rotate(&at, forget, &done, &s->why);
		close(lock);
	}
	return is_done ? print_rotation(s, &done) : failed(s, "nothing was rotated");
}

static int status(struct stored *s)
{
	struct master_place at = place_of(s);
	struct vault vault = { 0 };
	struct master master;
	char path[4 * KiB];

	if (!vault_exists(s->dir)) {
		fprintf(stderr, "nothing is stored; sluice providers add NAME\n");
		return EXIT_OK;
	}
	if (!master_path(&at, path, sizeof(path), &s->why) ||
	    !open_store(s, &master, &vault))
		return EXIT_FAILED;
	if (s->c->json)
		printf("{\"rows\":%u,\"master\":\"%08" PRIx32
		       "\",\"keys\":%u,\"current\":"
		       "%s}\n",
		       vault.count, vault.sealed_with, master.count,
		       vault.sealed_with == master_current(&master)->id ? "true"
		                                                        : "false");
	else
		printf("%u key%s of providers, sealed with master key %08" PRIx32 "%s\n"
		       "%u master key%s in %s\n",
		       vault.count, vault.count == 1 ? "" : "s", vault.sealed_with,
		       vault.sealed_with == master_current(&master)->id
		               ? ""
		               : ", which is not the newest: sluice secrets rotate",
		       master.count, master.count == 1 ? "" : "s", path);
	vault_done(&vault);
	master_done(&master);
	return EXIT_OK;
}

/* ---- both commands ---- */

static int run(struct command *c, int (*what)(struct stored *s))
{
	struct stored s = { .c = c, .why = BUF_LIMIT(8 * KiB) };
	struct buf dir = { 0 };
	int result = EXIT_CONFIG;

	if (command_data(c, &dir)) {
		s.dir = buf_str(&dir);
		s.config = command_config_unsaid(c);
		result = what(&s);
	}
	config_unref(&s.config);
	secret_room_done(&s.room);
	if (s.answer.ptr)
		mem_wipe(s.answer.ptr, s.answer.cap);
	buf_free(&s.answer);
	buf_free(&s.why);
	buf_free(&dir);
	return result;
}

int provider_keys_command(struct command *c)
{
	const char *more = c->argc > 1 ? c->argv[1] : "list";

	if (strcmp(c->argv[0], "add") == 0)
		return run(c, add);
	if (strcmp(c->argv[0], "remove") == 0)
		return run(c, remove_key);
	if (strcmp(c->argv[0], "keys") == 0 && strcmp(more, "list") == 0)
		return run(c, list);
	return command_misused(c, "providers: \"%s\" is not add, remove or keys",
	                       c->argv[0]);
}

int secrets_command(struct command *c)
{
	const char *what = c->argc > 0 ? c->argv[0] : "status";

	if (strcmp(what, "rotate") == 0)
		return run(c, rotate);
	if (strcmp(what, "status") == 0)
		return run(c, status);
	return command_misused(c, "secrets: \"%s\" is not rotate or status", what);
}
