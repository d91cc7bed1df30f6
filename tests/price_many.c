/* price_many.c - reckons what it is told to, for tests/prices/run.
 *
 * Each line of the input: the eleven figures of a price, the ten counts of a usage, as
 * decimals; -1: unknown.  Each line of the output: the cost, or -1; the lines of the bill
 * as class:paid_as:quantity:unit:amount, with blanks between; the correction from a cost
 * of 1000. */
#include "policy/price.h"

#include <inttypes.h>
#include <stdio.h>

/* printf knows no 128 bits. */
static void put_wide(unsigned __int128 value)
{
	if (value >= 10)
		put_wide(value / 10);
	putchar('0' + (int)(value % 10));
}

static bool read_price(struct price *p)
{
	for (int i = 0; i < PRICE_CLASSES; i++)
		if (scanf("%" SCNd64, &p->of[i]) != 1)
			return false;
	return true;
}

static bool read_usage(struct token_usage *u)
{
	uint64_t *const counts[] = { &u->input,       &u->cache_read,
		                     &u->cache_write, &u->cache_write_1h,
		                     &u->output,      &u->reasoning,
		                     &u->audio_input, &u->audio_output,
		                     &u->images,      &u->searches };

	for (size_t i = 0; i < countof(counts); i++)
		if (scanf("%" SCNu64, counts[i]) != 1)
			return false;
	return true;
}

int main(void)
{
	struct price_line lines[PRICE_CLASSES];
	struct price p = { 0 };
	struct token_usage u;
	nanousd delta;

	while (read_price(&p) && read_usage(&u)) {
		unsigned count = price_lines(&p, &u, lines);

		printf("%" PRId64, price_cost(&p, &u));
		for (unsigned i = 0; i < count; i++) {
			printf(" %d:%d:%" PRIu64 ":%" PRId64 ":", lines[i].what,
			       lines[i].paid_as, lines[i].quantity, lines[i].unit);
			put_wide(lines[i].amount);
		}
		if (price_correction(1000, &p, &u, &delta))
			printf(" %" PRId64 "\n", delta);
		else
			printf(" none\n");
	}
	return 0;
}
