/* command_config.c - the configuration as a command meets it: from -c or made up, with
 * what the command line overrides, its findings told on stderr. */
#include "main/command.h"

#include "config/datadir.h"

#include <stdio.h>

enum { PRINTED_MOST = 256 * KiB, TOLD_MOST = 3 };

static str option_text(const struct command *c, const char *name)
{
	return str_from_z(command_value(c, name));
}

/* lenient: what only the gateway needs may be missing. */
static struct config_source source_of(const struct command *c, bool lenient)
{
	return (struct config_source){
		.path = str_from_z(c->config),
		.data = str_from_z(c->data),
		.listen = option_text(c, "listen"),
		.insecure_open = command_has(c, "insecure-open"),
		.no_detect = command_has(c, "no-detect"),
		.lenient = lenient,
	};
}

static void print_notes(const struct config_notes *notes, str path)
{
	struct buf text = BUF_LIMIT(PRINTED_MOST);

	config_notes_print(notes, path, &text);
	if (text.len)
		fwrite(text.ptr, 1, text.len, stderr);
	buf_free(&text);
}

/* errors (may be NULL): the first of them in a line. */
static struct config *load(const struct command *c, struct buf *found, bool serves,
                           struct buf *errors, bool *ret_misses_file)
{
	struct config_source source = source_of(c, !serves);
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct buf ignored = BUF_LIMIT(64 * KiB);
	struct config *config =
	        c->config ? config_load(&source, &notes)
	                  : config_builtin(&source, found ? found : &ignored, &notes);

	if (notes.errors > 0 || (notes.warnings > 0 && serves))
		print_notes(&notes, source.path);
	if (errors)
		config_notes_brief(&notes, TOLD_MOST, errors);
	if (ret_misses_file)
		*ret_misses_file = config_notes_miss_file(&notes);
	arena_done(&arena);
	buf_free(&ignored);
	return config;
}

struct config *command_config(const struct command *c, struct buf *found, bool serves)
{
	return load(c, found, serves, NULL, NULL);
}

struct config *command_config_again(const struct command *c, struct buf *errors,
                                    bool *ret_misses_file)
{
	return load(c, NULL, true, errors, ret_misses_file);
}

struct config *command_config_unsaid(const struct command *c)
{
	struct config_source source = source_of(c, true);
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct buf ignored = BUF_LIMIT(64 * KiB);
	struct config *config = c->config ? config_load(&source, &notes)
	                                  : config_builtin(&source, &ignored, &notes);

	arena_done(&arena);
	buf_free(&ignored);
	return config;
}

/* One value of the file, found by `find`. */
static bool find_alone(const struct command *c, struct buf *ret,
                       bool (*find)(const struct config_source *source, struct buf *ret,
                                    struct config_notes *notes))
{
	struct config_source source = source_of(c, true);
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	bool is_found;

	ret->limit = 4 * KiB;
	is_found = find(&source, ret, &notes);
	if (!is_found)
		print_notes(&notes, source.path);
	arena_done(&arena);
	return is_found;
}

bool command_data(const struct command *c, struct buf *ret)
{
	struct buf why = BUF_LIMIT(12 * KiB);
	bool is_good = find_alone(c, ret, config_find_data);

	if (is_good && !datadir_check(buf_str(ret), &why)) {
		fprintf(stderr, "sluice: %s\n", buf_z(&why));
		is_good = false;
	}
	buf_free(&why);
	return is_good;
}

int command_open_data(const struct command *c, struct buf *ret)
{
	struct buf why = BUF_LIMIT(8 * KiB);
	int result = EXIT_OK;

	if (!command_data(c, ret))
		result = EXIT_CONFIG;
	else if (!datadir_may_look(buf_str(ret), &why))
		result = command_failed("%.*s", STR_ARG(buf_str(&why)));
	buf_free(&why);
	return result;
}

bool command_key_file(const struct command *c, struct buf *ret)
{
	return find_alone(c, ret, config_find_key_file);
}
