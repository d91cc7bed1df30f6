/* helper.h - a configuration read from a literal, with an environment of its own. */
#pragma once
#include "config/config.h"
#include "tests/check.h"

#include <stdio.h>

struct reading {
	struct arena arena;
	struct config_notes notes;
	struct config *config;
};

static inline const char *test_env(void *arg, const char *name)
{
	static const char *const set[][2] = {
		{ "HOME", "/home/test" },
		{ "WORD", "word" },
		{ "NUMBER", "3" },
		{ "MYPASS", "Correct_Horse" },
		{ "EMPTY", "" },
		{ "EVIL", "x, auth: open }\nversion: 2" },
		{ "STRUCTURE", "[a, b]" },
		{ "KEY_A", "sk-test-aaaaaaaaaaaaaaaaaaaa" },
		{ "OPENAI_API_KEY", "sk-test-0123456789abcdefXYZ" },
		{ "MISTRAL_API_KEY", "" },
	};

	for (size_t i = 0; i < countof(set); i++)
		if (strcmp(set[i][0], name) == 0)
			return set[i][1];
	return NULL;
}

static inline void read_with(struct reading *r, const struct config_source *source)
{
	*r = (struct reading){ 0 };
	r->notes.arena = &r->arena;
	r->config = config_read(source, &r->notes);
}

static inline void read_text(struct reading *r, str text)
{
	struct config_source source = { .path = STR("sluice.yaml"),
		                        .text = text,
		                        .env = test_env };

	read_with(r, &source);
}

static inline void reading_done(struct reading *r)
{
	config_unref(&r->config);
	arena_done(&r->arena);
}

/* Says what was found, when something unexpected was. */
static inline void print_notes(const struct reading *r)
{
	struct buf text = BUF_LIMIT(64 * KiB);

	config_notes_print(&r->notes, STR("sluice.yaml"), &text);
	fprintf(stderr, "%.*s", (int)text.len, text.ptr);
	buf_free(&text);
}
