/* keys.c - sluice keys|teams|organisations|users create|list|show|limit|rotate|revoke.
 *
 * The options become the JSON of admin/tenant_json.h, which says what is wrong with them
 * and what they do; what comes back is printed. */
#include "admin/client.h"
#include "admin/roster.h"
#include "base/mem.h"
#include "main/command.h"
#include "main/roster_call.h"
#include "main/tenant_set.h"
#include "main/tenant_text.h"

#include <stdio.h>
#include <unistd.h>

enum { PAGE = 1000 };

struct keys {
	struct command *c;
	enum tenant_kind kind;
	const char *parent; /* the option that names what it belongs to; NULL: none */
	str dir;
	struct buf request, answer, why;
	struct json_writer w; /* to request */
	struct json_value node;
};

static str value_of(const struct keys *k, const char *option)
{
	return str_from_z(command_value(k->c, option));
}

/* ---- asking ---- */

static void begin_request(struct keys *k, const char *what)
{
	buf_clear(&k->request);
	k->w = (struct json_writer){ .to = &k->request };
	json_open(&k->w, '{');
	json_key_str(&k->w, STR("do"), str_from_z(what));
	json_key_str(&k->w, STR("kind"), tenant_kind_name(k->kind));
}

static void begin_change(struct keys *k, const char *what)
{
	struct buf actor = BUF_LIMIT(64);

	begin_request(k, what);
	buf_addf(&actor, "cli:uid %u", (unsigned)getuid());
	json_key_str(&k->w, STR("actor"), buf_str(&actor));
	buf_free(&actor);
}

/* True: k->node is what there is now. */
static bool change(struct keys *k)
{
	json_close(&k->w, '}');
	return call_change(k->dir, buf_str(&k->request), &k->answer, &k->node, &k->why);
}

static bool read_one(struct keys *k)
{
	json_close(&k->w, '}');
	buf_clear(&k->answer);
	return call_read(k->dir, buf_str(&k->request), &k->answer, &k->node, &k->why);
}

static int failed(const struct keys *k)
{
	return command_failed("%.*s", (int)k->why.len, k->why.ptr);
}

/* A text of the answer; "" when it is none. */
static str said(const struct keys *k, const char *member, char *room, size_t size)
{
	struct json_value v = json_get(k->node, str_from_z(member));

	return v.type == JSON_STRING && v.raw.len <= size ? json_text(v, room) : STR_NONE;
}

/* The answer without what the socket adds. */
static void print_json(const struct keys *k)
{
	str raw = k->node.raw;

	if (str_skip(&raw, STR("{\"ok\":true,")))
		printf("{%.*s\n", STR_ARG(raw));
	else
		printf("%.*s\n", STR_ARG(raw));
}

static void print_page(const struct keys *k)
{
	struct buf out = BUF_LIMIT(64 * KiB);

	tenant_page(&out, k->node);
	printf("%.*s", (int)out.len, out.ptr);
	buf_free(&out);
}

/* ---- the verbs ---- */

/* A new secret goes to stdout alone; who it is for, to stderr. */
static int print_secret(const struct keys *k, const char *what)
{
	char id[64], name[KiB], text[256];

	if (k->c->json) {
		print_json(k);
		return EXIT_OK;
	}
	str secret = said(k, "key", text, sizeof(text));
	printf("%.*s\n", STR_ARG(secret));
	fprintf(stderr, "key %.*s \"%.*s\"%s: shown this once, only a hash is kept\n",
	        STR_ARG(said(k, "id", id, sizeof(id))),
	        STR_ARG(said(k, "name", name, sizeof(name))), what);
	mem_wipe(text, sizeof(text));
	return EXIT_OK;
}

static int create(struct keys *k, str name)
{
	int code = tenant_set_check(k->c);

	if (code != EXIT_OK)
		return code;
	if (!tenant_name_check(name, &k->why))
		return command_misused(k->c, "%.*s", (int)k->why.len, k->why.ptr);
	begin_change(k, "tenant_create");
	tenant_set_write(k->c, k->parent, name, &k->w);
	if (!change(k))
		return failed(k);
	if (k->kind == TENANT_KEY)
		return print_secret(k, "");
	if (k->c->json)
		print_json(k);
	else
		print_page(k);
	return EXIT_OK;
}

static int show(struct keys *k, str which)
{
	begin_request(k, "tenant_show");
	json_key_str(&k->w, STR("which"), which);
	if (!read_one(k))
		return failed(k);
	if (k->c->json)
		print_json(k);
	else
		print_page(k);
	return EXIT_OK;
}

