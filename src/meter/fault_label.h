/* fault_label.h - failures as values of labels: a closed list.
 *
 * "caller_no_such_model", "policy_...", "provider_upstream_busy", "gateway_internal":
 * who would have to do something about it, and the row of base/fault.def in lower case.
 */
#pragma once
#include "base/buf.h"
#include "base/fault.h"

enum { FAULT_LABEL_MOST = 64 };

/* Into `room`, of FAULT_LABEL_MOST bytes. */
str fault_label(fault_t fault, char *room);
/* By the row's name, as the ledger has it; "gateway_other" for one that is not known. */
str fault_label_of(str name, char *room);
