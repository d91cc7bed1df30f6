/* roster_call.c - see roster_call.h. */
#include "main/roster_call.h"

#include "admin/client.h"
#include "admin/keys.h"
#include "admin/roster_change.h"
#include "base/mem.h"
#include "config/datadir.h"
#include "loop/sys.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static const struct json_limits limits = { 64, 1024 * 1024, 256, 64 };

/* The answer of roster_ask as an object, with what is wrong in *why.  writer: the
 * transaction is under way in which it is done and traced; NULL: it only reads. */
static bool ask(struct roster *t, struct ledger *writer, str request, struct buf *answer,
                struct json_value *ret)
{
	struct roster_asker asker = { .pepper = t->pepper, .from = "command" };
	struct roster_kept kept;
	struct json_writer w = { .to = answer };
	struct arena keep = { .ceiling = 4 * MiB };
	enum roster_result result = ROSTER_INVALID;
	struct json_value asked;

	t->keep = &keep;
	t->wall = sys_wall();
	snprintf(asker.who, sizeof(asker.who), "uid %u", (unsigned)getuid());
	json_open(&w, '{');
	if (json_check(request, &limits, &asked))
		buf_add(t->why, STR("the request is too large"));
	else if (writer)
		result = roster_ask_traced(t, writer, &asker, asked, &w, &kept);
	else
		result = roster_ask(t, asked, &w);
	t->keep = NULL;
	arena_done(&keep);
	if (result != ROSTER_DONE)
		return false;
	json_close(&w, '}');
	if (!json_check(buf_str(answer), &limits, ret))
		return true;
	buf_add(t->why, STR("there is too much to be shown"));
	return false;
}

/* ---- without a gateway ---- */

/* Whoever lost the pepper can still revoke what it was for. */
static bool is_revocation(str request)
{
	struct json_value root;

	return !json_check(request, &limits, &root) &&
	       json_text_is(json_get(root, STR("do")), STR("tenant_revoke"));
}

static bool find_pepper(str dir, str request, uint8_t ret[PEPPER], struct buf *why)
{
	struct buf ignored = BUF_LIMIT(4 * KiB);
	bool is_lost = is_revocation(request) &&
	               pepper_find(dir, ret, &ignored) == PEPPER_MISSING &&
	               !keys_pepper(dir, ret, &ignored);

	buf_free(&ignored);
	if (!is_lost)
		return keys_pepper(dir, ret, why);
	memset(ret, 0, PEPPER);
	fprintf(stderr,
	        "%.*s/pepper is missing: the entry of this in the audit log cannot be "
	        "sealed, and sluice audit verify will name it when that file is back\n",
	        STR_ARG(dir));
	return true;
}

static bool write_alone(struct roster *t, str request, struct buf *answer,
                        struct json_value *ret)
{
	if (!ledger_begin(t->ledger)) {
		buf_add(t->why, str_from_z(ledger_error(t->ledger, NULL)));
		return false;
	}
	if (ask(t, t->ledger, request, answer, ret) && ledger_commit(t->ledger))
		return true;
	if (t->why->len == 0)
		buf_add(t->why, str_from_z(ledger_error(t->ledger, NULL)));
	ledger_rollback(t->ledger);
	return false;
}

static bool change_alone(str dir, str request, struct buf *answer, struct json_value *ret,
                         struct buf *why)
{
	uint8_t pepper[PEPPER] = { 0 };
	struct roster t = { .pepper = pepper, .why = why };
	char path[PATH_MAX];
	bool is_done = false;
	int lock;

	if (!datadir_make(dir, why) || !datadir_lock(dir, &lock, why))
		return false;
	if (!datadir_path(dir, "ledger.db", path, sizeof(path)))
		buf_add(why, STR("the name of the data directory is too long"));
	else if (datadir_own_ledger(dir, why) && (t.ledger = ledger_open(path, why)))
		is_done = find_pepper(dir, request, pepper, why) &&
		          write_alone(&t, request, answer, ret);
	ledger_close(&t.ledger);
	close(lock);
	mem_wipe(pepper, sizeof(pepper));
	return is_done;
}

bool call_change(str dir, str request, struct buf *answer, struct json_value *ret,
                 struct buf *why)
{
	bool is_asked;

	if (admin_ask_holder(dir, request, answer, ret, &is_asked, why))
		return true;
	buf_clear(answer);
	return !is_asked && change_alone(dir, request, answer, ret, why);
}

bool call_read(str dir, str request, struct buf *answer, struct json_value *ret,
               struct buf *why)
{
	struct roster t = { .why = why };
	char path[PATH_MAX];
	bool is_done;

	if (admin_ask(dir, request, answer, ret, why))
		return admin_is_ok(*ret, why);
	buf_clear(why);
	buf_clear(answer);
	if (!datadir_path(dir, "ledger.db", path, sizeof(path))) {
		buf_add(why, STR("the name of the data directory is too long"));
		return false;
	}
	if (access(path, F_OK) != 0) {
		buf_addf(why, "nothing was made in %.*s yet", STR_ARG(dir));
		return false;
	}
	if (!(t.ledger = ledger_open_reader(path, why)))
		return false;
	is_done = ask(&t, NULL, request, answer, ret);
	ledger_close(&t.ledger);
	return is_done;
}
