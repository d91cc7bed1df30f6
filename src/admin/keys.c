/* keys.c - see keys.h. */
#include "admin/keys.h"

#include "codec/text.h"
#include "config/datadir.h"

#include <limits.h>
#include <unistd.h>

static bool count_active(void *arg, const struct tenant_row *row,
                         const struct key_secret *secret)
{
	unsigned *active = arg;

	*active += secret && row->revoked_wall == 0;
	return true;
}

/* False: they could not be counted, see *why. */
static bool count_keys(str dir, unsigned *ret_active, struct buf *why)
{
	char path[PATH_MAX];
	struct ledger *l;
	bool is_read;

	*ret_active = 0;
	if (!datadir_path(dir, "ledger.db", path, sizeof(path)) ||
	    access(path, F_OK) != 0)
		return true;
	if (!(l = ledger_open_reader(path, why)))
		return false;
	is_read = ledger_tenants(l, count_active, ret_active);
	if (!is_read)
		buf_addf(why, "the keys could not be read from %s", path);
	ledger_close(&l);
	return is_read;
}

/* May there be none?  False: *why. */
static bool is_dispensable(str dir, struct buf *why)
{
	unsigned active;

	if (!count_keys(dir, &active, why))
		return false;
	if (active == 0)
		return true;
	buf_addf(
	        why,
	        "%.*s/pepper is missing, and the %u active key%s in the ledger cannot be "
	        "checked without it. Restore that file from a backup. If it is lost, so "
	        "are these keys: revoke them (sluice keys list, sluice keys revoke ID), "
	        "start again, and create new ones",
	        STR_ARG(dir), active, active == 1 ? "" : "s");
	return false;
}

bool keys_pepper(str dir, uint8_t ret[PEPPER], struct buf *why)
{
	enum pepper_found found = pepper_find(dir, ret, why);

	if (found != PEPPER_MISSING)
		return found == PEPPER_FOUND;
	return is_dispensable(dir, why) && pepper_load(dir, ret, why);
}

bool keys_pepper_look(str dir, uint8_t ret[PEPPER], struct buf *why)
{
	enum pepper_found found = pepper_find(dir, ret, why);

	if (found == PEPPER_MISSING)
		memset(ret, 0, PEPPER);
	return found == PEPPER_MISSING ? is_dispensable(dir, why) : found == PEPPER_FOUND;
}

bool key_id_parse(str text, uint64_t *ret)
{
	if (key_parse_id(text, ret))
		return true;
	return text.len == 12 && hex_to_u64(text, ret) && *ret != 0;
}
