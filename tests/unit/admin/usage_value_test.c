#include "admin/usage_value.h"
#include "tests/check.h"

TEST(usage_amount_is_exact)
{
	static const struct {
		const char *text;
		nanousd nano;
	} rows[] = {
		{ "1", 1000000000 },
		{ "0.000000001", 1 },
		{ "$1,234.50", 1234500000000 },
		{ "1e-05", 10000 },
		{ "1.5E+2", 150000000000 },
		{ "0.0000000005", 1 },
		{ "0.00000000049", 0 },
		{ "-0.25", -250000000 },
		{ ".5", 500000000 },
		{ "2.40000000000000013", 2400000000 },
		{ "1,234,567", 1234567000000000 },
		{ "1,234e-3", 1234000000 },
	};
	static const char *const wrong[] = {
		"",    "abc",    "$",       "1.2.3",  "1e",       "1e999",
		"1,5", "0,016",  "1,23",    "1,2345", "1234,567", ",123",
		"1,",  "1,234,", "1.234,5", "1,,234", "1,234,56", "99999999999999999999"
	};
	nanousd got;

	for (unsigned i = 0; i < countof(rows); i++) {
		CHECK(usage_amount(str_from_z(rows[i].text), &got));
		CHECK_INT(got, rows[i].nano);
	}
	for (unsigned i = 0; i < countof(wrong); i++)
		CHECK(!usage_amount(str_from_z(wrong[i]), &got));
}

TEST(usage_model_has_no_date)
{
	CHECK_STR(usage_model(STR("gpt-5-mini-2025-08-07")), "gpt-5-mini");
	CHECK_STR(usage_model(STR("claude-haiku-4-5-20251001")), "claude-haiku-4-5");
	CHECK_STR(usage_model(STR("gpt-4-1106-preview")), "gpt-4-1106-preview");
	CHECK_STR(usage_model(STR("-2025-08-07")), "-2025-08-07");
}
