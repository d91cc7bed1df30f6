#include "main/keeping.h"

#include "admin/stored.h"
#include "base/log.h"
#include "gateway/capture.h"
#include "meter/body_log.h"

#include <unistd.h>

static void say(const char *text)
{
	log_warn("%s", text);
}

static bool has_bodies(const struct config *c)
{
	struct buf path = BUF_LIMIT(4 * KiB);
	bool has;

	buf_addf(&path, "%.*s/bodies", STR_ARG(c->data));
	has = access(buf_z(&path), F_OK) == 0;
	buf_free(&path);
	return has;
}

/* The log goes on with the keys of now, and begins with a new one where there is none. */
static bool load_masters(struct gateway *g, const struct config *c, struct master *ret,
                         struct buf *why)
{
	struct master_place at = stored_place(c->key_file, c->data);
	struct buf said = BUF_LIMIT(KiB);
	enum master_found found = master_find(&at, ret, why);
	bool made = false;

	if (found == MASTER_MISSING && g->bodies)
		buf_add(why, STR("the master key is missing, and `log.bodies` needs it"));
	else if (found == MASTER_MISSING && master_load(&at, ret, &made, why))
		found = MASTER_FOUND;
	if (made)
		stored_say_made(c->data, &said);
	if (made)
		log_warn("%s", buf_z(&said));
	buf_free(&said);
	return found == MASTER_FOUND;
}

bool keeping_start(struct gateway *g, const struct config *c, struct buf *why)
{
	struct arena keep = { 0 };
	struct body_log_options options = {
		.free_letter = capture_free_letter,
		.say = say,
	};
	struct master masters = { 0 };
	bool is_wanted = c->log.bodies != LOG_BODIES_OFF;

	if (!is_wanted && (g->bodies || !has_bodies(c)))
		return true;
	if (!load_masters(g, c, &masters, why))
		return false;
	options.dir = str_z(&keep, arena_printf(&keep, "%.*s/bodies", STR_ARG(c->data)));
	if (g->bodies)
		body_log_set_masters(g->bodies, &masters);
	else
		g->bodies = body_log_new(&options, &masters, why);
	arena_done(&keep);
	return g->bodies != NULL;
}

void keeping_set(struct gateway *g, const struct config *c)
{
	if (g->bodies)
		body_log_set(g->bodies, &c->log);
}

void keeping_read_masters(struct gateway *g)
{
	struct buf why = BUF_LIMIT(4 * KiB);

	if (!keeping_start(g, g->config, &why))
		log_error("what is said is still sealed with the master key of before: "
		          "%s",
		          buf_z(&why));
	buf_free(&why);
}
