/* trial_view.h - private to admin/ and main/: trials as JSON, the same in the admin API
 * and in what commands print, and which state each is in. */
#pragma once
#include "admin/trial_read.h"
#include "codec/json_write.h"
#include "config/config.h"
#include "policy/trial.h"

/* A trial of the configuration as it stands. */
struct trial_standing {
	const struct trial *trial;
	nanousd spent;     /* by the candidate's attempts, as far as it is known */
	usec stopped;      /* by hand, wall; 0: it was not */
	const char *state; /* "running", "stopped", "over", "stopped by max_cost" */
};
typedef void trial_standing_fn(void *arg, const struct trial_standing *s);
/* The process that runs them. */
struct trial_running {
	enum trial_end (*end)(void *arg, str name);
	void *arg;
};
/* All of them, or the one of that name (empty: all); l NULL: nothing was recorded yet;
 * running NULL: they do not run.  False: the ledger could not be read. */
must_check bool trial_standings(struct ledger *l, const struct config *c,
                                const struct trial_running *running, str name, usec wall,
                                trial_standing_fn *each, void *arg);

/* As the schemas Trial and TrialReport say, an object each. */
void trial_standing_write(const struct trial_standing *s, struct json_writer *to);
void trial_report_write(str name, const struct trial_read *t,
                        const struct compared figures[FIGURES], struct json_writer *to);
