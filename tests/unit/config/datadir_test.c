#include "config/datadir.h"

#include "tests/check.h"

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
