#include "admin/grid.h"
#include "tests/check.h"

static void fill(struct grid *g)
{
	grid_column(g, STR("name"), false);
	grid_column(g, STR("USD"), true);
	grid_add(g, STR("a|<b>"));
	grid_add(g, STR("1.50"));
	grid_add(g, STR("=cmd(),\"x\""));
	grid_add(g, STR("12.50"));
}

static void check_print(enum grid_format format, const char *want)
{
	struct buf out = BUF_LIMIT(4 * KiB);
	struct grid g = { 0 };

	fill(&g);
	grid_print(&g, format, &out);
	CHECK_STR_EQ(buf_str(&out), str_from_z(want));
	grid_done(&g);
	buf_free(&out);
}

TEST(grid_is_printed_for_each_reader)
{
	check_print(GRID_TEXT, "name          USD\n"
	                       "a|<b>        1.50\n"
	                       "=cmd(),\"x\"  12.50\n");
	/* A spreadsheet must not take a name for a formula. */
	check_print(GRID_CSV, "name,USD\na|<b>,1.50\n\"'=cmd(),\"\"x\"\"\",12.50\n");
	check_print(GRID_MD, "| name | USD |\n|:---|---:|\n| a\\|\\<b\\> | 1.50 |\n"
	                     "| =cmd(),\"x\" | 12.50 |\n");
	check_print(GRID_HTML,
	            "<table>\n<tr><th>name<th class=n>USD\n"
	            "<tr><td>a|&lt;b&gt;<td class=n>1.50\n"
	            "<tr><td>=cmd(),&quot;x&quot;<td class=n>12.50\n</table>\n");
}

static void check_money(int64_t nano, const char *plain, const char *grouped)
{
	struct buf a = BUF_LIMIT(64), b = BUF_LIMIT(64);

	money_text(&a, nano, false);
	money_text(&b, nano, true);
	CHECK_STR_EQ(buf_str(&a), str_from_z(plain));
	CHECK_STR_EQ(buf_str(&b), str_from_z(grouped));
	buf_free(&a);
	buf_free(&b);
}

TEST(money_text_has_all_decimals)
{
	check_money(0, "0.000000000", "0.000000000");
	check_money(1, "0.000000001", "0.000000001");
	check_money(-1, "-0.000000001", "-0.000000001");
	check_money(1234567890123456789, "1234567890.123456789",
	            "1,234,567,890.123456789");
	check_money(INT64_MIN, "-9223372036.854775808", "-9,223,372,036.854775808");
}
