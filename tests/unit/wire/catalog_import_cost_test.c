#include "wire/catalog_import.h"

#include "tests/check.h"

TEST(catalog_import_reads_prices_as_decimals)
{
	static const struct {
		str text;
		picousd want;
	} rows[] = {
		{ STR_INIT("0.09999999999999999"), 100000 },
		{ STR_INIT("1.4999999"), 1500000 },
		{ STR_INIT("0"), 0 },
		{ STR_INIT("0.0"), 0 },
		{ STR_INIT("0.144656"), 144656 },
		{ STR_INIT("600"), 600000000 },
		{ STR_INIT("0.0024"), 2400 },
		{ STR_INIT("-1"), PRICE_UNKNOWN },
		{ STR_INIT("-0"), 0 },
		{ STR_INIT("2.5e1"), 25000000 },
		{ STR_INIT("2.5E-7"), 0 },
		{ STR_INIT("5e-7"), 0 }, /* half to even */
		{ STR_INIT("15e-7"), 2 },
		{ STR_INIT("0.0000005000000000000000000000000001"), 0 },
		{ STR_INIT("1e-400"), 0 },
		{ STR_INIT("10000"), CATALOG_PRICE_MOST },
		{ STR_INIT("1.23456789e0"), 1234570 },
		{ STR_INIT("9.999999"), 10000000 },
		{ STR_INIT("1.2345650"), 1234560 },
		{ STR_INIT("1.2345750"), 1234580 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		picousd got = -7;

		CHECK(catalog_price_parse(rows[i].text, &got));
		CHECK_INT(got, rows[i].want);
	}
	for (int i = 0; i < 4; i++) {
		static const str over[] = { STR_INIT("10001"), STR_INIT("1e5"),
			                    STR_INIT("1e400"), STR_INIT("1e20") };
		picousd got;

		CHECK(!catalog_price_parse(over[i], &got));
	}
}