static int limit(struct keys *k, str which)
{
	int code = tenant_set_check(k->c);

	if (code != EXIT_OK)
		return code;
	if (k->c->given_count == 0)
		return command_misused(k->c,
		                       "%s limit: say what is to be set, like --rpm 60",
		                       k->c->row->name);
	begin_change(k, "tenant_update");
	json_key_str(&k->w, STR("which"), which);
	tenant_set_write(k->c, k->parent, STR_NONE, &k->w);
	if (!change(k))
		return failed(k);
	if (k->c->json)
		print_json(k);
	else
		print_page(k);
	return EXIT_OK;
}

static int rotate(struct keys *k, str which)
{
	begin_change(k, "tenant_rotate");
	json_key_str(&k->w, STR("which"), which);
	if (command_has(k->c, "grace"))
		json_key_str(&k->w, STR("grace"), value_of(k, "grace"));
	if (!change(k))
		return failed(k);
	return print_secret(k, " has a new secret");
}

static int revoke_node(struct keys *k, str which)
{
	char id[64], name[KiB];

	begin_change(k, "tenant_revoke");
	json_key_str(&k->w, STR("which"), which);
	json_key_bool(&k->w, STR("cut"), command_has(k->c, "cut"));
	if (!change(k))
		return failed(k);
	if (k->c->json)
		print_json(k);
	else
		fprintf(stderr, "%.*s %.*s \"%.*s\" is revoked\n",
		        STR_ARG(tenant_kind_name(k->kind)),
		        STR_ARG(said(k, "id", id, sizeof(id))),
		        STR_ARG(said(k, "name", name, sizeof(name))));
	return EXIT_OK;
}

/* ---- list ---- */

/* One page; its cursor for the next goes into *cursor, empty at the end. */
static bool list_page(struct keys *k, struct buf *cursor, struct buf *out,
                      unsigned *count)
{
	struct json_member m;
	char room[64];

	begin_request(k, "tenant_list");
	json_key_str(&k->w, STR("cursor"), buf_str(cursor));
	json_key_int(&k->w, STR("most"), PAGE);
	json_key_bool(&k->w, STR("active"), command_has(k->c, "active"));
	if (k->parent)
		json_key_str(&k->w, STR("parent"), value_of(k, k->parent));
	if (!read_one(k))
		return false;
	for (struct json_iter it = json_iter(json_get(k->node, STR("data")));
	     json_next(&it, &m); (*count)++) {
		if (!k->c->json)
			tenant_line(out, m.value);
		else
			buf_addf(out, "%s%.*s", *count ? "," : "", STR_ARG(m.value.raw));
	}
	buf_set(cursor, said(k, "next", room, sizeof(room)));
	return true;
}

static int list(struct keys *k, str none)
{
	struct buf out = BUF_LIMIT(256 * MiB), cursor = BUF_LIMIT(64);
	bool is_there = true, has_filter = k->parent && command_has(k->c, k->parent);
	char path[4096];
	unsigned count = 0;

	snprintf(path, sizeof(path), "%.*s/ledger.db", STR_ARG(k->dir));
	is_there = access(path, F_OK) == 0;
	if (k->c->json)
		buf_add_char(&out, '[');
	while (is_there && list_page(k, &cursor, &out, &count) && cursor.len)
		;
	if (k->c->json)
		buf_add(&out, STR("]\n"));
	if (k->why.len == 0) {
		printf("%.*s", (int)out.len, out.ptr);
		if (count == 0)
			fprintf(stderr,
			        "no %s%s in %.*s; make one: sluice %s create NAME\n",
			        k->c->row->name, has_filter ? " below it" : "",
			        STR_ARG(k->dir), k->c->row->name);
	}
	buf_free(&out);
	buf_free(&cursor);
	return k->why.len == 0 ? EXIT_OK : failed(k);
}

/* ---- dispatch ---- */

enum { CREATE = 1, LIST = 2, SHOW = 4, LIMIT = 8, ROTATE = 16, REVOKE = 32 };

static const struct verb {
	const char *name;
	unsigned bit;
	int (*run)(struct keys *k, str which);
	const char *wants; /* its operand; NULL: none */
	bool keys_alone;
} verbs[] = {
	{ "create", CREATE, create, "a name", false },
	{ "list", LIST, list, NULL, false },
	{ "show", SHOW, show, "an id or a name", false },
	{ "limit", LIMIT, limit, "an id or a name", false },
	{ "rotate", ROTATE, rotate, "an id or a name", true },
	{ "revoke", REVOKE, revoke_node, "an id or a name", false },
};

