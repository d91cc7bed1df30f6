/* reading.c - see reading.h. */
#include "main/reading.h"

#include "admin/client.h"
#include "config/datadir.h"

#include <limits.h>
#include <unistd.h>

void reading_flush(struct reading *r)
{
	struct buf answer = BUF_LIMIT(KiB), why = BUF_LIMIT(KiB);
	struct json_value value;

	if (datadir_is_locked(buf_str(&r->dir)) &&
	    admin_ask(buf_str(&r->dir), STR("{\"do\":\"flush\"}"), &answer, &value, &why))
		r->has_gateway = admin_is_ok(value, &why);
	buf_free(&answer);
	buf_free(&why);
}

int reading_begin(const struct command *c, struct reading *ret)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[PATH_MAX];
	int result;

	*ret = (struct reading){ 0 };
	result = command_open_data(c, &ret->dir);
	if (result != EXIT_OK) {
		reading_done(ret);
		return result;
	}
	reading_flush(ret);
	if (!datadir_path(buf_str(&ret->dir), "ledger.db", path, sizeof(path)))
		result = command_failed("the name of the data directory is too long");
	else if (access(path, F_OK) == 0 &&
	         !(ret->ledger = ledger_open_reader(path, &why)))
		result = command_failed("%.*s", (int)why.len, why.ptr);
	buf_free(&why);
	if (result != EXIT_OK)
		reading_done(ret);
	return result;
}

void reading_done(struct reading *r)
{
	ledger_close(&r->ledger);
	buf_free(&r->dir);
}
