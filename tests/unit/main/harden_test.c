#include "main/harden.h"

#include "base/str.h"
#include "tests/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool proc_has(const char *path, const char *text)
{
	static char room[256 * 1024];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, room, sizeof(room));

	if (fd >= 0)
		close(fd);
	return n > 0 && str_has(str_of(room, (size_t)n), str_from_z(text));
}

/* In a child of its own: what is given up here does not come back.  0: all is well. */
static int harden_and_look(void)
{
	struct rlimit core;

	harden_environment();
	if (strcmp(getenv("HARDEN_TEST"), "sk-canary-0123") != 0)
		return 1;
	if (proc_has("/proc/self/environ", "canary"))
		return 2;
	setenv("HARDEN_TEST", "other", 1);
	if (strcmp(getenv("HARDEN_TEST"), "other") != 0)
		return 3;
	harden_process();
	if (harden_is_sanitized())
		return 0;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 4;
	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? 0 : 5;
}

/* The variable must have come with exec: that is what /proc/PID/environ shows. */
TEST(a_hardened_process_shows_neither_its_environment_nor_its_memory)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		const char *ours = getenv("HARDEN_TEST");

		if (!ours) {
			setenv("HARDEN_TEST", "sk-canary-0123", 1);
			execl("/proc/self/exe", "unit", "a_hardened_process", (char *)0);
			_exit(9);
		}
		_exit(harden_and_look());
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(status, 0);
}

TEST(closed_descriptors_are_not_taken_by_files)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		char byte;

		close(0);
		close(1);
		harden_descriptors();
		if (open("/dev/null", O_RDWR) < 3)
			_exit(1);
		_exit(read(0, &byte, 1) == -1 && write(1, "x", 1) == -1 ? 0 : 2);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(status, 0);
}
