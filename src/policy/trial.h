/* trial.h - which exchanges of a route take part in its trial, and how long the trial may
 * go on.
 *
 * The share is drawn by a hash, not by chance: of the trial's name and of whatever makes
 * a conversation one.  So a conversation stays on its side, also over restarts and
 * between replicas, and another trial draws other conversations.  What the candidate has
 * cost is shared by all workers; it outlives a reload of the configuration. */
#pragma once
#include "config/config.h"

enum { TRIAL_ACCOUNTS = 256 /* names, of all configurations of one process */ };

enum trial_end {
	TRIAL_RUNS,
	TRIAL_BY_HAND,  /* sluice trial stop */
	TRIAL_TOO_DEAR, /* max_cost would have been passed */
	TRIAL_OVER,     /* the last day is over */
};
const char *trial_end_name(enum trial_end e);

/* What is known of a trial beside the configuration.  Amounts in nano-dollars. */
struct trial_account {
	char name[64];
	uint8_t len;           /* 0: free */
	bool is_loaded;        /* what it had spent before this process is in it */
	_Atomic int64_t taken; /* spent and reserved, together never over max_cost */
	_Atomic int64_t spent;
	_Atomic int64_t settled; /* exchanges whose cost is in it */
	_Atomic int end;         /* enum trial_end; OVER is never stored */
	_Atomic uint64_t controls, candidates, shadows; /* exchanges of this process */
	_Atomic uint64_t skipped; /* shadows for which there was no room */
};

struct trials {
	struct trial_account list[TRIAL_ACCOUNTS];
};

/* The account of that name, made when it is new.  Under a lock of the owner; NULL: there
 * are too many. */
struct trial_account *trials_get(struct trials *t, str name);

/* Does it run?  account may be NULL: then it does not. */
enum trial_end trial_state(const struct trial *t, const struct trial_account *account,
                           usec wall);
/* Is the exchange the candidate's?  sticky: of the conversation; where there is none of
 * whoever asks, else the exchange's id. */
bool trial_picks(const struct trial *t, uint64_t sticky);
/* Sets an amount aside for an exchange of the candidate's: what it is likely to cost, or
 * what one has cost on average, if that is more.  *ret_held is what it was.  False: it
 * would be too much; *ret_stopped: the trial is stopped by this very call, which somebody
 * should say. */
must_check bool trial_reserve(const struct trial *t, struct trial_account *account,
                              nanousd likely, nanousd *ret_held, bool *ret_stopped);
/* The exchange is over: what it has cost instead of what was set aside. */
void trial_settle(struct trial_account *account, nanousd held, nanousd cost);
/* The configuration is a new one: a trial that max_cost has stopped goes on if one more
 * exchange, by what they have cost on average, fits into what max_cost is now. */
void trial_revive(const struct trial *t, struct trial_account *account);
/* What was spent before this process began, and by how many exchanges.  False: the trial
 * is stopped by that: max_cost leaves no room for another. */
must_check bool trial_load(const struct trial *t, struct trial_account *account,
                           nanousd spent, int64_t settled);
/* May an exchange of that amount be asked when so much is taken? */
bool trial_fits(const struct trial *t, nanousd taken, nanousd amount);
