/* row_kinds.h - which rows are alike.
 *
 * Most rows of a gateway say what others said: the same key asked for the same model and
 * got the same status.  What is made of that, labels of the ledger, a piece of the line
 * in the access log, series of metrics, is made once for a kind of rows and found by its
 * number.  Numbers are never used again; the kinds that were not seen for a while are
 * forgotten, and get new ones. */
#pragma once
#include "base/str.h"

struct row_kinds;

struct row_kinds *row_kinds_new(void);
void row_kinds_free(struct row_kinds **k);
/* Of a row that record_read has read from these payloads. 0: of no kind. */
uint64_t row_kind(struct row_kinds *k, str open, str close);
