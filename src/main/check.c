/* check.c - sluice check: all findings of a configuration, without running it. */
#include "main/command.h"

#include <stdio.h>
#include <unistd.h>

enum { PRINTED_MOST = 256 * KiB };

static void print(struct command *c, const struct config_notes *notes, str path)
{
	struct buf text = BUF_LIMIT(PRINTED_MOST);

	if (c->json)
		config_notes_json(notes, path, &text);
	else
		config_notes_print(notes, path, &text);
	if (text.len)
		fwrite(text.ptr, 1, text.len, c->json ? stdout : stderr);
	buf_free(&text);
}

int check_command(struct command *c)
{
	const char *path = c->argc > 0 ? c->argv[0]
	                   : c->config ? c->config
	                               : "sluice.yaml";
	struct config_source source = { .path = str_from_z(path),
		                        .data = str_from_z(c->data) };
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config *config = config_load(&source, &notes);
	bool is_good = config && !(notes.warnings > 0 && command_has(c, "strict"));

	print(c, &notes, source.path);
	if (is_good && !c->json)
		printf("%s is right: %u providers, %u routes\n", path,
		       config->provider_count, config->route_count);
	config_unref(&config);
	arena_done(&arena);
	return is_good ? EXIT_OK : EXIT_CONFIG;
}
