/* provider_keys.c - sluice providers add|remove|keys, sluice secrets: the encrypted
 * store.
 *
 * Changes are asked of the admin API: of a running gateway, so that they are in force
 * when the command ends; without one the command takes the lock itself.  Looking reads
 * the file.  A key is never an argument: everybody on the machine can read those. */
#include "main/provider_keys.h"

#include "admin/stored.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "config/replace.h"
#include "main/admin_ask.h"
#include "main/prompt.h"
#include "admin/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { INPUT_MOST = 16 * KiB, REQUEST_MOST = 64 * KiB, TEXT_MOST = 512 };
#define PROVIDER_KEYS "/admin/v1/provider-keys"

struct stored {
	struct command *c;
	str dir;
	struct config *config; /* NULL: it has errors */
	const char *key_file;  /* of master keys, also when there are errors; or NULL */
	struct buf key_file_text;
	struct secret_room room;
	struct buf why;
	struct admin_asked asked; /* of a change */
};

/* ---- where a key comes from ---- */

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
		enum file_found found = file_read(operand + 1, 0, to, &s->why);

		if (found == FILE_MISSING)
			command_failed("there is no file %s", operand + 1);
		else if (found != FILE_FOUND)
			command_failed("%s cannot be read: %.*s", operand + 1,
			               STR_ARG(buf_str(&s->why)));
		if (found != FILE_FOUND)
			return false;
	} else if (!prompt_secret("key (not shown): ", to)) {
		command_failed("the key could not be read from standard input");
		return false;
	}
	while (to->len && (to->ptr[to->len - 1] == '\n' || to->ptr[to->len - 1] == '\r'))
		to->len--;
	return true;
}

/* ---- asking ---- */

/* What came of a change goes to stderr: a warning, why it is not in force.  The exit
 * code: it is said already when it is not EXIT_OK, and s->asked is the answer when it is.
 */
static int change(struct stored *s, enum http_method method, str target, str body)
{
	const struct admin_alone alone = { .config = s->config, .key_file = s->key_file };
	int result = admin_do_alone(s->c, &alone, method, target, body, &s->asked);
	struct json_value said = json_get(s->asked.value, STR("said"));
	char *room;
	str text;

	if (result != EXIT_OK || said.type != JSON_STRING)
		return result;
	room = mem_new(said.raw.len);
	text = json_text(said, room);
	fprintf(stderr, "%.*s\n", STR_ARG(text));
	free(room);
	return EXIT_OK;
}

/* Nobody runs who could use it: that is no failure. */
static bool is_not_in_force(const struct stored *s)
{
	return json_get(s->asked.value, STR("in_force")).type == JSON_FALSE;
}

static struct master_place place_of(const struct stored *s)
{
	return stored_place(s->key_file, s->dir);
}

static int failed(struct stored *s, const char *what)
{
	return command_failed("%s: %.*s", what, (int)s->why.len, s->why.ptr);
}

/* ---- add ---- */

static void print_added(struct stored *s, str provider)
{
	bool in_force = json_get(s->asked.value, STR("in_force")).type == JSON_TRUE;
	char room[TEXT_MOST];
	str id = admin_text(s->asked.value, "id", room, sizeof(room));

	if (s->c->json)
		printf("{\"id\":\"%.*s\",\"provider\":\"%.*s\",\"in_force\":%s}\n",
		       STR_ARG(id), STR_ARG(provider), in_force ? "true" : "false");
	else
		fprintf(stderr, "key %.*s of %.*s is in the store\n", STR_ARG(id),
		        STR_ARG(provider));
}

static int put(struct stored *s, const struct vault_row *row)
{
	struct buf body = BUF_LIMIT(REQUEST_MOST);
	struct json_writer w = { .to = &body };
	int result;

	json_open(&w, '{');
	json_key_str(&w, STR("provider"), row->provider);
	if (row->format.len)
		json_key_str(&w, STR("format"), row->format);
	if (row->url.len)
		json_key_str(&w, STR("url"), row->url);
	json_key_str(&w, STR("key"), secret_reveal(&row->key));
	json_key_bool(&w, STR("replace"), command_has(s->c, "replace"));
	json_close(&w, '}');
	result = change(s, HTTP_POST, STR(PROVIDER_KEYS), buf_str(&body));
	mem_wipe(body.ptr, body.cap);
	buf_free(&body);
	if (result != EXIT_OK)
		return result;
	print_added(s, row->provider);
	return is_not_in_force(s) ? EXIT_FAILED : EXIT_OK;
}

