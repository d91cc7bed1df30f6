#include "store/bodies.h"
#include "tests/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
	char dir[700];
	struct seal_key list[2];
	struct body_keys keys;
	struct bodies *b;
	struct buf why, keep;
	struct body_row found;
};

static bool rig_open(struct rig *g)
{
	g->b = bodies_open(str_from_z(g->dir), &g->keys, &g->why);
	return CHECK(g->b);
}

static bool rig_init(struct rig *g, const char *name)
{
	uint8_t bytes[SEAL_KEY];

	*g = (struct rig){ .why = BUF_LIMIT(KiB) };
	snprintf(g->dir, sizeof(g->dir), "%s/%s", test_dir(), name);
	for (int i = 0; i < 2; i++) {
		memset(bytes, 7 + i, sizeof(bytes));
		seal_key_init(&g->list[i], bytes);
	}
	g->keys = (struct body_keys){ g->list, 1 };
	return rig_open(g);
}

static void rig_done(struct rig *g)
{
	bodies_close(&g->b);
	buf_free(&g->why);
	buf_free(&g->keep);
}

#define KEEP (30 * 24 * USEC_HOUR)

static void put(struct rig *g, uint64_t exchange, usec wall, const char *user,
                const char *request, const char *answer)
{
	struct body_row row = {
		.exchange = exchange,
		.key = 5,
		.wall = wall,
		.user = str_from_z(user),
		.flags = BODY_STREAM,
		.request = str_from_z(request),
		.answer = str_from_z(answer),
	};

	CHECK(bodies_put(g->b, &row, KEEP, &g->why));
}

static bool find(struct rig *g, uint64_t exchange)
{
	buf_clear(&g->why);
	return bodies_find(str_from_z(g->dir), &g->keys, exchange, &g->keep, &g->found,
	                   &g->why);
}

/* Calls each(path) for every file. */
static unsigned each_file(struct rig *g, void (*each)(const char *path, void *arg),
                          void *arg)
{
	DIR *d = opendir(g->dir);
	unsigned count = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		char path[1000];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.200s", g->dir, e->d_name);
		count++;
		if (each)
			each(path, arg);
	}
	if (d)
		closedir(d);
	return count;
}

struct search {
	str needle;
	unsigned hits;
};

static void search_one(const char *path, void *arg)
{
	struct search *s = arg;
	struct stat st;
	int fd = open(path, O_RDONLY);

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
	char *bytes = malloc((size_t)st.st_size + 1);
	CHECK(read(fd, bytes, (size_t)st.st_size) == st.st_size);
	s->hits += str_has(str_of(bytes, (size_t)st.st_size), s->needle);
	free(bytes);
	close(fd);
}

static unsigned search(struct rig *g, const char *needle)
{
	struct search s = { str_from_z(needle), 0 };

	each_file(g, search_one, &s);
	return s.hits;
}

TEST(what_was_said_is_found_again_and_not_readable)
{
	struct rig g;

	if (!rig_init(&g, "bodies"))
		return;
	put(&g, 1000 << 8, 1001, "fred", "the canary sings", "and is heard");
	put(&g, 1002 << 8, 1003, "", "a second one", "");
	CHECK(bodies_sync(g.b, &g.why));
	CHECK(find(&g, 1000 << 8));
	CHECK_STR(g.found.request, "the canary sings");
	CHECK_STR(g.found.answer, "and is heard");
	CHECK_INT(g.found.flags, BODY_STREAM);
	CHECK_INT(g.found.key, 5);
	CHECK_INT(g.found.wall, 1001);
	CHECK(find(&g, 1002 << 8));
	CHECK_STR(g.found.request, "a second one");
	CHECK_STR(g.found.answer, "");
	CHECK(!find(&g, 999 << 8) && g.why.len == 0);
	CHECK_INT(search(&g, "canary"), 0);
	CHECK_INT(search(&g, "fred"), 0);
	rig_done(&g);
}

TEST(a_new_master_key_opens_what_the_old_one_sealed)
{
	struct rig g;

	if (!rig_init(&g, "bodies-keys"))
		return;
	put(&g, 1000 << 8, 1001, "fred", "old", "x");
	bodies_close(&g.b);
	g.keys.count = 2;
	if (!rig_open(&g))
		return;
	put(&g, 2000 << 8, 2001, "fred", "new", "x");
	CHECK(find(&g, 1000 << 8));
	CHECK_STR(g.found.request, "old");
	CHECK(find(&g, 2000 << 8));
	CHECK_STR(g.found.request, "new");
	/* With the new one alone, the old text is lost, and says so. */
	struct body_keys newest = { g.list + 1, 1 };
	CHECK(!bodies_find(str_from_z(g.dir), &newest, 1000 << 8, &g.keep, &g.found,
	                   &g.why));
	CHECK(str_has(buf_str(&g.why), STR("master key")));
	/* Who was named is known under both. */
	uint64_t count;
	CHECK(bodies_erase(g.b, &(struct body_match){ .user = STR("fred") }, &count,
	                   &g.why));
	CHECK_INT(count, 2);
	rig_done(&g);
}

