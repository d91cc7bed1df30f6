/* check.h - our test framework.
 *
 *	TEST(names_are_trimmed) { CHECK_STR(str_trim(STR(" a ")), "a"); }
 * Every TEST registers itself; tests/main.c runs them all, or those whose name contains
 *an argument, and ends with "N passed, N failed".  A failed CHECK says where and what,
 *and the test goes on to its end. */
#pragma once
#include "base/fault.h"
#include "base/str.h"

#include <stdbool.h>

struct test {
	const char *name, *file;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *t);
void check_failed(const char *file, int line, const char *fmt, ...) printf_like(3, 4);
bool check_str(const char *file, int line, const char *what, str got, str want);
bool check_int(const char *file, int line, const char *what, int64_t got, int64_t want);
bool check_fault(const char *file, int line, const char *what, fault_t got, fault_t want);
/* A fresh directory below $TMPDIR, removed at the end of the run. */
const char *test_dir(void);

/* Under a sanitizer a fifth of that, at least one: repeating shows it nothing new, and
 * takes several times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static inline unsigned check_times(unsigned n)
{
	return n < 10 ? 1 : n / 5;
}
#else
static inline unsigned check_times(unsigned n)
{
	return n;
}
#endif

#define TEST(test_name)                                                                  \
	static void test_##test_name(void);                                              \
	__attribute__((constructor)) static void register_##test_name(void)              \
	{                                                                                \
		static struct test t = { #test_name, __FILE__, test_##test_name, NULL }; \
		test_register(&t);                                                       \
	}                                                                                \
	static void test_##test_name(void)

#define CHECK(cond)                                                                      \
	((cond) ? true : (check_failed(__FILE__, __LINE__, "%s", #cond), false))
#define CHECK_STR(got, want) check_str(__FILE__, __LINE__, #got, (got), STR(want))
#define CHECK_STR_EQ(got, want) check_str(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_INT(got, want)                                                             \
	check_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define CHECK_FAULT(got, want) check_fault(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_OK(got) check_fault(__FILE__, __LINE__, #got, (got), NULL)
