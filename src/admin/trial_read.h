/* trial_read.h - a trial's exchanges out of the ledger, as samples for the comparison. */
#pragma once
#include "policy/comparison.h"
#include "store/ledger.h"

struct trial_read {
	struct comparison all;
	uint64_t gone;    /* clients that left before their answer: on neither side */
	uint64_t open;    /* exchanges that are not over, or were cut off by a crash */
	uint64_t rescued; /* the control's targets answered for the candidate */
	uint64_t shadows;
	usec first, last;        /* when exchanges began; 0: there is none */
	struct trial_open *list; /* -- private -- exchanges of several attempts */
	unsigned count, room;
};

/* Zeroed it is ready. False: the ledger could not be read. */
bool trial_read(struct trial_read *t, struct ledger *l, str name, uint64_t after);
void trial_read_done(struct trial_read *t);
