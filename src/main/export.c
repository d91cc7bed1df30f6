/* export.c - sluice export: the attempts of a span of time, for other programs. */
#include "admin/period.h"
#include "loop/sys.h"
#include "main/admin_ask.h"
#include "main/zone.h"

/* False: it is no time. */
static bool add_moment(const struct command *c, struct buf *target, const char *option)
{
	const char *text = command_value(c, option);
	usec wall = 0;

	if (text && !period_moment(str_from_z(text), sys_wall(), &wall))
		return false;
	admin_add_time(target, option, wall);
	return true;
}

int export_command(struct command *c)
{
	const char *format = command_value(c, "format");
	struct buf target = BUF_LIMIT(KiB);
	int result;

	zone_take(c);
	if (format && c->json && strcmp(format, "jsonl") != 0)
		return command_misused(c,
		                       "export: --json and --format %s exclude each "
		                       "other",
		                       format);
	if (!format)
		format = c->json ? "jsonl" : "csv";
	if (strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0 &&
	    strcmp(format, "focus") != 0)
		return command_misused(c, "export: --format takes csv, jsonl or focus");
	buf_add(&target, STR("/admin/v1/export"));
	admin_add_query(&target, "format", format);
	if (!add_moment(c, &target, "since") || !add_moment(c, &target, "until")) {
		buf_free(&target);
		return command_misused(c, "export: --since and --until take a time like "
		                          "7d, today or 2026-11-01");
	}
	result = admin_print(c, buf_str(&target));
	buf_free(&target);
	return result;
}
