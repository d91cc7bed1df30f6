/* Keys that are read alone, of a file the rest of which may be wrong. */
#include "tests/unit/config/helper.h"

#include <limits.h>

/* True: found, and it is `wanted`. */
static bool finds(const char *text,
                  bool (*find)(const struct config_source *, struct buf *,
                               struct config_notes *),
                  const char *wanted)
{
	struct buf found = BUF_LIMIT(4 * KiB);
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config_source source = { .env = test_env };
	char path[PATH_MAX];
	bool is_found;
	FILE *f;

	snprintf(path, sizeof(path), "%s/sluice.yaml", test_dir());
	f = fopen(path, "w");
	if (!CHECK(f != NULL))
		return false;
	fputs(text, f);
	fclose(f);
	source.path = str_from_z(path);
	is_found = find(&source, &found, &notes) &&
	           str_eq(buf_str(&found), str_from_z(wanted));
	buf_free(&found);
	arena_done(&arena);
	return is_found;
}

TEST(the_data_is_found_when_something_else_is_wrong)
{
	static const struct {
		const char *text;
		bool is_found;
	} rows[] = {
		{ "version: 1\ndata: /a\nauth: keys\n", true },
		{ "version: 1\ndata: /a\nauth: keys\nauth: open\n", true },
		{ "data: /a\nlimits: { body: 1, body: 2 }\nx: !!str y\n", true },
		{ "data: /a\nproviders: { openai: { key: \"${NOT_SET}\" } }\n", true },
		/* Which of the two is it? */
		{ "data: /a\ndata: /b\n", false },
		{ "data: !!str /a\n", false },
		{ "data: /a\nauth: [\n", false },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (finds(rows[i].text, config_find_data, "/a") != rows[i].is_found)
			check_failed(__FILE__, __LINE__, "in %s", rows[i].text);
}

TEST(the_key_file_is_found_when_something_else_is_wrong)
{
	CHECK(finds("secrets: { key_file: /etc/passwd }\nauth: keys\nauth: open\n",
	            config_find_key_file, "/etc/passwd"));
	CHECK(!finds("secrets: { key_file: /etc/passwd }\nsecrets: {}\n",
	             config_find_key_file, "/etc/passwd"));
}
