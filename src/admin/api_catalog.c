/* api_catalog.c - newer facts about models: checked, compared, put in force.
 *
 * Nothing is written before the new text has been read back as the gateway will read it.
 * The file (config/facts.h) is replaced on the thread of the ledger's writer, as the last
 * act of the transaction that writes the entry.  Nothing is ever fetched from here. */
#include "admin/api.h"
#include "admin/models_diff.h"
#include "config/datadir.h"
#include "config/facts.h"
#include "wire/catalog_import.h"

#include <time.h>

struct update {
	struct admin_call *c;
	struct catalog *old, *now; /* in force, and what comes; NULL: the program's own */
	struct buf text;           /* what comes, as the file has it */
	struct buf why;
	bool is_dry, has_lines;
	bool is_written;
	struct buf said;
};

static uint32_t date_of(usec wall)
{
	time_t seconds = (time_t)(wall / USEC_SEC);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	return (uint32_t)((utc.tm_year + 1900) * 10000 + (utc.tm_mon + 1) * 100 +
	                  utc.tm_mday);
}

/* One in force that is broken is replaced like any other. */
static bool read_both(struct update *u)
{
	str dir = u->c->house->dir;

	if (!facts_load(dir, &u->old, &u->why)) {
		buf_add(&u->said, buf_str(&u->why));
		buf_clear(&u->why);
	}
	if (!catalog_import(u->c->body, date_of(u->c->wall), u->old, &u->text, &u->why))
		return false;
	u->now = catalog_read(buf_str(&u->text), &u->why);
	return u->now != NULL;
}

/* is_told: the gateway has read it; NULL: nobody knows yet, the answer is kept. */
static struct models_diff write_answer(struct update *u, const bool *is_told)
{
	struct buf lines = { .limit = ADMIN_ANSWER_MOST };
	struct json_writer *w = &u->c->to;
	struct models_diff count;

	json_open(w, '{');
	json_key(w, STR("changes"));
	json_open(w, '[');
	count = models_diff(u->old, u->now, NULL, w);
	json_close(w, ']');
	json_key_uint(w, STR("new"), count.added);
	json_key_uint(w, STR("gone"), count.gone);
	json_key_uint(w, STR("changed"), count.changed);
	json_key_bool(w, STR("written"), !u->is_dry);
	if (is_told)
		json_key_bool(w, STR("gateway_told"), *is_told);
	if (u->has_lines) {
		models_diff(u->old, u->now, &lines, NULL);
		json_key_str(w, STR("lines"), buf_str(&lines));
	}
	if (is_told && u->said.len)
		json_key_str(w, STR("said"), buf_str(&u->said));
	json_close(w, '}');
	buf_free(&lines);
	return count;
}

static int save(struct admin_call *c, struct ledger *l, void *arg)
{
	struct json_writer after = { .to = &c->after };
	struct update *u = arg;
	struct models_diff count = write_answer(u, NULL);

	(void)l;
	json_open(&after, '{');
	json_key_uint(&after, STR("new"), count.added);
	json_key_uint(&after, STR("gone"), count.gone);
	json_key_uint(&after, STR("changed"), count.changed);
	json_close(&after, '}');
	if (c->out->over)
		return admin_problem(c, 413, "too_large", NULL,
		                     "it changes too much at once; nothing was changed");
	if (!datadir_make(c->house->dir, &u->why) ||
	    !facts_save(c->house->dir, buf_str(&u->text), &u->why))
		return admin_problem(c, 503, "catalog_unavailable", NULL,
		                     "%.*s; nothing was changed",
		                     STR_ARG(buf_str(&u->why)));
	u->is_written = true;
	return 200;
}

/* A running gateway reads it now; without one the next start does. */
static int put_in_force(struct update *u)
{
	const struct admin_house *h = u->c->house;
	struct buf said = BUF_LIMIT(32 * KiB);
	bool is_told = h->ops && h->ops->reload(h->arg, &said);

	if (h->ops && !is_told)
		buf_addf(&u->said,
		         "%sit is written, but the running gateway has not read it: "
		         "%.*s",
		         u->said.len ? "; " : "", STR_ARG(buf_str(&said)));
	buf_free(&said);
	buf_clear(u->c->out);
	u->c->to = (struct json_writer){ .to = u->c->out };
	write_answer(u, &is_told);
	return 200;
}

static int run(struct update *u)
{
	const bool not_told = false;
	int status;

	if (!read_both(u))
		return admin_problem(u->c, 400, "invalid_body", NULL,
		                     "%.*s; nothing was changed",
		                     STR_ARG(buf_str(&u->why)));
	if (u->is_dry) {
		write_answer(u, &not_told);
		return 200;
	}
	status = admin_change_file(u->c, save, u, &u->is_written, "the catalogue");
	/* An answer that is repeated has changed nothing. */
	return status == 200 && u->is_written ? put_in_force(u) : status;
}

int api_catalog_update(struct admin_call *c)
{
	struct update u = { .c = c,
		            .text = BUF_LIMIT(CATALOG_TEXT_MOST),
		            .why = BUF_LIMIT(8 * KiB),
		            .said = BUF_LIMIT(64 * KiB),
		            .is_dry = str_eq(admin_query(c, "dry_run"), STR("true")),
		            .has_lines = str_eq(admin_query(c, "lines"), STR("true")) };
	int status = run(&u);

	catalog_free(&u.old);
	catalog_free(&u.now);
	buf_free(&u.text);
	buf_free(&u.why);
	buf_free(&u.said);
	return status;
}
