#include "policy/pins.h"
#include "tests/check.h"

#include <pthread.h>

static struct pin_row row_of(unsigned n, usec made)
{
	struct pin_row row = { .key = n + 1, .account = n + 2, .made_wall = made };

	/* All of one bucket when only the second half differs. */
	memcpy(row.id + 8, &n, sizeof(n));
	return row;
}

TEST(pins_are_found_until_they_are_too_old)
{
	struct pins *p = pins_new();
	struct pin_row row = row_of(7, 1000 * USEC_SEC);
	struct pin found;

	CHECK(!pins_find(p, row.id, row.made_wall, &found));
	pins_put(p, &row);
	CHECK(pins_find(p, row.id, row.made_wall, &found));
	CHECK(found.key == 8 && found.account == 9 && found.made_wall == row.made_wall);
	CHECK(pins_find(p, row.id, row.made_wall + PINS_KEPT - 1, &found));
	CHECK(!pins_find(p, row.id, row.made_wall + PINS_KEPT, &found));
	row.account = 77;
	pins_put(p, &row);
	CHECK(pins_find(p, row.id, row.made_wall, &found) && found.account == 77);
	row.is_gone = true;
	pins_put(p, &row);
	CHECK(!pins_find(p, row.id, row.made_wall, &found));
	pins_put(p, &row); /* once more changes nothing */
	pins_free(&p);
}

TEST(a_full_bucket_gives_up_its_oldest)
{
	struct pins *p = pins_new();
	struct pin found;
	unsigned kept = 0;

	/* Newest first, as the ledger brings them at start. */
	for (unsigned n = 100; n > 0; n--) {
		struct pin_row row = row_of(n, n * USEC_SEC);

		pins_put(p, &row);
	}
	for (unsigned n = 1; n <= 100; n++) {
		struct pin_row row = row_of(n, n * USEC_SEC);

		kept += pins_find(p, row.id, USEC_SEC, &found);
		if (n > 100 - 16)
			CHECK(pins_find(p, row.id, USEC_SEC, &found));
	}
	CHECK(kept == 16);
	/* And in the order of their coming. */
	for (unsigned n = 101; n <= 200; n++) {
		struct pin_row row = row_of(n, n * USEC_SEC);

		pins_put(p, &row);
		CHECK(pins_find(p, row.id, USEC_SEC, &found) && found.account == n + 2);
	}
	pins_free(&p);
}

static void *put_and_find(void *arg)
{
	struct pins *p = arg;
	struct pin found;

	for (unsigned n = 0; n < 20000; n++) {
		struct pin_row row = row_of(n % 8, USEC_SEC);

		pins_put(p, &row);
		if (pins_find(p, row.id, USEC_SEC, &found))
			CHECK(found.account == n % 8 + 2 && found.key == n % 8 + 1);
	}
	return NULL;
}

TEST(threads_see_whole_pins)
{
	struct pins *p = pins_new();
	pthread_t threads[4];

	for (size_t i = 0; i < countof(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, put_and_find, p) == 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	pins_free(&p);
}
