#include "config/master.h"

#include "config/datadir.h"
#include "config/replace.h"
#include "tests/check.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *file_in(const char *dir, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *path, str text, mode_t mode)
{
	struct buf why = BUF_LIMIT(KiB);

	if (!file_replace(path, text, false, &why))
		check_failed(__FILE__, __LINE__, "%s", buf_z(&why));
	CHECK(chmod(path, mode) == 0);
	buf_free(&why);
}

TEST(a_master_key_is_made_once_and_found_again)
{
	const char *dir = test_dir();
	struct master_place at = { .data = str_from_z(dir) };
	struct buf why = BUF_LIMIT(KiB);
	struct master m, again;
	bool is_made = false;
	struct stat st;

	CHECK(master_find(&at, &m, &why) == MASTER_MISSING);
	CHECK(master_load(&at, &m, &is_made, &why) && is_made);
	CHECK(stat(file_in(dir, "master.key"), &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(master_load(&at, &again, &is_made, &why) && !is_made);
	CHECK_INT(master_current(&again)->id, master_current(&m)->id);
	CHECK(memcmp(master_current(&again)->bytes, master_current(&m)->bytes,
	             SEAL_KEY) == 0);
	master_done(&m);
	master_done(&again);
	buf_free(&why);
}

TEST(a_new_master_key_seals_and_the_old_one_still_opens)
{
	struct master_place at = { .data = str_from_z(test_dir()) };
	struct buf why = BUF_LIMIT(KiB);
	struct master m, again;
	uint32_t first;

	CHECK(master_load(&at, &m, NULL, &why));
	first = master_current(&m)->id;
	CHECK(master_add(&at, &m, &why));
	CHECK(master_current(&m)->id != first && master_key(&m, first));
	CHECK(master_find(&at, &again, &why) == MASTER_FOUND);
	CHECK_INT(again.count, 2);
	CHECK_INT(master_current(&again)->id, master_current(&m)->id);
	master_done(&again);
	CHECK(master_forget_old(&at, &m, &why));
	CHECK(!master_key(&m, first));
	CHECK(master_find(&at, &again, &why) == MASTER_FOUND);
	CHECK_INT(again.count, 1);
	CHECK_INT(master_current(&again)->id, master_current(&m)->id);
	master_done(&again);
	master_done(&m);
	buf_free(&why);
}

TEST(master_keys_are_read_in_the_forms_people_make_them)
{
	static const struct {
		const char *text;
		unsigned count; /* 0: refused */
		mode_t mode;
	} rows[] = {
		{ "0123456789abcdef0123456789ABCDEF", 1, 0600 },
		{ "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=\n", 1, 0600 },
		{ "# old\nMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY= # 2026\n\r\n"
		  "3031323334353637383961626364656630313233343536373839414243444546",
		  2, 0400 },
		{ "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=\n", 0, 0640 },
		{ "", 0, 0600 },
		{ "# nothing\n", 0, 0600 },
		{ "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERQ==\n", 0, 0600 },
		{ "password\n", 0, 0600 },
	};
	struct buf why = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(rows); i++) {
		const char *path = file_in(test_dir(), "key");
		struct master_place at = { .key_file = path };
		enum master_found found;
		struct master m;

		write_file(path, str_from_z(rows[i].text), rows[i].mode);
		buf_clear(&why);
		found = master_find(&at, &m, &why);
		if (!CHECK(found == (rows[i].count ? MASTER_FOUND : MASTER_BAD)))
			continue;
		CHECK((why.len > 0) == (rows[i].count == 0));
		if (found == MASTER_FOUND) {
			CHECK_INT(m.count, rows[i].count);
			CHECK(memcmp(m.keys[0].bytes, "0123456789abcdef0123456789ABCDEF",
			             SEAL_KEY) == 0);
			master_done(&m);
		}
	}
	buf_free(&why);
}

TEST(a_key_file_that_is_missing_is_never_made)
{
	const char *dir = test_dir();
	struct master_place at = { .key_file = file_in(dir, "none"),
		                   .data = str_from_z(dir) };
	struct buf why = BUF_LIMIT(KiB);
	struct master m;

	CHECK(!master_load(&at, &m, NULL, &why));
	CHECK(str_has(buf_str(&why), STR("missing")));
	CHECK(access(file_in(dir, "none"), F_OK) != 0);
	CHECK(access(file_in(dir, "master.key"), F_OK) != 0);
	buf_free(&why);
}

TEST(a_systemd_credential_goes_before_the_data_directory)
{
	const char *dir = test_dir();
	struct master_place at = { .credentials_dir = dir, .data = str_from_z(dir) };
	struct buf why = BUF_LIMIT(KiB);
	struct master m;

	/* There is none of ours among the credentials: as without. */
	CHECK(master_load(&at, &m, NULL, &why));
	master_done(&m);
	CHECK(access(file_in(dir, "master.key"), F_OK) == 0);
	write_file(file_in(dir, "sluice-master-key"),
	           STR("0123456789abcdef0123456789ABCDEF"), 0440);
	CHECK(master_find(&at, &m, &why) == MASTER_FOUND);
	CHECK(m.keys[0].bytes[0] == '0');
	master_done(&m);
	buf_free(&why);
}