TEST(who_is_forgotten_is_so_under_a_lost_key_too)
{
	struct rig g;
	uint64_t count;

	if (!rig_init(&g, "bodies-lost"))
		return;
	put(&g, 1000 << 8, 1001, "fred", "old", "x");
	put(&g, 1001 << 8, 1002, "", "nobody's", "x");
	put(&g, 1002 << 8, 1003, "fred", "late", "x");
	struct body_keys newest = { g.list + 1, 1 };
	bodies_set_keys(g.b, &newest);
	put(&g, 2000 << 8, 2001, "anna", "new", "x");
	CHECK(bodies_find(str_from_z(g.dir), &newest, 2000 << 8, &g.keep, &g.found,
	                  &g.why));
	CHECK(bodies_erase(g.b, &(struct body_match){ .user = STR("fred"), .key = 6 },
	                   &count, &g.why));
	CHECK_INT(count, 0);
	CHECK(bodies_erase(g.b,
	                   &(struct body_match){ .user = STR("fred"), .before = 1003 },
	                   &count, &g.why));
	CHECK_INT(count, 1);
	CHECK(bodies_erase(g.b, &(struct body_match){ .user = STR("fred") }, &count,
	                   &g.why));
	CHECK_INT(count, 1);
	/* The key turns up again. */
	CHECK(!find(&g, 1000 << 8) && !find(&g, 1002 << 8) && find(&g, 1001 << 8));
	CHECK(bodies_find(str_from_z(g.dir), &newest, 2000 << 8, &g.keep, &g.found,
	                  &g.why));
	rig_done(&g);
}

TEST(a_person_is_forgotten_and_the_others_stay)
{
	struct rig g;
	uint64_t count;

	if (!rig_init(&g, "bodies-forget"))
		return;
	for (uint64_t i = 0; i < 20; i++)
		put(&g, (1000 + i) << 8, (usec)(1000 + i), i % 2 ? "fred" : "anna",
		    "something", "else");
	CHECK(bodies_erase(g.b,
	                   &(struct body_match){ .user = STR("fred"), .before = 1010 },
	                   &count, &g.why));
	CHECK_INT(count, 5);
	CHECK(bodies_erase(g.b, &(struct body_match){ .user = STR("fred"), .key = 6 },
	                   &count, &g.why));
	CHECK_INT(count, 0);
	for (uint64_t i = 0; i < 20; i++)
		CHECK(find(&g, (1000 + i) << 8) == (i % 2 == 0 || i >= 10));
	CHECK(bodies_erase(g.b, &(struct body_match){ .user = STR("fred") }, &count,
	                   &g.why));
	CHECK_INT(count, 5);
	/* It goes on behind, also after a restart. */
	bodies_close(&g.b);
	if (!rig_open(&g))
		return;
	put(&g, 5000 << 8, 5000, "fred", "again", "");
	CHECK(find(&g, 5000 << 8) && find(&g, 1000 << 8) && !find(&g, 1001 << 8));
	rig_done(&g);
}

static void flip(const char *path, void *arg)
{
	int fd = open(path, O_RDWR);
	char c;

	if (str_ends(str_from_z(path), STR(".seg"))) {
		off_t at = *(off_t *)arg;

		CHECK(pread(fd, &c, 1, at) == 1);
		c ^= 1;
		CHECK(pwrite(fd, &c, 1, at) == 1);
	}
	close(fd);
}

TEST(not_one_bit_may_differ)
{
	struct rig g;

	if (!rig_init(&g, "bodies-flip"))
		return;
	put(&g, 1000 << 8, 1001, "", "as it was said", "");
	for (off_t at = 0; at < 60; at++) {
		each_file(&g, flip, &at);
		CHECK(!find(&g, 1000 << 8) && g.why.len > 0);
		each_file(&g, flip, &at);
		CHECK(find(&g, 1000 << 8));
	}
	rig_done(&g);
}

static void tear(const char *path, void *arg)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	CHECK(write(fd, "torn", 4) == 4);
	close(fd);
}

