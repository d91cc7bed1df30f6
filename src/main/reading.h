/* reading.h - the ledger as the commands read it: beside a running gateway or without. */
#pragma once
#include "main/command.h"
#include "store/ledger.h"

struct reading {
	struct buf dir;
	struct ledger *ledger; /* NULL: there is none yet */
	bool has_gateway;
};

/* EXIT_OK, or what the command returns (it was said). */
int reading_begin(const struct command *c, struct reading *ret);
void reading_done(struct reading *r);
/* Has the gateway write what is under way; nothing happens without one. */
void reading_flush(struct reading *r);
