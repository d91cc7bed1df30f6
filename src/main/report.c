/* report.c - sluice report: a month, as a document. */
#include "admin/month.h"
#include "main/admin_ask.h"
#include "main/zone.h"

int report_command(struct command *c)
{
	const char *month = command_value(c, "month"),
	           *format = command_value(c, "format");
	struct buf target = BUF_LIMIT(KiB);
	enum month_format which;
	usec from, until;
	int result;

	zone_take(c);
	if (format && c->json && strcmp(format, "json") != 0)
		return command_misused(c,
		                       "report: --json and --format %s exclude each "
		                       "other",
		                       format);
	if (!format)
		format = c->json ? "json" : "md";
	if (!month_format_find(str_from_z(format), &which))
		return command_misused(c, "report: --format takes md, csv, json or html");
	if (month && !period_month(str_from_z(month), &from, &until))
		return command_misused(c, "report: --month takes a month like 2026-11");
	buf_add(&target, STR("/admin/v1/report"));
	admin_add_query(&target, "format", format);
	admin_add_query(&target, "month", month);
	result = admin_print(c, buf_str(&target));
	buf_free(&target);
	return result;
}
