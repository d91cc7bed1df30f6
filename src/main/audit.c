/* audit.c - sluice audit list|verify|export: who has changed what, and is that all of it?
 */
#include "codec/text.h"
#include "main/admin_ask.h"
#include "admin/text.h"

#include <stdio.h>

enum { LINES_MOST = 1000 };

/* ---- list ---- */

static void add_entry(struct buf *to, struct json_value entry)
{
	static const char *const names[] = { "at", "who", "source", "action", "target" };
	char room[512];

	for (size_t i = 0; i < countof(names); i++) {
		text_safe(to, admin_text(entry, names[i], room, sizeof(room)));
		buf_add(to, i + 1 < countof(names) ? STR("  ") : STR("\n"));
	}
}

static int list(const struct command *c)
{
	struct buf target = BUF_LIMIT(KiB), out = BUF_LIMIT(16 * MiB);
	struct json_member item;
	struct json_value data;
	struct admin_asked a;
	uint64_t lines;
	int result;

	if (!command_number(c, "lines", LINES_MOST, 20, &lines))
		return EXIT_USAGE;
	buf_addf(&target, "/admin/v1/audit?limit=%u", (unsigned)lines);
	result = admin_do(c, HTTP_GET, buf_str(&target), STR_NONE, &a);
	if (result == EXIT_OK && a.is_json) {
		data = json_get(a.value, STR("data"));
		if (c->json)
			buf_addf(&out, "%.*s\n", STR_ARG(data.raw));
		for (struct json_iter it = json_iter(data);
		     !c->json && json_next(&it, &item);)
			add_entry(&out, item.value);
		fwrite(out.ptr ? out.ptr : "", 1, out.len, stdout);
	}
	admin_asked_done(&a);
	buf_free(&target);
	buf_free(&out);
	return result;
}

/* ---- verify ---- */

static int tell_verdict(const struct command *c, const struct admin_asked *a)
{
	bool is_whole = json_get(a->value, STR("ok")).type == JSON_TRUE;
	str entries = json_get(a->value, STR("entries")).raw;
	str bad = json_get(a->value, STR("first_bad")).raw;
	char room[512];

	if (c->json)
		printf("%.*s\n", (int)a->answer.len, a->answer.ptr);
	else if (is_whole)
		printf("%.*s entries, whole; head %.*s\n", STR_ARG(entries),
		       STR_ARG(admin_text(a->value, "head", room, sizeof(room))));
	if (is_whole)
		return EXIT_OK;
	if (str_eq(bad, STR("0")))
		return command_failed(
		        "the audit log is not whole: %.*s",
		        STR_ARG(admin_text(a->value, "problem", room, sizeof(room))));
	return command_failed(
	        "the audit log is not whole: entry %.*s: %.*s", STR_ARG(bad),
	        STR_ARG(admin_text(a->value, "problem", room, sizeof(room))));
}

static int verify(const struct command *c)
{
	struct buf target = BUF_LIMIT(KiB);
	struct admin_asked a;
	int result;

	buf_add(&target, STR("/admin/v1/audit/verify"));
	admin_add_query(&target, "expect", command_value(c, "expect"));
	result = admin_do(c, HTTP_GET, buf_str(&target), STR_NONE, &a);
	if (result == EXIT_OK)
		result = tell_verdict(c, &a);
	admin_asked_done(&a);
	buf_free(&target);
	return result;
}

/* ---- export ---- */

static int export(const struct command *c)
{
	struct buf target = BUF_LIMIT(KiB);
	int result;

	buf_add(&target, STR("/admin/v1/audit/export"));
	admin_add_query(&target, "since", command_value(c, "since"));
	admin_add_query(&target, "until", command_value(c, "until"));
	result = admin_print(c, buf_str(&target));
	buf_free(&target);
	return result;
}

int audit_command(struct command *c)
{
	static const struct {
		const char *name, *options;
		int (*run)(const struct command *c);
	} verbs[] = {
		{ "list", "lines", list },
		{ "verify", "expect", verify },
		{ "export", "since until", export },
	};
	const char *what = c->argc > 0 ? c->argv[0] : "list";

	for (size_t i = 0; i < countof(verbs); i++) {
		if (strcmp(what, verbs[i].name) != 0)
			continue;
		int code = command_heeds(c, what, verbs[i].options, 1);
		return code == EXIT_OK ? verbs[i].run(c) : code;
	}
	return command_misused(c, "audit: \"%s\" is not list, verify or export", what);
}
