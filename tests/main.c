/* main.c - runs the registered unit tests; see check.h. */
#include "tests/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct test *tests;
static int failures; /* of the running test */
static char dir[256];

void test_register(struct test *t)
{
	t->next = tests;
	tests = t;
}

void check_failed(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	failures++;
	printf("%s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

bool check_str(const char *file, int line, const char *what, str got, str want)
{
	if (str_eq(got, want))
		return true;
	check_failed(file, line, "%s is \"%.*s\", not \"%.*s\"", what, STR_ARG(got),
	             STR_ARG(want));
	return false;
}

bool check_int(const char *file, int line, const char *what, int64_t got, int64_t want)
{
	if (got == want)
		return true;
	check_failed(file, line, "%s is %" PRId64 ", not %" PRId64, what, got, want);
	return false;
}

static str fault_name(fault_t f)
{
	return f ? f->name : STR("success");
}

bool check_fault(const char *file, int line, const char *what, fault_t got, fault_t want)
{
	if (got == want)
		return true;
	check_failed(file, line, "%s is %.*s, not %.*s", what, STR_ARG(fault_name(got)),
	             STR_ARG(fault_name(want)));
	return false;
}

static void remove_dir(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", dir);
}

const char *test_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	static int count;
	static char path[sizeof(dir) + 16];

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "%s/sluice-unit-XXXXXX", tmp ? tmp : "/tmp");
		if (!mkdtemp(dir))
			abort();
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/%d", dir, count++);
	if (mkdir(path, 0700) != 0)
		abort();
	return path;
}

static struct test *sort_by_file(struct test *list)
{
	struct test *sorted = NULL;

	while (list) {
		struct test *t = list;
		list = t->next;
		struct test **at = &sorted;
		while (*at && strcmp((*at)->file, t->file) < 0)
			at = &(*at)->next;
		t->next = *at;
		*at = t;
	}
	return sorted;
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whoever takes long is named, so that it can be asked why. */
static void run_test(const struct test *t)
{
	double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

	failures = 0;
	t->run();
	if (failures)
		printf("FAIL %s (%s)\n", t->name, t->file);
	began = seconds(CLOCK_MONOTONIC) - began;
	if (began >= 1)
		printf("# %s: %.1f s, %.1f s of CPU\n", t->name, began,
		       seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct test *t = sort_by_file(tests); t; t = t->next) {
		bool wanted = argc < 2;

		for (int i = 1; i < argc; i++)
			wanted |= strstr(t->name, argv[i]) || strstr(t->file, argv[i]);
		if (!wanted)
			continue;
		run_test(t);
		failures ? failed++ : passed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0 || passed == 0;
}
