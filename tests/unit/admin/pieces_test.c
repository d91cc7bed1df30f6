#include "admin/local.h"
#include "admin/trial_view.h"
#include "tests/check.h"

#include <stdio.h>

enum { ROWS = 2 * TRIAL_SLICE + 100 };

static bool put(struct ledger *l, unsigned i)
{
	struct attempt_row row = {
		.id = (uint64_t)(i + 1) << 8,
		.exchange = (uint64_t)(i + 1) << 8,
		.number = 1,
		.began_wall = (usec)i + 1,
		.operation = STR("chat"),
		.provider = STR("p"),
		.model = STR("m"),
		.trial = i % 400 ? STR_NONE : STR("t"),
		.flags = i % 800 ? ROW_CANDIDATE : 0,
		.state = ROW_DONE,
		.cost = 1 + i % 7,
		.usage_kind = USAGE_REPORTED,
		.closes = true,
		.attempts = 1,
	};

	return ledger_put(l, &row, NULL);
}

/* In `dir`: so many attempts, every 400th of a trial. */
static bool fill(const char *dir, unsigned rows)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[700];
	bool ok = true;

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct ledger *l = ledger_open(path, &why);
	if (!CHECK(l))
		return false;
	for (unsigned i = 0; ok && i < rows;) {
		ok = ledger_begin(l);
		do
			ok = ok && put(l, i++);
		while (ok && i < rows && i % 1000);
		ok = ok && ledger_commit(l);
	}
	ledger_close(&l);
	buf_free(&why);
	return CHECK(ok);
}

static int ask(const char *dir, const char *target, struct buf *out,
               struct admin_pieces *pieces)
{
	struct admin_house house = { .dir = str_from_z(dir) };
	struct admin_who who;
	int status;

	admin_who_command(&who);
	buf_clear(out);
	status = admin_local(&house, &who, HTTP_GET, str_from_z(target), STR_NONE, out,
	                     pieces);
	admin_house_done(&house);
	return status;
}

TEST(long_answers_are_made_in_bounded_pieces)
{
	struct buf all = { .limit = 64 * MiB }, piece = { .limit = MiB },
	           whole = { .limit = 64 * MiB };
	struct admin_pieces p = { 0 };
	enum admin_piece got = ADMIN_PIECE_MORE;
	unsigned pieces = 0;
	const char *dir = test_dir();

	if (!fill(dir, ROWS))
		return;
	/* The report: two slices are looked at in silence, the third one speaks. */
	CHECK_INT(ask(dir, "/admin/v1/trials/t/report", &all, &p), 200);
	CHECK_INT(all.len, 0);
	while (p.next && got == ADMIN_PIECE_MORE) {
		got = p.next(p.arg, &piece);
		CHECK((got == ADMIN_PIECE_LAST) == (piece.len > 0));
		pieces++;
	}
	CHECK_INT(got, ADMIN_PIECE_LAST);
	CHECK_INT(pieces, 2);
	admin_pieces_done(&p);
	CHECK_INT(ask(dir, "/admin/v1/trials/t/report", &whole, NULL), 200);
	CHECK(str_eq(buf_str(&whole), buf_str(&piece)));
	CHECK(str_has(buf_str(&whole), STR("\"control\":{\"requests\":51,")));
	CHECK(str_has(buf_str(&whole), STR("\"candidate\":{\"requests\":50,")));
	CHECK_INT(ask(dir, "/admin/v1/trials/none/report", &whole, NULL), 404);
	buf_free(&all);
	buf_free(&piece);
	buf_free(&whole);
}
