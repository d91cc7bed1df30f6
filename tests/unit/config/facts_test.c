#include "config/facts.h"

#include "config/config.h"
#include "tests/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void text_of(picousd input, uint32_t updated, struct buf *to)
{
	const struct catalog_model m = {
		.provider = STR("openai"),
		.id = STR("gpt-5"),
		.name = STR("GPT-5"),
		.identity = STR("gpt-5"),
		.updated = updated,
		.prices = 1,
		.price = { { input, -1, -1, 2, -1, -1, -1, 0 } },
	};

	*to = BUF_LIMIT(4 * KiB);
	catalog_write(&m, 1, to);
}

static bool save_of(str dir, picousd input, uint32_t updated)
{
	struct buf text, why = BUF_LIMIT(1 * KiB);
	bool is_saved;

	text_of(input, updated, &text);
	is_saved = facts_save(dir, buf_str(&text), &why);
	CHECK(is_saved == (why.len == 0));
	buf_free(&text);
	buf_free(&why);
	return is_saved;
}

static bool save(str dir, picousd input)
{
	return save_of(dir, input, 20991125);
}

static void put(str dir, const char *name, str text)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%.*s/%s", STR_ARG(dir), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(write(fd, text.ptr, text.len) == (ssize_t)text.len);
	close(fd);
}

static picousd price_in_force(const struct catalog *c)
{
	struct catalog_model m;

	return catalog_find_model(c, STR("openai"), STR("gpt-5"), &m) ? m.price[0].input
	                                                              : -1;
}

TEST(facts_are_saved_and_loaded_and_the_last_ones_kept)
{
	str dir = str_from_z(test_dir());
	struct catalog *c = NULL;
	struct buf why = BUF_LIMIT(1 * KiB);
	char path[4096], previous[4096];
	struct stat st;

	CHECK(facts_load(dir, &c, &why) && c == NULL);
	CHECK(facts_load(STR_NONE, &c, &why) && c == NULL);
	CHECK(save(dir, 7) && save(dir, 8));
	if (CHECK(facts_load(dir, &c, &why) && c))
		CHECK_INT(price_in_force(c), 8);
	catalog_free(&c);
	snprintf(path, sizeof(path), "%.*s/catalog", STR_ARG(dir));
	snprintf(previous, sizeof(previous), "%.*s/catalog.previous", STR_ARG(dir));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(rename(previous, path) == 0);
	if (CHECK(facts_load(dir, &c, &why) && c))
		CHECK_INT(price_in_force(c), 7);
	catalog_free(&c);
	put(dir, "catalog", STR("nonsense"));
	CHECK(!facts_load(dir, &c, &why) && c == NULL);
	CHECK(str_has(buf_str(&why), STR("/catalog: the end is missing")));
	buf_clear(&why);
	CHECK(!save(STR("/dev/null/none/place"), 1));
	buf_free(&why);
}

static struct config *read_with(str dir, struct config_notes *notes)
{
	struct config_source source = {
		.text = STR("version: 1\nproviders: { openai: { key: x } }\n"
		            "routes: { r: { targets: [openai/gpt-5] } }\n"),
		.data = dir,
	};

	return config_read(&source, notes);
}

TEST(facts_belong_to_the_configuration)
{
	str dir = str_from_z(test_dir());
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config *first, *next, *broken;

	CHECK(save(dir, 7));
	first = read_with(dir, &notes);
	CHECK(save(dir, 8));
	next = read_with(dir, &notes);
	CHECK_INT(notes.count, 0);
	/* Whoever began with the first goes on with it. */
	CHECK_INT(price_in_force(first->catalog), 7);
	CHECK_INT(first->routes[0].targets[0].facts.price[0].input, 7);
	CHECK_INT(next->routes[0].targets[0].facts.price[0].input, 8);
	config_unref(&first);
	put(dir, "catalog", STR("sluice-catalog 1\n"));
	broken = read_with(dir, &notes);
	if (CHECK(broken && broken->catalog == NULL)) {
		CHECK_INT(broken->routes[0].targets[0].facts.price[0].input, 1250000);
		CHECK_INT(notes.warnings, 1);
		CHECK_STR(str_from_z(notes.list[0].code), "W048");
	}
	config_unref(&broken);
	config_unref(&next);
	arena_done(&arena);
}

TEST(facts_older_than_the_program_are_told_and_not_used)
{
	str dir = str_from_z(test_dir());
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config *c;

	CHECK(save_of(dir, 7, 20260101));
	c = read_with(dir, &notes);
	if (CHECK(c && notes.warnings == 1)) {
		CHECK_INT(c->routes[0].targets[0].facts.price[0].input, 1250000);
		CHECK_STR(str_from_z(notes.list[0].code), "W048");
		CHECK(str_starts(
		        notes.list[0].text,
		        STR("the updated catalogue of 2026-01-01 is older than")));
		CHECK(str_ends(notes.list[0].text, STR("which are used for openai")));
	}
	config_unref(&c);
	arena_done(&arena);
}
