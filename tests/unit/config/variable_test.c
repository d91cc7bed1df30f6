#include "tests/unit/config/helper.h"

#include <stdlib.h>

/* The value of `data:` after reading, in a config that is right but for it. */
static str data_of(struct reading *r, const char *written)
{
	char text[400];

	snprintf(text, sizeof(text), "version: 1\nproviders: { mock: {} }\ndata: %s\n",
	         written);
	read_text(r, str_from_z(text));
	return r->config ? r->config->data : STR("(refused)");
}

TEST(variables_are_resolved_in_values)
{
	static const char *const rows[][2] = {
		{ "/a/${WORD}/b", "/a/word/b" },
		{ "/${WORD}${WORD}", "/wordword" },
		{ "/x${EMPTY}y", "/xy" },
		{ "\"/${NOT_SET:-a b}\"", "/a b" },
		{ "\"/x${NOT_SET:-}\"", "/x" },
		{ "\"/${EMPTY:-default}\"", "/default" },
		{ "\"/${WORD:-default}\"", "/word" },
		{ "\"/${WORD:?needed}\"", "/word" },
		{ "\"/${NOT_SET:-a:-b?}\"", "/a:-b?" },
		{ "/$$HOME", "/$HOME" },
		{ "/$$$${WORD}", "/$${WORD}" },
		{ "/a$b$", "/a$b$" },
		{ "/$500/month", "/$500/month" },
		{ "'/${WORD}'", "/word" },
		{ "\"/${STRUCTURE}\"", "/[a, b]" }, /* text, not a list */
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;

		CHECK_STR_EQ(data_of(&r, rows[i][0]), str_from_z(rows[i][1]));
		if (!r.config)
			print_notes(&r);
		reading_done(&r);
	}
}

TEST(variables_in_keys_are_left_alone)
{
	struct reading r;

	read_text(&r, STR("version: 1\n${WORD}: 1\n"));
	CHECK(!r.config);
	CHECK_STR(r.notes.list[0].text, "unknown key \"${WORD}\"");
	reading_done(&r);
}

TEST(all_unset_variables_are_told_in_one_run)
{
	struct reading r;

	read_text(&r, STR("version: 1\nproviders:\n  openai: { key: \"${NOT_A}\" }\n"
	                  "  groq: { key: \"${NOT_B:?ask Bob}\", url: \"${NOT_C}\" }\n"));
	CHECK_INT(r.notes.errors, 3);
	CHECK_STR(r.notes.list[0].text, "the variable NOT_A is not set");
	CHECK_STR(r.notes.list[1].text, "the variable NOT_B is not set: ask Bob");
	reading_done(&r);
}

static const char *huge_env(void *arg, const char *name)
{
	return arg && strcmp(name, "HUGE") == 0 ? arg : NULL;
}

TEST(variables_cannot_fill_the_memory)
{
	char *huge = malloc(100001);
	struct buf text = BUF_LIMIT(256 * KiB);
	struct config_source source = { .env = huge_env, .env_arg = huge };
	struct reading r;

	memset(huge, 'x', 100000);
	huge[100000] = 0;
	buf_add(&text, STR("version: 1\nlisten:\n"));
	for (int i = 0; i < 4000; i++)
		buf_add(&text, STR("- ${HUGE}\n"));
	source.text = buf_str(&text);
	read_with(&r, &source);
	CHECK(!r.config && r.notes.errors > 3000);
	CHECK(r.arena.used < 256 * KiB);
	reading_done(&r);
	buf_free(&text);
	free(huge);
}
