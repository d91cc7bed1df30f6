/* pin_record.h - pins as journal records, and back: of kind RECORD_PIN. */
#pragma once
#include "store/journal.h"
#include "store/pin_row.h"

/* False: the journal has no room.  Then it is forgotten with the process. */
must_check bool pin_record_write(struct journal *j, const struct pin_row *pin);
/* The provider's name points into the payload. False: not a record of this version. */
must_check bool pin_record_read(const struct journal_record *record, struct pin_row *ret);
