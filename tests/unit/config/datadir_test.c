#include "config/datadir.h"

#include "tests/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(the_data_directory_is_made_and_private)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/dd/a/b", test_dir());
	CHECK(datadir_make(str_from_z(path), &why));
	CHECK(datadir_make(str_from_z(path), &why)); /* again is fine */
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK(!datadir_make(STR(""), &why));
	CHECK(!datadir_make(STR("/proc/self/nothing"), &why));
	CHECK(why.len > 0);
	buf_clear(&why);
	CHECK(!datadir_make(STR("/etc/passwd"), &why));
	buf_free(&why);
}

TEST(a_data_directory_others_may_write_in_is_refused)
{
	static const struct {
		mode_t mode;
		bool is_good;
	} rows[] = { { 0700, true },  { 0750, true },  { 0755, true },
		     { 0777, false }, { 0702, false }, { 01777, false } };
	struct buf why = BUF_LIMIT(KiB);
	char path[512];

	snprintf(path, sizeof(path), "%s/shared", test_dir());
	CHECK(datadir_check(str_from_z(path), &why)); /* not there yet */
	CHECK(datadir_make(str_from_z(path), &why));
	for (size_t i = 0; i < countof(rows); i++) {
		buf_clear(&why);
		CHECK(chmod(path, rows[i].mode) == 0);
		CHECK_INT(datadir_check(str_from_z(path), &why), rows[i].is_good);
		CHECK_INT(datadir_make(str_from_z(path), &why), rows[i].is_good);
		CHECK_INT(str_has(buf_str(&why), STR("chmod")), !rows[i].is_good);
	}
	/* A group may where root gave it to ours, as root can try. */
	CHECK(chmod(path, 0770) == 0);
	CHECK_INT(datadir_check(str_from_z(path), &why), geteuid() == 0);
	if (geteuid() == 0) {
		CHECK(chown(path, 0, 65533) == 0 && chmod(path, 02770) == 0);
		CHECK(!datadir_check(str_from_z(path), &why));
		CHECK(chown(path, 65534, getegid()) == 0 && chmod(path, 0770) == 0);
		CHECK(!datadir_check(str_from_z(path), &why));
		CHECK(chmod(path, 0700) == 0);
		CHECK(datadir_check(str_from_z(path), &why)); /* a service's own */
		int here = open(".", O_RDONLY | O_DIRECTORY);
		CHECK(chdir(path) == 0 && chmod(path, 0755) == 0);
		CHECK(seteuid(65533) == 0);
		CHECK(!datadir_check(STR("."), &why));
		CHECK(seteuid(0) == 0);
		CHECK(fchdir(here) == 0);
		close(here);
		CHECK(str_has(buf_str(&why), STR("belongs to somebody else")));
	}
	buf_free(&why);
}

TEST(one_gateway_at_a_time_has_the_data)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[512];
	int fd = -1, second = -1;
	str dir;

	snprintf(path, sizeof(path), "%s/lockdir", test_dir());
	dir = str_from_z(path);
	CHECK(datadir_make(dir, &why));
	CHECK(!datadir_is_locked(dir));
	CHECK(datadir_lock(dir, &fd, &why));
	CHECK(datadir_is_locked(dir));
	CHECK(!datadir_lock(dir, &second, &why));
	CHECK(second == -1 && str_has(buf_str(&why), STR("another sluice uses")));
	close(fd);
	CHECK(!datadir_is_locked(dir));
	CHECK(datadir_lock(dir, &fd, &why));
	close(fd);
	CHECK(!datadir_is_locked(STR("/nowhere")));
	buf_free(&why);
}
