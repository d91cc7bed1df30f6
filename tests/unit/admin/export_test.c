/* Whatever a client wrote stays in the cell it belongs to, and every format tells the
 * same cost. */
#include "admin/export.h"
#include "admin/text.h"
#include "tests/check.h"

/* Cells of a line, as RFC 4180 tells them apart. */
static unsigned cells_of(str line, unsigned which, struct buf *ret)
{
	bool quoted = false;
	unsigned count = 0;

	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] == '"')
			quoted = !quoted;
		else if (line.ptr[i] == ',' && !quoted)
			count++;
		else if (count == which)
			buf_add_char(ret, line.ptr[i]);
	}
	return count + 1;
}

enum { DESCRIPTION = 8, SERVICE = 29, SKU = 31 };

static void check_cell(str line, unsigned columns, unsigned which, str want)
{
	struct buf cell = BUF_LIMIT(4 * KiB);

	CHECK_INT(cells_of(line, which, &cell), columns);
	CHECK_STR_EQ(buf_str(&cell), want);
	buf_free(&cell);
}

TEST(focus_keeps_a_models_name_in_its_cell)
{
	const struct attempt_row row = { .id = 1,
		                         .exchange = 1,
		                         .number = 1,
		                         .operation = STR("chat"),
		                         .provider = STR("local"),
		                         .model = STR("=a,b"),
		                         .usage_kind = USAGE_REPORTED,
		                         .cost = COST_UNKNOWN };
	const struct spend_names nobody = { 0 };
	struct buf head = BUF_LIMIT(16 * KiB), line = BUF_LIMIT(16 * KiB);
	unsigned columns;

	export_focus_head(&head);
	columns = cells_of(buf_str(&head), UINT32_MAX, &line);
	export_focus_row(&line, &nobody, &row);
	check_cell(buf_str(&line), columns, DESCRIPTION, STR("usage of =a,b"));
	check_cell(buf_str(&line), columns, SERVICE, STR("chat local"));
	check_cell(buf_str(&line), columns, SKU, STR("'=a,b/usage"));
	buf_free(&head);
	buf_free(&line);
}

static bool tells(const struct attempt_row *row, const char *what)
{
	struct buf text = BUF_LIMIT(16 * KiB);
	struct json_writer w = { .to = &text };
	bool does;

	row_json(&w, row);
	does = str_has(buf_str(&text), str_from_z(what));
	buf_free(&text);
	return does;
}

TEST(json_tells_the_cost_with_its_corrections)
{
	struct attempt_row row = { .id = 1,
		                   .exchange = 1,
		                   .number = 1,
		                   .state = ROW_DONE,
		                   .usage_kind = USAGE_REPORTED,
		                   .cost = 700 };

	CHECK(tells(&row, "\"cost_nano\":700,\"corrected_nano\":0,"));
	row.is_corrected = true;
	row.corrected = -200;
	CHECK(tells(&row, "\"cost_nano\":500,\"corrected_nano\":-200,"));
	row.cost = COST_UNKNOWN;
	row.corrected = 300;
	CHECK(tells(&row, "\"cost_nano\":300,\"corrected_nano\":300,"));
	row.is_corrected = false;
	row.corrected = 0;
	CHECK(tells(&row, "\"cost_nano\":null,\"corrected_nano\":0,"));
}
