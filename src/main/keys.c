/* keys.c - sluice keys|teams create|list|show|limit|rotate|revoke.
 *
 * The options become the JSON of admin/tenant_json.h, which says what is wrong with them
 * and what they do; what comes back is printed. */
#include "admin/client.h"
#include "admin/tenants.h"
#include "base/mem.h"
#include "main/command.h"
#include "main/tenant_ask.h"
#include "main/tenant_text.h"

#include <stdio.h>
#include <unistd.h>

enum { PAGE = 1000 };

struct keys {
	struct command *c;
	enum tenant_kind kind;
	str dir;
	struct buf request, answer, why;
	struct json_writer w; /* to request */
	struct json_value node;
};

static str value_of(const struct keys *k, const char *option)
{
	return str_from_z(command_value(k->c, option));
}

/* ---- what an option says ---- */

static bool is_none(str value)
{
	return str_eq(value, STR("none"));
}

/* "60" or "60/min"; anything else is left to be refused. */
static void write_count(struct keys *k, const char *option, const char *member)
{
	str value = value_of(k, option);
	uint64_t n;

	if (!command_has(k->c, option))
		return;
	if (str_ends(value, STR("/min")))
		value.len -= 4;
	json_key(&k->w, str_from_z(member));
	if (is_none(value))
		json_null(&k->w);
	else if (str_to_u64(value, &n))
		json_uint(&k->w, n);
	else
		json_str(&k->w, value);
}

/* "$50/month": each is a member; "none": all of them go. */
static void write_budget(struct keys *k, const char *option, const char *none)
{
	unsigned at = 0;
	const char *given;

	if (none && command_has(k->c, none)) {
		json_key(&k->w, STR("budget"));
		json_null(&k->w);
		return;
	}
	if (!command_has(k->c, option))
		return;
	json_key(&k->w, STR("budget"));
	json_open(&k->w, '{');
	while ((given = command_next(k->c, option, &at))) {
		str window = str_from_z(given), amount = str_cut(&window, '/');

		json_key(&k->w, window);
		if (is_none(amount))
			json_null(&k->w);
		else
			json_str(&k->w, amount);
	}
	json_close(&k->w, '}');
}

static void write_list(struct keys *k, const char *option)
{
	str value = value_of(k, option);

	if (!command_has(k->c, option))
		return;
	json_key(&k->w, str_from_z(option));
	if (str_eq(value, STR("all"))) {
		json_null(&k->w);
		return;
	}
	json_open(&k->w, '[');
	while (value.len)
		json_str(&k->w, str_trim(str_cut(&value, ',')));
	json_close(&k->w, ']');
}

static void write_tags(struct keys *k)
{
	unsigned at = 0;
	const char *given;

	if (!command_has(k->c, "tag"))
		return;
	json_key(&k->w, STR("tags"));
	json_open(&k->w, '{');
	while ((given = command_next(k->c, "tag", &at))) {
		str value = str_from_z(given), name = str_cut(&value, '=');

		if (!is_none(name))
			json_key_str(&k->w, name, value);
	}
	json_close(&k->w, '}');
}

static void write_text(struct keys *k, const char *option, const char *member)
{
	str value = value_of(k, option);

	if (!command_has(k->c, option))
		return;
	json_key(&k->w, str_from_z(member));
	if (is_none(value))
		json_null(&k->w);
	else
		json_str(&k->w, value);
}

static void write_switch(struct keys *k, const char *on, const char *off,
                         const char *member)
{
	if (command_has(k->c, on) || command_has(k->c, off))
		json_key_bool(&k->w, str_from_z(member), command_has(k->c, on));
}

/* The object that tenant_patch reads, with its head for a new one. */
static void write_set(struct keys *k, str name)
{
	json_key(&k->w, STR("set"));
	json_open(&k->w, '{');
	if (name.len)
		json_key_str(&k->w, STR("name"), name);
	write_text(k, k->kind == TENANT_KEY ? "team" : "organisation", "parent");
	json_key(&k->w, STR("limits"));
	json_open(&k->w, '{');
	write_count(k, "rpm", "rpm");
	write_count(k, "tpm", "tpm");
	write_count(k, "concurrent", "concurrent");
	write_budget(k, "budget", "no-budget");
	json_close(&k->w, '}');
	json_key(&k->w, STR("user_limits"));
	json_open(&k->w, '{');
	write_count(k, "user-rpm", "rpm");
	write_budget(k, "user-budget", NULL);
	json_close(&k->w, '}');
	json_key(&k->w, STR("allow"));
	json_open(&k->w, '{');
	write_list(k, "routes");
	write_list(k, "models");
	write_list(k, "providers");
	write_list(k, "regions");
	json_close(&k->w, '}');
	write_text(k, "expires", "expires");
	write_tags(k);
	write_switch(k, "soft", "no-soft", "soft");
	write_switch(k, "phi", "no-phi", "phi");
	write_text(k, "on-exhausted", "on_exhausted");
	if (command_has(k->c, "on-budget")) {
		str route = value_of(k, "on-budget");

		json_key(&k->w, STR("downgrade"));
		if (str_skip(&route, STR("downgrade:")))
			json_str(&k->w, route);
		else
			json_null(&k->w);
	}
	if (command_has(k->c, "metadata")) {
		json_key(&k->w, STR("metadata"));
		json_raw(&k->w, value_of(k, "metadata"));
	}
	json_close(&k->w, '}');
}

