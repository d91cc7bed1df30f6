/* serving.h - what a running `sluice serve` has; between serve.c and serve_admin.c. */
#pragma once
#include "admin/clerk.h"
#include "admin/desk.h"
#include "main/command.h"
#include "main/process.h"
#include "main/sandbox.h"
#include "main/scout.h"
#include "mock/mock.h"

#include <pthread.h>

struct serving {
	const struct command *command;
	struct process process;
	struct mock *mock;
	struct clerk *clerk;
	int admin;         /* listens at `admin`; 0: nobody does */
	struct desk *desk; /* NULL: not yet */
	struct scout *scout;
	struct sandbox sandbox;
	unsigned rolls; /* the clerk's */
	pthread_mutex_t reloading;
	usec began;
};

/* serve.c: reads the configuration again and puts it in force.  `serving` is a struct
 * serving; called by SIGHUP, by the clerk and at the desk, one at a time.  False: nothing
 * was changed, *said says why; true: *said says what needs a restart, or nothing. */
bool serving_reload(void *serving, struct buf *said);

/* serve_admin.c.  Both: false: *why says what is in the way; nothing runs.  Listens at
 * `admin`; where that is not written and taken, nowhere. */
must_check bool serving_open_admin(struct serving *s, const struct config *c,
                                   struct buf *why);
must_check bool serving_start_admin(struct serving *s, const struct config *c,
                                    struct buf *why);
void serving_stop_admin(struct serving *s);
/* An entry of the audit log: what is in force from now on, by the hash of what the admin
 * API shows of it. */
void serving_note_config(struct serving *s, const char *who, const char *from,
                         const char *action);
/* Where the admin API is; and the first token, once. */
void serving_greet_admin(struct serving *s);
