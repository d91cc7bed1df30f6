/* forget.c - sluice forget --user NAME: what is stored of a person is erased.
 *
 * A running gateway does it, which owns the ledger's writer and the log of bodies;
 * without one the command takes the lock and is both for a moment (admin/api_forget.c).
 */
#include "codec/json_write.h"
#include "codec/text.h"
#include "main/admin_ask.h"

#include <stdio.h>

struct forget {
	struct command *c;
	struct config *config;
	str user, key; /* key empty: any */
	usec before;   /* 0: all */
};

static bool parse_day(const char *text, usec *ret)
{
	char room[64];
	struct buf whole = { room, .cap = sizeof(room), .limit = sizeof(room) };

	buf_add(&whole, str_from_z(text));
	if (whole.len == 10)
		buf_add(&whole, STR("T00:00:00Z"));
	return !whole.over && rfc3339_parse(buf_str(&whole), ret) && *ret > 0;
}

static void write_request(const struct forget *f, struct buf *to)
{
	struct json_writer w = { .to = to };
	struct buf time = BUF_LIMIT(64);

	json_open(&w, '{');
	json_key_str(&w, STR("user"), f->user);
	if (f->key.len)
		json_key_str(&w, STR("key"), f->key);
	if (f->before) {
		rfc3339_write(&time, f->before);
		json_key_str(&w, STR("before"), buf_str(&time));
	}
	json_close(&w, '}');
	buf_free(&time);
}

static str number(const struct admin_asked *a, const char *name)
{
	return json_get(a->value, str_from_z(name)).raw;
}

static void name_untouched(const struct admin_asked *a)
{
	struct json_value list = json_get(a->value, STR("untouched"));
	struct json_member m;

	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		struct buf path = BUF_LIMIT(64 * KiB);

		if (buf_reserve(&path, m.value.raw.len)) {
			str text = json_text(m.value, path.ptr);

			fprintf(stderr,
			        "beside the access log, moved by others and not looked "
			        "into: %.*s\n",
			        STR_ARG(text));
		}
		buf_free(&path);
	}
}

static int forget(const struct forget *f)
{
	const struct admin_alone alone = { .config = f->config, .by_recorder = true };
	struct buf request = BUF_LIMIT(16 * KiB);
	struct admin_asked a;
	int result;

	write_request(f, &request);
	result = admin_do_alone(f->c, &alone, HTTP_POST, STR("/admin/v1/forget"),
	                        buf_str(&request), &a);
	if (result == EXIT_OK && f->c->json)
		printf("%.*s\n", STR_ARG(buf_str(&a.answer)));
	else if (result == EXIT_OK)
		fprintf(stderr,
		        "forgotten: the name in %.*s attempts and %.*s sums, what was "
		        "said in %.*s exchanges, and whom %.*s lines of the access log "
		        "spoke of\n",
		        STR_ARG(number(&a, "attempts")), STR_ARG(number(&a, "sums")),
		        STR_ARG(number(&a, "bodies")), STR_ARG(number(&a, "lines")));
	if (result == EXIT_OK)
		name_untouched(&a);
	admin_asked_done(&a);
	buf_free(&request);
	return result;
}

int forget_command(struct command *c)
{
	const char *user = command_value(c, "user"), *key = command_value(c, "key"),
	           *before = command_value(c, "before");
	struct forget f = { .c = c, .user = str_from_z(user), .key = str_from_z(key) };
	uint64_t id;
	int result;

	if (!f.user.len)
		return command_misused(c, "forget: say whom: --user NAME");
	if (key && (strlen(key) != 12 || !hex_to_u64(f.key, &id)))
		return command_misused(c, "--key %s: the id of a key has 12 hex digits",
		                       key);
	if (before && !parse_day(before, &f.before))
		return command_misused(c, "--before %s: write it like 2026-11-26",
		                       before);
	f.config = command_config(c, NULL, false);
	if (!f.config)
		return EXIT_CONFIG;
	result = forget(&f);
	config_unref(&f.config);
	return result;
}