/* Which verbs heed an option that is not of create and limit. */
static const struct {
	const char *option;
	unsigned verbs;
} heeded[] = {
	{ "name", CREATE },
	{ "team", CREATE | LIST },
	{ "organisation", CREATE | LIST },
	{ "of", CREATE | LIST },
	{ "active", LIST },
	{ "cut", REVOKE },
	{ "grace", ROTATE },
	{ "no-budget", LIMIT },
	{ "no-soft", LIMIT },
	{ "no-phi", LIMIT },
};

static int check_options(struct keys *k, const struct verb *v)
{
	for (unsigned i = 0; i < k->c->given_count; i++) {
		const char *name = k->c->row->options[k->c->given[i].option].name;
		unsigned allowed = CREATE | LIMIT;

		for (size_t n = 0; n < countof(heeded); n++)
			if (strcmp(heeded[n].option, name) == 0)
				allowed = heeded[n].verbs;
		if (!(allowed & v->bit))
			return command_misused(k->c, "%s %s does not take --%s",
			                       k->c->row->name, v->name, name);
	}
	return EXIT_OK;
}

static int run_verb(struct keys *k, const struct verb *v)
{
	str which = k->c->argc > 1 ? str_from_z(k->c->argv[1]) : STR_NONE;
	int code = check_options(k, v);

	if (code != EXIT_OK)
		return code;
	if (v->bit == CREATE && command_has(k->c, "name")) {
		str name = value_of(k, "name");

		if (str_starts(name, STR("--")))
			return command_misused(k->c,
			                       "%s create: --name has no name behind it, "
			                       "but %.*s",
			                       k->c->row->name, STR_ARG(name));
		if (which.len)
			return command_misused(
			        k->c,
			        "%s create: \"%.*s\" and --name %s are two "
			        "names",
			        k->c->row->name, STR_ARG(which),
			        command_value(k->c, "name"));
		which = name;
	}
	if (v->wants && which.len == 0)
		return command_misused(k->c, "%s %s: give it %s", k->c->row->name,
		                       v->name, v->wants);
	if (!v->wants && which.len)
		return command_misused(k->c, "%s %s: \"%.*s\" is one word too many",
		                       k->c->row->name, v->name, STR_ARG(which));
	return v->run(k, which);
}

static int unknown_verb(struct keys *k, const char *what)
{
	unsigned best = 3;
	const char *near = NULL;

	for (size_t i = 0; i < countof(verbs); i++) {
		unsigned d = str_distance(str_from_z(what), str_from_z(verbs[i].name), 2);

		if (d < best && (k->kind == TENANT_KEY || !verbs[i].keys_alone)) {
			best = d;
			near = verbs[i].name;
		}
	}
	if (near)
		return command_misused(k->c, "%s: there is no \"%s\"; did you mean %s?",
		                       k->c->row->name, what, near);
	return command_misused(k->c, "%s: \"%s\" is none of %s", k->c->row->name, what,
	                       k->c->row->usage);
}

static int run(struct command *c, enum tenant_kind kind, const char *parent)
{
	const char *what = c->argc > 0 ? c->argv[0] : "list";
	struct keys k = { .c = c,
		          .kind = kind,
		          .parent = parent,
		          .request = BUF_LIMIT(64 * KiB),
		          .answer = BUF_LIMIT(32 * MiB),
		          .why = BUF_LIMIT(8 * KiB) };
	const struct verb *verb = NULL;
	struct buf dir = { 0 };
	int result;

	for (size_t i = 0; i < countof(verbs); i++)
		if (strcmp(verbs[i].name, what) == 0 &&
		    (kind == TENANT_KEY || !verbs[i].keys_alone))
			verb = &verbs[i];
	if (!verb)
		return unknown_verb(&k, what);
	result = command_open_data(c, &dir);
	if (result == EXIT_OK) {
		k.dir = buf_str(&dir);
		result = run_verb(&k, verb);
	}
	if (k.answer.ptr)
		mem_wipe(k.answer.ptr, k.answer.cap);
	buf_free(&k.request);
	buf_free(&k.answer);
	buf_free(&k.why);
	buf_free(&dir);
	return result;
}

int keys_command(struct command *c)
{
	return run(c, TENANT_KEY, "team");
}

int teams_command(struct command *c)
{
	return run(c, TENANT_TEAM, "organisation");
}

int organisations_command(struct command *c)
{
	return run(c, TENANT_ORGANISATION, NULL);
}

int users_command(struct command *c)
{
	return run(c, TENANT_USER, "of");
}
