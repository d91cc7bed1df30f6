/* batch.h - some thousand journal records on their way to the ledger and the access log.
 *
 * A batch is read from the journals, applied in one transaction, and only then may the
 * journals retire what was read.  While it cannot be applied it is kept, and applied
 * again as it is: nothing is read twice.  What stays open when a batch ends gets an open
 * row, so that no record is needed any more once its batch was applied. */
#pragma once
#include "meter/open_table.h"
#include "store/journal.h"
#include "store/ledger.h"

struct access_log;
struct row_kinds;

struct batch_row {
	uint64_t id;
	const char *open, *close; /* payloads; close NULL: an open row */
	uint16_t open_len, close_len;
	uint8_t kind;       /* of close: RECORD_CLOSE or RECORD_WHOLE */
	bool open_is_owned; /* on the heap */
	bool in_ledger;     /* as an open row */
	bool is_logged;     /* its line is in the access log, and must not come again */
	bool is_told;       /* the same of on_row */
};

struct batch {
	struct batch_row *rows;
	unsigned count;
	uint64_t *opened; /* ids of OPEN records read */
	unsigned opened_count;
	str *pins; /* payloads of pins, in the order of their coming */
	unsigned pin_count;
	struct open_table open;  /* longer than a batch */
	struct row_kinds *kinds; /* of the rows; NULL until there are some */
	uint64_t unreadable;     /* records of another version, ever */
	/* Some rows may be in the ledger already: set by the owner while it replays, and
	 * after a failure until the batch is through. */
	bool is_replay, is_retry;
	/* Of records up to that place, with lower ids than that, the rows are written,
	 * and may be deleted again: they are passed over. Set by the owner, for the
	 * journal that is read next, while it replays; else 0. */
	uint64_t pruned_place, pruned_below;
	/* Told of each row that is settled, once; not while replaying. NULL: nobody is.
	 */
	void (*on_row)(void *arg, const struct attempt_row *row);
	void *on_row_arg;
};

/* Reads until the journal has no more (true) or the batch is full. */
bool batch_read(struct batch *b, struct journal *j);
static inline bool batch_is_empty(const struct batch *b)
{
	return b->count == 0 && b->opened_count == 0 && b->pin_count == 0;
}
/* Writes rows and lines (log may be NULL) and commits; then the batch is empty, and the
 * journals may retire.  False: see ledger_error; the batch is as it was. */
must_check bool batch_apply(struct batch *b, struct ledger *l, struct access_log *log);
/* The open attempts are nobody's any more: the process that made them is gone. */
void batch_forget_open(struct batch *b);
/* Gives memory back; the batch is empty. */
void batch_rest(struct batch *b);
void batch_done(struct batch *b);
