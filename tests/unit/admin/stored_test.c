#include "admin/stored.h"

#include "config/replace.h"
#include "tests/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY="
#define NEW_KEY "4041323334353637383961626364656630313233343536373839414243444546"

static const char *file_in(const char *dir, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned last;
	char *path = paths[last++ % countof(paths)];

	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

static void write_file(const char *path, str text)
{
	struct buf why = BUF_LIMIT(KiB);

	if (!file_replace(path, text, false, &why))
		check_failed(__FILE__, __LINE__, "%s", buf_z(&why));
	buf_free(&why);
}

static bool holds(const char *path, str text)
{
	struct buf now = BUF_LIMIT(64 * KiB), why = BUF_LIMIT(KiB);
	bool same = file_read(path, 0, &now, &why) == FILE_FOUND &&
	            str_eq(buf_str(&now), text);

	buf_free(&now);
	buf_free(&why);
	return same;
}

static bool put(const struct master_place *at, const char *provider, bool *ret_first,
                struct buf *why)
{
	struct vault_row row = { .provider = str_from_z(provider),
		                 .key = { STR("sk-0123456789") } };

	return stored_put(at, &row, false, ret_first, why);
}

/* It is worth nothing to be told of a key whose store could not be written. */
TEST(people_are_told_of_the_master_key_with_the_first_key_that_is_stored)
{
	const char *dir = test_dir(), *in_the_way = file_in(dir, "secrets.new");
	const struct master_place at = { .data = str_from_z(dir) };
	struct buf why = BUF_LIMIT(4 * KiB);
	bool is_first = false;

	CHECK(mkdir(in_the_way, 0700) == 0); /* as a full disk: the master key fits */
	CHECK(!put(&at, "openai", &is_first, &why) && !is_first);
	CHECK(access(file_in(dir, "master.key"), F_OK) == 0);
	CHECK(rmdir(in_the_way) == 0);
	CHECK(put(&at, "openai", &is_first, &why) && is_first);
	CHECK(put(&at, "openai", &is_first, &why) && !is_first);
	buf_free(&why);
}

/* A link to it stays one, and remarks stay in it. */
TEST(a_file_of_master_keys_of_the_users_is_never_written)
{
	static const str one = STR_INIT("# mine\n" OLD_KEY "\n"),
	                 two = STR_INIT("# mine\n" OLD_KEY " # old\n" NEW_KEY "\n");
	const char *dir = test_dir(), *path = file_in(dir, "sluice-master-key"),
	           *real = file_in(dir, "real");
	const struct master_place places[] = {
		{ .key_file = path, .data = str_from_z(dir) },
		{ .credentials_dir = dir, .data = str_from_z(dir) },
	};
	struct buf why = BUF_LIMIT(4 * KiB);
	struct stored_rotation done;
	struct stat st;
	bool is_first;

	CHECK(symlink(real, path) == 0);
	for (size_t i = 0; i < countof(places); i++) {
		const struct master_place *at = &places[i];
		struct buf before, after;

		unlink(file_in(dir, "secrets"));
		write_file(real, one);
		CHECK(put(at, "openai", &is_first, &why) && !is_first);
		buf_clear(&why);
		CHECK(!stored_rotate(at, false, &done, &why));
		CHECK(str_has(buf_str(&why), STR("openssl rand -base64 32")));
		CHECK(holds(real, one) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
		write_file(real, two);
		/* Nothing is half done: what cannot be forgotten is not sealed anew. */
		vault_text(at->data, &before);
		buf_clear(&why);
		CHECK(!stored_rotate(at, true, &done, &why));
		CHECK(str_has(buf_str(&why), STR("without --forget-old")));
		vault_text(at->data, &after);
		CHECK_STR_EQ(buf_str(&after), buf_str(&before));
		CHECK(stored_rotate(at, false, &done, &why));
		CHECK_INT(done.keys, 2);
		CHECK(holds(real, two) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
		buf_free(&before);
		buf_free(&after);
	}
	CHECK(access(file_in(dir, "master.key"), F_OK) != 0);
	buf_free(&why);
}
