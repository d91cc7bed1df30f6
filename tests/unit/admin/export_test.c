/* Whatever a client wrote stays in the cell it belongs to. */
#include "admin/export.h"
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
