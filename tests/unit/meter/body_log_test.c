#include "meter/body_log.h"

#include "loop/sys.h"
#include "tests/check.h"

#include <stdio.h>

static struct buf why = BUF_LIMIT(KiB);

static void free_letter(struct body_letter *l)
{
	(void)l;
}

static bool is_there(const char *dir, const struct seal_key *key)
{
	struct body_keys keys = { key, 1 };
	struct body_row row;
	struct buf keep = { 0 };
	bool found = bodies_find(str_from_z(dir), &keys, 7 << 8, &keep, &row, &why);

	buf_free(&keep);
	return found;
}

/* The clock may be wrong; but who changes how long bodies are kept means it. */
TEST(body_log_deletes_nothing_old_right_after_its_start)
{
	static const uint8_t bytes[SEAL_KEY] = { 1, 2, 3 };
	struct seal_key key;
	struct master masters = { .keys = &key, .count = 1 };
	struct body_keys keys = { &key, 1 };
	const struct body_row row = { .exchange = 7 << 8,
		                      .wall = sys_wall() - 3 * USEC_HOUR,
		                      .request = STR("said long ago") };
	char dir[700];

	snprintf(dir, sizeof(dir), "%s/bodies", test_dir());
	seal_key_init(&key, bytes);
	struct bodies *b = bodies_open(str_from_z(dir), &keys, &why);
	CHECK(b && bodies_put(b, &row, USEC_HOUR, &why));
	bodies_close(&b);
	struct body_log_options options = { .dir = dir, .free_letter = free_letter };
	struct body_log *log = body_log_new(&options, &masters, &why);
	if (!CHECK(log))
		return;
	body_log_set(log, &(struct log_settings){ .keep = 2 * USEC_HOUR, .max = MiB });
	body_log_flush(log);
	CHECK(is_there(dir, &key));
	body_log_set(log, &(struct log_settings){ .keep = 4 * USEC_HOUR, .max = MiB });
	body_log_flush(log);
	CHECK(is_there(dir, &key));
	body_log_set(log, &(struct log_settings){ .keep = USEC_HOUR, .max = MiB });
	body_log_flush(log);
	CHECK(!is_there(dir, &key));
	body_log_free(&log);
}