TEST(what_a_crash_tore_is_cut_off)
{
	struct rig g;

	if (!rig_init(&g, "bodies-torn"))
		return;
	put(&g, 1000 << 8, 1001, "", "whole", "");
	bodies_close(&g.b);
	each_file(&g, tear, NULL);
	CHECK_INT(search(&g, "torn"), 2);
	if (!rig_open(&g))
		return;
	CHECK_INT(search(&g, "torn"), 0);
	CHECK(find(&g, 1000 << 8));
	rig_done(&g);
}

static void stretch(const char *path, void *arg)
{
	if (strstr(path, ".idx"))
		CHECK(truncate(path, *(off_t *)arg) == 0);
}

/* Here because it is longer than any index; a disk that fails looks the same. */
TEST(an_index_that_cannot_be_read_is_left_alone)
{
	off_t too_long = (off_t)1 << 32, as_it_was = 0;
	struct rig g;

	if (!rig_init(&g, "bodies-unread"))
		return;
	put(&g, 1000 << 8, 1001, "", "whole", "");
	bodies_close(&g.b);
	each_file(&g, stretch, &too_long);
	if (!rig_open(&g))
		return;
	bodies_close(&g.b);
	as_it_was = 56; /* an entry */
	each_file(&g, stretch, &as_it_was);
	if (!rig_open(&g))
		return;
	CHECK(find(&g, 1000 << 8));
	rig_done(&g);
}

TEST(bodies_are_kept_for_a_while_and_so_many)
{
	struct rig g;
	const usec day = 24 * USEC_HOUR;

	if (!rig_init(&g, "bodies-old"))
		return;
	for (uint64_t i = 1; i <= 10; i++)
		put(&g, (i * (uint64_t)day) << 8, (usec)i * day, "", "a", "b");
	CHECK_INT(each_file(&g, NULL, NULL), 20); /* a day each */
	CHECK(bodies_prune(g.b, 4 * day, UINT64_MAX, &g.why));
	for (uint64_t i = 1; i <= 10; i++)
		CHECK(find(&g, (i * (uint64_t)day) << 8) == (i >= 4));
	/* Two files of two blocks each. */
	CHECK(bodies_prune(g.b, 0, 16 * KiB, &g.why));
	for (uint64_t i = 1; i <= 10; i++)
		CHECK(find(&g, (i * (uint64_t)day) << 8) == (i >= 9));
	CHECK(bodies_prune(g.b, 100 * day, UINT64_MAX, &g.why));
	CHECK_INT(each_file(&g, NULL, NULL), 0);
	put(&g, 1 << 8, 100 * day, "", "a", "b");
	CHECK(find(&g, 1 << 8));
	rig_done(&g);
}

struct listed {
	uint64_t ids[16];
	unsigned count, most;
	struct body_place last;
};

static bool take_entry(void *arg, const struct body_entry *e, const struct body_place *at)
{
	struct listed *l = arg;

	CHECK_INT(e->key, 5);
	CHECK(e->bytes > 0);
	l->ids[l->count++] = e->exchange;
	l->last = *at;
	return l->count < l->most;
}

TEST(a_listing_goes_on_where_it_ended_whatever_comes_and_goes)
{
	struct body_match one = { .exchange = 3 };
	struct listed l = { .most = 3 };
	uint64_t count;
	struct rig g;

	if (!rig_init(&g, "list"))
		return;
	for (uint64_t i = 1; i <= 4; i++) /* each in a file of its own */
		put(&g, i, (usec)i * 4 * 24 * USEC_HOUR, "fred", "q", "a");
	put(&g, 5, 4 * 4 * 24 * USEC_HOUR + 1, "anna", "q", "a");
	CHECK(bodies_list(str_from_z(g.dir), NULL, take_entry, &l, &g.why));
	CHECK_INT(l.count, 3);
	CHECK(l.ids[0] == 5 && l.ids[1] == 4 && l.ids[2] == 3);
	put(&g, 6, 5 * 4 * 24 * USEC_HOUR, "fred", "q", "a");
	CHECK(bodies_erase(g.b, &one, &count, &g.why));
	l.count = 0;
	CHECK(bodies_list(str_from_z(g.dir),
	                  &(struct body_place){ l.last.begun, l.last.number }, take_entry,
	                  &l, &g.why));
	CHECK(l.count == 2 && l.ids[0] == 2 && l.ids[1] == 1);
	l = (struct listed){ .most = 16 };
	CHECK(bodies_list(str_from_z(g.dir), NULL, take_entry, &l, &g.why));
	CHECK(l.count == 5 && l.ids[0] == 6 && l.ids[2] == 4 && l.ids[3] == 2);
	l.count = 0;
	CHECK(bodies_list(STR("/nowhere/at/all"), NULL, take_entry, &l, &g.why));
	CHECK_INT(l.count, 0);
	rig_done(&g);
}