/* ---- what can be seen to be wrong before anybody is asked ---- */

static int check_budgets(struct keys *k, const char *option)
{
	static const str windows[] = { STR_INIT("hour"), STR_INIT("day"),
		                       STR_INIT("week"), STR_INIT("month"),
		                       STR_INIT("total") };
	unsigned at = 0;
	const char *given;
	nanousd amount;

	while ((given = command_next(k->c, option, &at))) {
		str window = str_from_z(given), money = str_cut(&window, '/');
		bool is_known = false;

		for (size_t i = 0; i < countof(windows); i++)
			is_known |= str_eq(window, windows[i]);
		if (!is_known || (!is_none(money) && !usd_parse(money, &amount)))
			return command_misused(
			        k->c,
			        "--%s: \"%s\" is not of the form 50/month, with one of "
			        "hour, day, week, month and total",
			        option, given);
		/* What a shell makes of $50/month. */
		if (!is_none(money) && amount == 0)
			return command_misused(
			        k->c,
			        "--%s: \"%s\" is a budget of nothing; write 50/month, or "
			        "'$50/month' in quotes",
			        option, given);
	}
	return EXIT_OK;
}

static int check_set(struct keys *k)
{
	static const struct json_limits limits = { 16, 1024, 256, 64 };
	str on_budget = value_of(k, "on-budget"), metadata = value_of(k, "metadata");
	int code = check_budgets(k, "budget");
	unsigned at = 0;
	const char *tag;

	if (code == EXIT_OK)
		code = check_budgets(k, "user-budget");
	if (code != EXIT_OK)
		return code;
	if (on_budget.len && !str_eq(on_budget, STR("refuse")) &&
	    !(str_starts(on_budget, STR("downgrade:")) && on_budget.len > 10))
		return command_misused(
		        k->c,
		        "--on-budget: \"%.*s\" is neither refuse nor downgrade:ROUTE",
		        STR_ARG(on_budget));
	while ((tag = command_next(k->c, "tag", &at)))
		if (!strchr(tag, '=') && strcmp(tag, "none") != 0)
			return command_misused(
			        k->c, "--tag: \"%s\" is not of the form NAME=VALUE", tag);
	if (command_has(k->c, "metadata") && json_check(metadata, &limits, NULL))
		return command_misused(k->c, "--metadata: this is not JSON");
	return EXIT_OK;
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
	return tenant_change(k->dir, buf_str(&k->request), &k->answer, &k->node, &k->why);
}

static bool read_one(struct keys *k)
{
	json_close(&k->w, '}');
	buf_clear(&k->answer);
	return tenant_read(k->dir, buf_str(&k->request), &k->answer, &k->node, &k->why);
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
	int code = check_set(k);

	if (code != EXIT_OK)
		return code;
	if (!tenant_name_check(name, &k->why))
		return command_misused(k->c, "%.*s", (int)k->why.len, k->why.ptr);
	begin_change(k, "tenant_create");
	write_set(k, name);
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
	int code = check_set(k);

	if (code != EXIT_OK)
		return code;
	if (k->c->given_count == 0)
		return command_misused(k->c,
		                       "%s limit: say what is to be set, like --rpm 60",
		                       k->c->row->name);
	begin_change(k, "tenant_update");
	json_key_str(&k->w, STR("which"), which);
	write_set(k, STR_NONE);
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
	json_key_str(&k->w, STR("parent"),
	             value_of(k, k->kind == TENANT_KEY ? "team" : "organisation"));
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
	bool is_there = true, has_filter = command_has(k->c, "team");
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
			        k->c->row->name, has_filter ? " of this team" : "",
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
	{ "active", LIST },
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
	if (v->bit == CREATE && which.len == 0)
		which = value_of(k, "name");
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

static int run(struct command *c, enum tenant_kind kind)
{
	const char *what = c->argc > 0 ? c->argv[0] : "list";
	struct keys k = { .c = c,
		          .kind = kind,
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
	if (command_data(c, &dir)) {
		k.dir = buf_str(&dir);
		result = run_verb(&k, verb);
	} else {
		result = EXIT_CONFIG;
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
	return run(c, TENANT_KEY);
}

int teams_command(struct command *c)
{
	return run(c, TENANT_TEAM);
}
