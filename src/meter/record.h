/* record.h - attempt rows as journal records, and back.
 *
 * OPEN carries what is known before dispatch, CLOSE what is known after (with the id only
 * of the OPEN it belongs to), WHOLE both in one, for an exchange refused before any
 * attempt. */
#pragma once
#include "store/journal.h"
#include "store/row.h"

enum record_kind {
	RECORD_OPEN = 1,
	RECORD_CLOSE = 2,
	RECORD_WHOLE = 3,
	RECORD_PIN = 4, /* of no attempt: see pin_record.h */
};

/* False: the journal has no room (FAULT_LEDGER_UNAVAILABLE is what the client hears).
 * Texts are cut to 512 bytes. No allocation, no system call.
 *
 * Every OPEN that was written is followed by one CLOSE, for which it keeps room: a CLOSE
 * never fails, though with the last room its detail, answered_model and agent are left
 * out.  An attempt whose OPEN was refused and which is made nevertheless (ledger:
 * best-effort) is written as WHOLE. */
must_check bool record_write(struct journal *j, enum record_kind kind,
                             const struct attempt_row *row);
/* Fills the part of *ret that the kind carries (state too: open, or done); texts point
 * into the payload, its price to *ret_price. False: not a record of this version, and
 * *ret is half filled. */
must_check bool record_read(const struct journal_record *record, struct attempt_row *ret,
                            struct price *ret_price);
/* What a row has in common with others, all but its figures and times, as pieces of the
 * OPEN and the CLOSE from which it was read.  False: it is of no kind, for its detail is
 * its own. */
enum { RECORD_PIECES = 6 };
bool record_pieces(str open, str close, str ret[RECORD_PIECES]);
/* The attempt's id, read without the rest; 0: not a record of this version. */
uint64_t record_id(const struct journal_record *record);
