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

static void put(struct pins *p, const struct pin_row *row)
{
	struct pin_row gone;

	pins_put(p, row, &gone);
}

TEST(pins_are_found_until_they_are_too_old)
{
	struct pins *p = pins_new();
	struct pin_row row = row_of(7, 1000 * USEC_SEC);
	struct pin found;

	CHECK(!pins_find(p, row.kind, row.id, row.made_wall, &found));
	put(p, &row);
	CHECK(pins_find(p, row.kind, row.id, row.made_wall, &found));
	CHECK(found.key == 8 && found.account == 9 && found.made_wall == row.made_wall);
	CHECK(pins_find(p, row.kind, row.id, row.made_wall + PINS_KEPT - 1, &found));
	CHECK(!pins_find(p, row.kind, row.id, row.made_wall + PINS_KEPT, &found));
	row.account = 77;
	put(p, &row);
	CHECK(pins_find(p, row.kind, row.id, row.made_wall, &found) &&
	      found.account == 77);
	CHECK(!found.phi && !pins_have_phi(p) && !pins_have_phi(NULL));
	row.phi = true;
	put(p, &row);
	CHECK(pins_find(p, row.kind, row.id, row.made_wall, &found) && found.phi &&
	      pins_have_phi(p));
	row.is_gone = true;
	put(p, &row);
	CHECK(!pins_find(p, row.kind, row.id, row.made_wall, &found));
	put(p, &row); /* once more changes nothing */
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

		put(p, &row);
	}
	for (unsigned n = 1; n <= 100; n++) {
		struct pin_row row = row_of(n, n * USEC_SEC);

		kept += pins_find(p, row.kind, row.id, USEC_SEC, &found);
		if (n > 100 - 16)
			CHECK(pins_find(p, row.kind, row.id, USEC_SEC, &found));
	}
	CHECK(kept == 16);
	/* And in the order of their coming. */
	for (unsigned n = 101; n <= 200; n++) {
		struct pin_row row = row_of(n, n * USEC_SEC);

		put(p, &row);
		CHECK(pins_find(p, row.kind, row.id, USEC_SEC, &found) &&
		      found.account == n + 2);
	}
	pins_free(&p);
}

static struct pin_row row_for(unsigned n, uint64_t key, usec made)
{
	struct pin_row row = row_of(n, made);

	row.key = key;
	return row;
}

static unsigned count_kept(struct pins *p, unsigned from, unsigned to)
{
	unsigned kept = 0;
	struct pin found;

	for (unsigned n = from; n < to; n++) {
		struct pin_row row = row_of(n, 0);

		kept += pins_find(p, row.kind, row.id, USEC_SEC, &found);
	}
	return kept;
}

TEST(who_floods_a_bucket_displaces_his_own)
{
	struct pins *p = pins_new();

	/* The victim's are older than all that comes. */
	for (unsigned n = 0; n < 16; n++) {
		struct pin_row row = row_for(n, 1, n * USEC_SEC);

		put(p, &row);
	}
	for (unsigned n = 100; n < 1100; n++) {
		struct pin_row row = row_for(n, 2, n * USEC_SEC), gone;
		bool is_full = pins_put(p, &row, &gone);

		CHECK(is_full && gone.is_gone && gone.kind == row.kind);
		/* Until it has as much as the victim, then its own oldest. */
		unsigned wanted = n < 108 ? n - 100 : n - 8;
		struct pin_row which = row_of(wanted, 0);
		CHECK(!memcmp(gone.id, which.id, PIN_ID));
	}
	CHECK_INT(count_kept(p, 8, 16), 8);
	CHECK_INT(count_kept(p, 1092, 1100), 8);
	/* Who has one of his own keeps it, whoever has the rest. */
	struct pin_row row = row_for(50, 3, 0);
	put(p, &row);
	for (unsigned n = 2000; n < 2100; n++) {
		struct pin_row more = row_for(n, 1 + n % 2, n * USEC_SEC);

		put(p, &more);
	}
	CHECK_INT(count_kept(p, 50, 51), 1);
	pins_free(&p);
}

TEST(one_that_has_run_out_goes_first)
{
	struct pins *p = pins_new();
	usec now = PINS_KEPT + 100 * USEC_SEC;
	struct pin_row gone;
	struct pin found;

	for (unsigned n = 0; n < 16; n++) {
		struct pin_row row = row_for(n, n == 15 ? 1 : 2, n == 15 ? 0 : now);

		CHECK(!pins_put(p, &row, &gone));
	}
	struct pin_row row = row_for(50, 2, now), old = row_of(15, 0);
	CHECK(pins_put(p, &row, &gone) && !memcmp(gone.id, old.id, PIN_ID));
	CHECK(pins_find(p, row.kind, row.id, now, &found));
	pins_free(&p);
}

TEST(kinds_do_not_displace_each_other)
{
	struct pins *p = pins_new();
	struct pin_row response = row_of(1, 0);
	struct pin found;

	put(p, &response);
	for (enum pin_kind kind = PIN_RESPONSE + 1; kind < PIN_KINDS; kind++) {
		struct pin_row row = row_of(1, USEC_SEC);

		row.kind = kind;
		CHECK(!pins_find(p, kind, row.id, USEC_SEC, &found));
		for (unsigned n = 2; n < 100; n++) {
			row = row_of(n, USEC_SEC);
			row.kind = kind;
			put(p, &row);
			CHECK(pins_find(p, kind, row.id, USEC_SEC, &found));
		}
	}
	CHECK(pins_find(p, PIN_RESPONSE, response.id, USEC_SEC, &found));
	pins_free(&p);
}

/* The highest buckets of the last kind are still in the table (the sanitizer looks). */
TEST(every_bucket_of_a_kind_is_in_the_table)
{
	struct pins *p = pins_new();
	struct pin found;

	for (enum pin_kind kind = 0; kind < PIN_KINDS; kind++) {
		for (uint64_t n = 0; n < 40000; n++) {
			struct pin_row row = { .kind = kind, .account = 1 };

			memcpy(row.id, &n, sizeof(n));
			put(p, &row);
			CHECK(pins_find(p, kind, row.id, USEC_SEC, &found));
		}
	}
	pins_free(&p);
}

static void *put_and_find(void *arg)
{
	struct pins *p = arg;
	struct pin found;

	for (unsigned n = 0; n < 20000; n++) {
		struct pin_row row = row_of(n % 8, USEC_SEC);

		put(p, &row);
		if (pins_find(p, row.kind, row.id, USEC_SEC, &found))
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
