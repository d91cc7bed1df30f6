/* money.h - amounts without floats.
 *
 * Prices are pico-dollars per unit (a token, an image, a request), amounts nano-dollars.
 * A cost is the exact 128-bit sum of quantity x price, rounded half up once. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef int64_t picousd; /* price of one unit, 1e-12 USD */
typedef int64_t nanousd; /* an amount, 1e-9 USD */

#define PRICE_UNKNOWN ((picousd)-1)
#define COST_UNKNOWN ((nanousd)-1)

/* Half up; amounts are never negative here. Saturates at INT64_MAX. */
static inline nanousd money_round(unsigned __int128 pico)
{
	unsigned __int128 nano = pico / 1000 + (pico % 1000 >= 500);

	return nano > INT64_MAX ? INT64_MAX : (nanousd)nano;
}

/* Quantity x price fits 127 bits; sums of such may not fit 128, and then stay there. */
static inline unsigned __int128 money_times(uint64_t quantity, picousd price)
{
	return (unsigned __int128)quantity * (uint64_t)price;
}

static inline unsigned __int128 money_plus(unsigned __int128 a, unsigned __int128 b)
{
	unsigned __int128 sum;

	return __builtin_add_overflow(a, b, &sum) ? ~(unsigned __int128)0 : sum;
}
