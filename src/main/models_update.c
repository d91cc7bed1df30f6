/* models_update.c - sluice models update FILE|URL: newer facts about models.
 *
 * The text is fetched here, a URL only when somebody types it; what is done with it is a
 * route of the admin API. */
#include "main/admin_ask.h"
#include "main/fetch.h"
#include "main/models.h"
#include "wire/catalog_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 256 * KiB, SAID_MOST = 64 * KiB, LINES_MOST = 64 * MiB };

struct update {
	struct command *c;
	const char *from; /* FILE or URL */
	struct buf json;
	struct buf why;
};

/* ---- from where ---- */

static bool is_url(str from)
{
	return str_starts_nocase(from, STR("https://")) ||
	       str_starts_nocase(from, STR("http://")) || str_starts(from, STR("unix:"));
}

static bool read_file(struct update *u)
{
	int fd = open(u->from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && buf_reserve(&u->json, PIECE)) {
		n = read(fd, u->json.ptr + u->json.len, PIECE);
		if (n > 0)
			u->json.len += (size_t)n;
	}
	if (fd < 0 || n < 0)
		buf_add(&u->why, str_from_z(strerror(errno)));
	if (fd >= 0)
		close(fd);
	return fd >= 0 && n >= 0;
}

/* ---- what is said ---- */

static unsigned number(struct json_value answer, const char *name)
{
	int64_t value = 0;

	return json_i64(json_get(answer, str_from_z(name)), &value) ? (unsigned)value : 0;
}

static int say(const struct update *u, const struct admin_asked *a)
{
	bool is_written = json_get(a->value, STR("written")).type == JSON_TRUE;
	bool is_late = is_written && a->has_gateway &&
	               json_get(a->value, STR("gateway_told")).type == JSON_FALSE;
	struct buf lines = { .limit = LINES_MOST };
	char room[SAID_MOST];
	str said = admin_text(a->value, "said", room, sizeof(room));
	int result = EXIT_OK;

	if (u->c->json)
		printf("%.*s\n", STR_ARG(buf_str(&a->answer)));
	else if (buf_reserve(&lines, a->answer.len))
		printf("%.*s",
		       STR_ARG(admin_text(a->value, "lines", lines.ptr, lines.cap)));
	if (is_late)
		result = command_failed("%.*s", STR_ARG(said));
	else if (said.len)
		fprintf(stderr, "sluice: warning: %.*s\n", STR_ARG(said));
	if (result == EXIT_OK)
		fprintf(stderr, "%u new, %u gone, %u changed; %s%.*s\n",
		        number(a->value, "new"), number(a->value, "gone"),
		        number(a->value, "changed"),
		        is_written ? "written to " : "nothing was written (--dry-run)",
		        is_written ? (int)a->dir.len : 0, a->dir.ptr ? a->dir.ptr : "");
	buf_free(&lines);
	return result;
}

static int run(struct update *u)
{
	bool is_dry = command_has(u->c, "dry-run");
	struct buf target = BUF_LIMIT(KiB);
	struct admin_asked a;
	int result;

	buf_add(&target, STR("/admin/v1/catalog"));
	admin_add_query(&target, "dry_run", is_dry ? "true" : NULL);
	admin_add_query(&target, "lines", u->c->json ? NULL : "true");
	result = admin_run(u->c,
	                   &(struct admin_errand){ .method = HTTP_POST,
	                                           .target = buf_str(&target),
	                                           .body = buf_str(&u->json),
	                                           .about = u->from,
	                                           .alone = { .is_look = is_dry } },
	                   &a);
	if (result == EXIT_OK)
		result = say(u, &a);
	admin_asked_done(&a);
	buf_free(&target);
	return result;
}

int models_update(struct command *c)
{
	struct update u = { .c = c,
		            .json = BUF_LIMIT(IMPORT_TEXT_MOST + 2 * (size_t)PIECE),
		            .why = BUF_LIMIT(8 * KiB) };
	bool is_read;
	int result;

	if (c->argc < 2)
		return command_misused(c, "models update: give it a FILE or a URL");
	u.from = c->argv[1];
	is_read = is_url(str_from_z(u.from))
	                  ? fetch_url(str_from_z(u.from), &u.json, &u.why)
	                  : read_file(&u);
	if (is_read && u.json.len > IMPORT_TEXT_MOST) {
		buf_addf(&u.why, "it has more than %d bytes", IMPORT_TEXT_MOST);
		is_read = false;
	}
	result = is_read ? run(&u)
	                 : command_failed("%s: %.*s; nothing was changed", u.from,
	                                  STR_ARG(buf_str(&u.why)));
	buf_free(&u.json);
	buf_free(&u.why);
	return result;
}
