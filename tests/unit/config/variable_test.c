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
		{ "\"/${NOT_SET:-a$$b$c$$$}\"", "/a$b$c$$" },
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

/* An administrator's shell has none of the gateway's variables and files. */
TEST(a_lenient_reading_lets_providers_lack_what_is_elsewhere)
{
	static const struct {
		const char *name, *rest, *missing;
	} rows[] = {
		{ "openai", "{ key: \"${NOT_A}\" }", "NOT_A" },
		{ "openai", "{ keys: [\"${KEY_A}\", \"${NOT_B}\"] }", "NOT_B" },
		{ "openai", "{ key: \"${NOT_A:?ask Bob}\" }", "NOT_A" },
		{ "openai", "{ key: \"${NOT_A:-}\" }", "NOT_A" },
		{ "openai", "{ key: { file: /nowhere/key } }", "/nowhere/key" },
		{ "anthropic", "{}", "ANTHROPIC_API_KEY" },
		{ "mine", "{ format: openai-chat, url: \"${NOT_U}\", key: a }", "NOT_U" },
		{ "amazon-bedrock", "{ auth: sigv4 }", "AWS_ACCESS_KEY_ID" },
		{ "google-vertex", "{ credentials: /nowhere.json }", "/nowhere.json" },
		{ "openai", "{ key: \"${KEY_A}\" }", "" },
		{ "openai", "{ key: a }", "" },
	};
	struct config_source source = { .path = STR("sluice.yaml"),
		                        .env = test_env,
		                        .lenient = true };

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf text = BUF_LIMIT(KiB);
		struct reading r;

		buf_addf(&text,
		         "version: 1\ntimezone: Europe/Berlin\n"
		         "tls: { cert: /nowhere.crt, key: /nowhere.key }\n"
		         "telemetry: { otlp: { endpoint: \"${NOT_T}\" } }\n"
		         "providers: { %s: %s }\n"
		         "routes: { fast: { targets: [%s/m] } }\n",
		         rows[i].name, rows[i].rest, rows[i].name);
		source.text = buf_str(&text);
		read_with(&r, &source);
		if (CHECK(r.config)) {
			CHECK_STR(r.config->timezone, "Europe/Berlin");
			CHECK_STR_EQ(r.config->providers[0].missing,
			             str_from_z(rows[i].missing));
			CHECK_INT(r.config->providers[0].disabled.len, 0);
			CHECK_INT(r.config->route_count, 1);
		} else {
			print_notes(&r);
		}
		reading_done(&r);
		buf_free(&text);
	}
}

TEST(a_lenient_reading_is_strict_with_everything_else)
{
	static const char *const texts[] = {
		"version: 1\ndata: \"${NOT_A}\"\nproviders: { mock: {} }\n",
		"version: 1\ntimezone: \"${NOT_A}\"\nproviders: { mock: {} }\n",
		"version: 1\nproviders: { openai: { kye: \"${KEY_A}\", key: a } }\n",
		"version: 1\nproviders: { openai: { key: \"${KEY A}\" } }\n",
		"version: 1\nproviders: { openai: { key: a }, nosuch: { key: a } }\n",
	};
	struct config_source source = { .env = test_env, .lenient = true };

	for (size_t i = 0; i < countof(texts); i++) {
		struct reading r;

		source.text = str_from_z(texts[i]);
		read_with(&r, &source);
		CHECK(!r.config);
		reading_done(&r);
	}
}
