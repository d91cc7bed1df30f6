/* tokens.c - sluice tokens create|list|revoke: who may use the admin API. */
#include "admin/token.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "main/admin_ask.h"
#include "admin/text.h"

#include <stdio.h>

/* ---- create ---- */

/* "90d" from now, or a date. */
static bool expiry_parse(str text, usec *ret)
{
	uint64_t days;

	if (text.len > 1 && text.len < 7 && str_ends(text, STR("d")) &&
	    str_to_u64(str_first(text, text.len - 1), &days) && days > 0) {
		*ret = sys_wall() + (usec)days * 24 * USEC_HOUR;
		return true;
	}
	return rfc3339_parse(text, ret);
}

static void write_scopes(struct json_writer *w, unsigned scopes)
{
	json_key(w, STR("scopes"));
	json_open(w, '[');
	for (int i = 0; i < ADMIN_SCOPES; i++)
		if (scopes >> i & 1)
			json_str(w, admin_scope_names[i]);
	json_close(w, ']');
}

static void print_new(const struct command *c, const struct admin_asked *a)
{
	char id[512], name[512], token[512];

	if (c->json) {
		printf("%.*s\n", (int)a->answer.len, a->answer.ptr);
		return;
	}
	printf("%.*s\n", STR_ARG(admin_text(a->value, "token", token, sizeof(token))));
	fprintf(stderr, "token %.*s \"%.*s\": shown this once, only a hash is kept\n",
	        STR_ARG(admin_text(a->value, "id", id, sizeof(id))),
	        STR_ARG(admin_text(a->value, "name", name, sizeof(name))));
	mem_wipe(token, sizeof(token));
}

static int create_token(const struct command *c)
{
	const char *name = command_value(c, "name"), *scope = command_value(c, "scope");
	const char *when = command_value(c, "expires");
	struct buf body = BUF_LIMIT(8 * KiB), time = BUF_LIMIT(64);
	struct json_writer w = { .to = &body };
	struct admin_asked a;
	unsigned scopes;
	usec expires;
	int result;

	if (!name || !*name)
		return command_misused(c, "tokens create: give it a name: --name NAME");
	if (!scope || !admin_scopes_parse(str_from_z(scope), &scopes))
		return command_misused(c,
		                       "tokens create: say what it may: --scope read, or "
		                       "more of read,keys,config,all");
	if (when && !expiry_parse(str_from_z(when), &expires))
		return command_misused(c, "tokens create: --expires 90d, or a time like "
		                          "2027-01-01T00:00:00Z");
	json_open(&w, '{');
	json_key_str(&w, STR("name"), str_from_z(name));
	write_scopes(&w, scopes);
	if (when) {
		rfc3339_write(&time, expires);
		json_key_str(&w, STR("expires"), buf_str(&time));
	}
	json_close(&w, '}');
	result = admin_do(c, HTTP_POST, STR("/admin/v1/tokens"), buf_str(&body), &a);
	if (result == EXIT_OK)
		print_new(c, &a);
	admin_asked_done(&a);
	buf_free(&body);
	buf_free(&time);
	return result;
}

/* ---- list ---- */

static void add_scopes(struct buf *to, struct json_value scopes)
{
	struct json_member item;
	char room[512];
	bool first = true;

	for (struct json_iter it = json_iter(scopes); json_next(&it, &item);) {
		buf_addf(to, "%s%.*s", first ? "" : ",",
		         STR_ARG(item.value.raw.len < sizeof(room)
		                         ? json_text(item.value, room)
		                         : STR_NONE));
		first = false;
	}
}

static void add_token(struct buf *to, struct json_value token)
{
	static const char *const times[] = { "created", "expires", "revoked" };
	char room[512];

	buf_addf(to, "%.*s  ", STR_ARG(admin_text(token, "id", room, sizeof(room))));
	add_scopes(to, json_get(token, STR("scopes")));
	for (size_t i = 0; i < countof(times); i++) {
		str time = admin_text(token, times[i], room, sizeof(room));

		if (time.len)
			buf_addf(to, "  %s %.*s", times[i], STR_ARG(str_first(time, 16)));
	}
	buf_add(to, STR("  "));
	text_safe(to, admin_text(token, "name", room, sizeof(room)));
	buf_add_char(to, '\n');
}

static int list_tokens(const struct command *c)
{
	struct buf out = BUF_LIMIT(16 * MiB);
	struct json_member item;
	struct json_value data;
	struct admin_asked a;
	int result = admin_do(c, HTTP_GET, STR("/admin/v1/tokens"), STR_NONE, &a);

	if (result == EXIT_OK && a.is_json) {
		data = json_get(a.value, STR("data"));
		if (c->json)
			buf_add(&out, data.raw);
		for (struct json_iter it = json_iter(data);
		     !c->json && json_next(&it, &item);)
			add_token(&out, item.value);
		printf("%.*s%s", (int)out.len, out.ptr, c->json ? "\n" : "");
		if (!c->json && out.len == 0)
			fprintf(stderr,
			        "no tokens; make one: sluice tokens create --name "
			        "NAME --scope read\n");
	}
	admin_asked_done(&a);
	buf_free(&out);
	return result;
}

/* ---- revoke ---- */

static int revoke_token(const struct command *c)
{
	struct buf target = BUF_LIMIT(KiB);
	struct admin_asked a;
	uint64_t id;
	int result;

	if (c->argc < 2 ||
	    !(admin_token_id(str_from_z(c->argv[1]), &id) ||
	      (strlen(c->argv[1]) == 12 && hex_to_u64(str_from_z(c->argv[1]), &id))))
		return command_misused(
		        c, "tokens revoke: give the id of a token, 12 hex digits "
		           "(sluice tokens list)");
	buf_add(&target, STR("/admin/v1/tokens/"));
	buf_add_hex(&target, id, 12);
	result = admin_do(c, HTTP_DELETE, buf_str(&target), STR_NONE, &a);
	if (result == EXIT_OK && c->json)
		printf("%.*s\n", (int)a.answer.len, a.answer.ptr);
	else if (result == EXIT_OK)
		fprintf(stderr, "token %012llx is revoked\n", (unsigned long long)id);
	admin_asked_done(&a);
	buf_free(&target);
	return result;
}

int tokens_command(struct command *c)
{
	static const struct {
		const char *name, *options;
		int (*run)(const struct command *c);
		int words;
	} verbs[] = {
		{ "create", "name scope expires", create_token, 1 },
		{ "list", "", list_tokens, 1 },
		{ "revoke", "", revoke_token, 2 },
	};
	const char *what = c->argc > 0 ? c->argv[0] : "list";

	for (size_t i = 0; i < countof(verbs); i++) {
		if (strcmp(what, verbs[i].name) != 0)
			continue;
		int code = command_heeds(c, what, verbs[i].options, verbs[i].words);
		return code == EXIT_OK ? verbs[i].run(c) : code;
	}
	return command_misused(c, "tokens: \"%s\" is not create, list or revoke", what);
}