/* It works when the configuration names the provider, or there is none. */
static void hint(const struct stored *s, str provider)
{
	struct catalog_provider known;

	if (s->c->config && s->config && !config_find_provider(s->config, provider))
		fprintf(stderr,
		        "the configuration has no provider %.*s yet; write below "
		        "providers: %.*s: { %skey: store }\n",
		        STR_ARG(provider), STR_ARG(provider),
		        catalog_find_provider(provider, &known)
		                ? ""
		                : "format: ..., url: ..., ");
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
	if ((operand != NULL) + command_has(s->c, "stdin") +
	            command_has(s->c, "from-env") >
	    1)
		return command_misused(s->c,
		                       "providers add: --stdin, --from-env and @FILE "
		                       "exclude each other");
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
	const char *provider = s->c->argc > 1 ? s->c->argv[1] : "";
	str id = s->c->argc > 2 ? str_from_z(s->c->argv[2]) : STR_NONE, count;
	struct buf target = BUF_LIMIT(4 * KiB);
	uint64_t number;
	int result;

	if (!*provider || (id.len && (id.len != 12 || !hex_to_u64(id, &number))))
		return command_misused(s->c,
		                       "providers remove: give a provider's name, and "
		                       "the id of a key if only one is to go (sluice "
		                       "providers keys)");
	buf_addf(&target, PROVIDER_KEYS "%s%.*s", id.len ? "/" : "", STR_ARG(id));
	admin_add_query(&target, "provider", provider);
	result = change(s, HTTP_DELETE, buf_str(&target), STR_NONE);
	buf_free(&target);
	if (result != EXIT_OK)
		return result;
	count = json_get(s->asked.value, STR("count")).raw;
	if (s->c->json)
		printf("{\"removed\":%.*s}\n", STR_ARG(count));
	else
		fprintf(stderr, "%.*s key%s of %s removed from the store\n",
		        STR_ARG(count), str_eq(count, STR("1")) ? "" : "s", provider);
	return is_not_in_force(s) ? EXIT_FAILED : EXIT_OK;
}

/* ---- list ---- */

/* False: said. */
static bool open_store(struct stored *s, struct master *master, struct vault *vault)
{
	struct master_place at = place_of(s);

	if (vault_open(&at, master, vault, &s->why))
		return true;
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

static int rotate(struct stored *s)
{
	str body = command_has(s->c, "forget-old") ? STR("{\"forget_old\":true}")
	                                           : STR("{}");
	int result = change(s, HTTP_POST, STR("/admin/v1/secrets/rotate"), body);
	struct json_value v = s->asked.value;
	str rows = json_get(v, STR("rows")).raw, keys = json_get(v, STR("keys")).raw;
	char room[TEXT_MOST];
	str id = admin_text(v, "master", room, sizeof(room));

	if (result != EXIT_OK)
		return result;
	if (s->c->json)
		printf("{\"master\":\"%.*s\",\"rows\":%.*s,\"keys\":%.*s}\n", STR_ARG(id),
		       STR_ARG(rows), STR_ARG(keys));
	else
		fprintf(stderr,
		        "%.*s key%s sealed with the new master key %.*s; %.*s master "
		        "key%s in the file\n",
		        STR_ARG(rows), str_eq(rows, STR("1")) ? "" : "s", STR_ARG(id),
		        STR_ARG(keys), str_eq(keys, STR("1")) ? "" : "s");
	return EXIT_OK;
}

static int status(struct stored *s)
{
	struct master_place at = place_of(s);
	struct vault vault = { 0 };
	struct master master;
	char path[4 * KiB];

	if (!vault_exists(s->dir)) {
		if (s->c->json)
			printf("{\"rows\":0,\"master\":null,\"keys\":0,\"current\":null}"
			       "\n");
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
	int result;

	/* A configuration that has errors says where the master keys are all the same:
	 * in another place there would be another one. */
	result = command_open_data(c, &dir);
	if (result == EXIT_OK && !command_key_file(c, &s.key_file_text))
		result = EXIT_CONFIG;
	if (result == EXIT_OK) {
		s.dir = buf_str(&dir);
		s.config = command_config_unsaid(c);
		s.key_file = s.key_file_text.len ? buf_z(&s.key_file_text) : NULL;
		result = what(&s);
	}
	buf_free(&s.key_file_text);
	config_unref(&s.config);
	secret_room_done(&s.room);
	admin_asked_done(&s.asked);
	buf_free(&s.why);
	buf_free(&dir);
	return result;
}

int provider_keys_command(struct command *c)
{
	static const struct {
		const char *name, *options;
		int (*run)(struct stored *s);
		int words;
	} verbs[] = {
		{ "add", "stdin from-env replace url format", add, 3 },
		{ "remove", "", remove_key, 3 },
		{ "keys", "", list, 1 },
	};

	/* `keys list` says the same as `keys`. */
	if (c->argc == 2 && strcmp(c->argv[0], "keys") == 0 &&
	    strcmp(c->argv[1], "list") == 0)
		c->argc = 1;
	for (size_t i = 0; i < countof(verbs); i++) {
		if (strcmp(c->argv[0], verbs[i].name) != 0)
			continue;
		int code =
		        command_heeds(c, verbs[i].name, verbs[i].options, verbs[i].words);
		return code == EXIT_OK ? run(c, verbs[i].run) : code;
	}
	return command_misused(c, "providers: \"%s\" is not list, add, remove or keys",
	                       c->argv[0]);
}

int secrets_command(struct command *c)
{
	const char *what = c->argc > 0 ? c->argv[0] : "status";
	bool is_rotate = strcmp(what, "rotate") == 0;
	int code;

	if (!is_rotate && strcmp(what, "status") != 0)
		return command_misused(c, "secrets: \"%s\" is not rotate or status",
		                       what);
	code = command_heeds(c, what, is_rotate ? "forget-old" : "", 1);
	return code == EXIT_OK ? run(c, is_rotate ? rotate : status) : code;
}
