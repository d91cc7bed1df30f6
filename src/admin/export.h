/* export.h - attempts as lines of files for other programs. */
#pragma once
#include "base/buf.h"
#include "admin/spend.h"

/* A table of the ledger's own columns. */
void export_csv_head(struct buf *to);
void export_csv_row(struct buf *to, const struct spend_names *n,
                    const struct attempt_row *row);

/* In the words of FOCUS 1.2 (FinOps Open Cost and Usage Specification): a line for each
 * class of what was used, and one for the corrections.  BilledCost of all lines of an
 * attempt adds up to its cost to the nano-dollar. */
void export_focus_head(struct buf *to);
void export_focus_row(struct buf *to, const struct spend_names *n,
                      const struct attempt_row *row);
