/* models_update.c - sluice models update FILE|URL: newer facts, checked, compared, put in
 * force.
 *
 * Nothing is written before the new text has been read back as the gateway will read it.
 * A URL is asked only here, only when somebody types it. */
#include "admin/client.h"
#include "config/datadir.h"
#include "config/facts.h"
#include "loop/sys.h"
#include "main/fetch.h"
#include "main/models.h"
#include "main/models_diff.h"
#include "wire/catalog_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * KiB, SAID_MOST = 64 * MiB };

struct update {
	struct command *c;
	const char *from; /* FILE or URL */
	str dir;
	struct catalog *old, *now; /* in force, and what comes; NULL: the program's own */
	struct buf json, text;
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

static uint32_t today(void)
{
	time_t now = (time_t)(sys_wall() / USEC_SEC);
	struct tm utc;

	gmtime_r(&now, &utc);
	return (uint32_t)((utc.tm_year + 1900) * 10000 + (utc.tm_mon + 1) * 100 +
	                  utc.tm_mday);
}

/* ---- into force ---- */

static bool make(struct update *u)
{
	str from = str_from_z(u->from);

	if (is_url(from) ? !fetch_url(from, &u->json, &u->why) : !read_file(u))
		return false;
	if (!catalog_import(buf_str(&u->json), today(), u->old, &u->text, &u->why))
		return false;
	u->now = catalog_read(buf_str(&u->text), &u->why);
	return u->now != NULL;
}

static bool save(struct update *u)
{
	return datadir_make(u->dir, &u->why) &&
	       facts_save(u->dir, buf_str(&u->text), &u->why);
}

/* A running gateway reads it now; without one the next start does. False: there is one,
 * and it did not. */
static bool tell_gateway(struct update *u, bool *ret_told)
{
	struct buf answer = BUF_LIMIT(KiB);
	struct json_value value;
	bool is_there = false;

	*ret_told = admin_ask_holder(u->dir, STR("{\"do\":\"reload\"}"), &answer, &value,
	                             &is_there, &u->why);
	buf_free(&answer);
	return *ret_told || !is_there;
}

/* ---- what is said ---- */

static void say(struct update *u, struct models_diff *count, struct buf *out,
                struct json_writer *w)
{
	if (u->c->json) {
		json_open(w, '{');
		json_key(w, STR("changes"));
		json_open(w, '[');
		*count = models_diff(u->old, u->now, out, w);
		json_close(w, ']');
		json_key_int(w, STR("new"), count->added);
		json_key_int(w, STR("gone"), count->gone);
		json_key_int(w, STR("changed"), count->changed);
	} else {
		*count = models_diff(u->old, u->now, out, NULL);
	}
}

static int run(struct update *u)
{
	struct buf out = BUF_LIMIT(SAID_MOST);
	struct json_writer w = { .to = &out };
	bool is_dry = command_has(u->c, "dry-run"), is_told = false;
	struct models_diff count;
	int result = EXIT_OK;

	if (!make(u))
		return command_failed("%s: %.*s; nothing was changed", u->from,
		                      STR_ARG(buf_str(&u->why)));
	say(u, &count, &out, &w);
	if (!is_dry && !save(u))
		result = command_failed("%.*s; nothing was changed",
		                        STR_ARG(buf_str(&u->why)));
	else if (!is_dry && !tell_gateway(u, &is_told))
		result = command_failed("the catalogue is written, but the running "
		                        "gateway has not read it: %.*s",
		                        STR_ARG(buf_str(&u->why)));
	if (u->c->json) {
		json_key_bool(&w, STR("written"), !is_dry && result == EXIT_OK);
		json_key_bool(&w, STR("gateway_told"), is_told);
		json_close(&w, '}');
		buf_add_char(&out, '\n');
	}
	printf("%.*s", STR_ARG(buf_str(&out)));
	if (result == EXIT_OK)
		fprintf(stderr, "%u new, %u gone, %u changed; %s%s\n", count.added,
		        count.gone, count.changed,
		        is_dry ? "nothing was written (--dry-run)" : "written to ",
		        is_dry ? "" : u->dir.ptr);
	buf_free(&out);
	return result;
}

int models_update(struct command *c)
{
	struct update u = { .c = c,
		            .json = BUF_LIMIT(IMPORT_TEXT_MOST + 2 * (size_t)PIECE),
		            .text = BUF_LIMIT(CATALOG_TEXT_MOST),
		            .why = BUF_LIMIT(8 * KiB) };
	struct buf dir = { 0 };
	int result = EXIT_CONFIG;

	if (c->argc < 2)
		return command_misused(c, "models update: give it a FILE or a URL");
	u.from = c->argv[1];
	if (command_data(c, &dir)) {
		u.dir = str_of(buf_z(&dir), dir.len);
		/* One that is broken is replaced like any other. */
		if (!facts_load(u.dir, &u.old, &u.why))
			fprintf(stderr, "sluice: warning: %.*s\n",
			        STR_ARG(buf_str(&u.why)));
		buf_clear(&u.why);
		result = run(&u);
	}
	catalog_free(&u.old);
	catalog_free(&u.now);
	buf_free(&u.json);
	buf_free(&u.text);
	buf_free(&u.why);
	buf_free(&dir);
	return result;
}
