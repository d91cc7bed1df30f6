#include "base/secret.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Does the mapping which holds `at` have that flag (man 5 proc, VmFlags)? */
static bool has_flag(const void *at, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	bool is_inside = false, found = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_inside = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
			found |= strstr(line, flag) != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

TEST(a_secret_is_kept_and_compared)
{
	struct secret_room room = { 0 };
	struct secret none = { 0 }, a = secret_keep(&room, STR("sk-one")),
	              b = secret_keep(&room, STR("sk-one")),
	              c = secret_keep(&room, STR("sk-two"));

	CHECK(!secret_is_set(&none));
	CHECK(secret_is_set(&a));
	CHECK_STR(secret_reveal(&a), "sk-one");
	CHECK(secret_eq(&a, &b));
	CHECK(!secret_eq(&a, &c));
	CHECK(!secret_eq(&a, &none));
	CHECK(secret_eq(&none, &none));
	secret_room_done(&room);
	CHECK(!room.pages);
}

TEST(secrets_lie_in_pages_that_are_not_dumped)
{
	struct secret_room room = { 0 };
	struct secret s = secret_keep(&room, STR("sk-one"));

	CHECK(has_flag(secret_reveal(&s).ptr, " dd"));
	CHECK(has_flag(secret_reveal(&s).ptr, " wf"));
	secret_room_done(&room);
}

TEST(a_forked_child_does_not_have_them)
{
	struct secret_room room = { 0 };
	struct secret s = secret_keep(&room, STR("sk-one"));
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		/* A compiler that sees all of it has not heard of such pages. */
		const volatile char *at = secret_reveal(&s).ptr;

		_exit(at[0] == 0 && at[5] == 0 ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(status, 0);
	secret_room_done(&room);
}

TEST(a_room_grows_with_what_it_keeps)
{
	struct secret_room room = { 0 };
	struct secret kept[200];
	char text[64], *large = malloc(100 * KiB);

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "secret %d", i);
		kept[i] = secret_keep(&room, str_from_z(text));
	}
	memset(large, 'x', 100 * KiB);
	struct secret big = secret_keep(&room, str_of(large, 100 * KiB));
	CHECK_INT(secret_reveal(&big).len, 100 * KiB);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "secret %d", i);
		CHECK_STR_EQ(secret_reveal(&kept[i]), str_from_z(text));
	}
	free(large);
	secret_room_done(&room);
}

TEST(a_mask_shows_the_end_of_a_long_one)
{
	static const char *const rows[][2] = {
		{ "sk-0123456789abcdef", "...cdef" },
		{ "short", "..." },
		{ "0123456789abcde", "..." },
		{ "0123456789abcde\x01", "..." },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct secret_room room = { 0 };
		struct secret s = secret_keep(&room, str_from_z(rows[i][0]));
		struct buf b = BUF_LIMIT(64);

		secret_mask(&s, &b);
		CHECK_STR_EQ(buf_str(&b), str_from_z(rows[i][1]));
		buf_free(&b);
		secret_room_done(&room);
	}
}
