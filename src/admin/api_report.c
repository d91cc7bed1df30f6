/* api_report.c - a month as a document, as `sluice report` prints it. */
#include "admin/api.h"
#include "admin/month.h"

int api_report(struct admin_call *c)
{
	str month = admin_query(c, "month"), format = admin_query(c, "format");
	char room[16];
	struct buf now = { room, .cap = sizeof(room), .limit = sizeof(room) };
	enum month_format which = MONTH_MD;
	struct ledger *l;
	usec from, until;

	if (format.len && !month_format_find(format, &which))
		return admin_problem(c, 400, "invalid_parameter", "format",
		                     "md, csv, json or html");
	if (month.len && !period_month(month, &from, &until))
		return admin_problem(c, 400, "invalid_parameter", "month",
		                     "a month like 2026-11");
	period_name(&now, c->wall, PERIOD_MONTH);
	admin_flush(c);
	if (!(l = admin_reader(c)))
		return 503;
	c->out->limit = ADMIN_BODIES_MOST;
	c->content_type = month_kinds[which].media;
	if (!month_write(l, month.len ? month : buf_str(&now), which, c->out))
		return admin_problem(c, 503, "ledger_unavailable", NULL,
		                     "the ledger could not be read");
	return 200;
}
