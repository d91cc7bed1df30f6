/* drill.h - between the files of `sluice drill`. For main/ alone.
 *
 *   drill.c        the command: who runs the cases, the report
 *   drill_plan.c   which cases there are
 *   drill_case.c   one case: a gateway of its own, one answer, what became of it
 *   drill_world.c  the user's configuration with a mock in place of each provider
 *   drill_ask.c    the request as a client sends it, and the answer as it reads it
 *   drill_guard.c  nothing stays behind when it is interrupted */
#pragma once
#include "config/config.h"
#include "mock/mock.h"
#include "wire/wire.h"

enum {
	DRILL_PROVIDERS_MOST = 64,
	DRILL_FLAPS = 4,     /* requests of a FLAP */
	DRILL_DIR_SIZE = 64, /* of the name of a directory */
};

enum drill_how { DRILL_NONE, DRILL_HEADER, DRILL_REFUSED, DRILL_BLACK_HOLE, DRILL_FLAP };

struct drill_row {
	const char *name;
	enum drill_how how;
	str fault, says;
	bool stream;
	const char *text;
};

extern const struct drill_row drill_rows[];
extern const unsigned drill_row_count;

/* ---- drill_world.c ---- */

/* A port that refuses, one that never accepts, and a mock for each provider. */
struct drill_world {
	const struct config_source *source;
	const struct config *config; /* as the user wrote it */
	const char *dir;             /* for the data of all cases */
	struct mock *mocks[DRILL_PROVIDERS_MOST];
	struct net_addr refuses, swallows;
	int swallowing[4];
};

/* False: *why says why not. */
must_check bool drill_world_init(struct drill_world *w, struct buf *why);
void drill_world_done(struct drill_world *w);
/* Where a format usually is: before its own path, for clients and providers alike. */
str drill_base_path(enum wire_format format);
/* The configuration once more, bent: mocks for providers, loopback, open, one worker, its
 * data in `dir`.  `victim` (an index; or -1) is at the port that `how` says.  The route's
 * target `first` is tried first where the strategy does not say who is.  NULL: said. */
struct config *drill_config(const struct drill_world *w, const char *dir, int victim,
                            enum drill_how how, str route, unsigned first);

/* ---- drill_ask.c ---- */

struct drill_ask {
	const struct wire *wire; /* the client's format */
	str model;               /* a route */
	str says;
	bool stream;
	str faults; /* the value of x-mock-fault; or empty */
};

/* An answer as a client reads it. */
struct drill_answer {
	int status;
	bool ended; /* with the format's own end, and a finish that is a success */
	bool told;  /* an error, in the format's words */
	bool cut;   /* the connection was */
	enum chat_finish finish;
	struct buf text, calls, error;
	usec first, total; /* after the request was sent */
};

void drill_answer_done(struct drill_answer *a);
void drill_ask(const struct drill_ask *ask, const struct net_addr *gateway,
               struct drill_answer *ret);
/* Does it say the same as the other one, and end as well? */
bool drill_same(const struct drill_answer *a, const struct drill_answer *b);

/* ---- drill_case.c ---- */

enum drill_outcome {
	DRILL_RESCUED,
	DRILL_HONEST, /* an error the client can see */
	DRILL_LOST,   /* a wrong or short answer that looks right, or no word at all */
	DRILL_MISSED, /* the ill target was not asked */
	DRILL_BROKEN, /* the drill itself failed; see error */
};

struct drill_case {
	const struct drill_world *world;
	const struct drill_row *row;
	const struct wire *wire;
	const struct route *route;
	unsigned target;                  /* of the route: the ill one */
	const struct drill_case *healthy; /* NULL: this is one */
	/* what became of it */
	enum drill_outcome outcome;
	struct drill_answer answer;
	unsigned attempts;
	nanousd cost; /* of all attempts; COST_UNKNOWN */
	struct buf error;
};

void drill_case_run(struct drill_case *c);
/* With all that is in it. */
void drill_remove_dir(const char *path);
void drill_case_done(struct drill_case *c);

/* ---- drill_plan.c ---- */

/* The cases of a drill, those of a route side by side, healthy ones before those that are
 * compared with them. */
struct drill_plan {
	const struct drill_world *world; /* with its config */
	const struct wire *wire;
	const char *route, *fault; /* of that name alone; NULL: all */
	struct drill_case *cases;
	unsigned count, room;
	unsigned route_at;         /* the first case of the route that is being added */
	struct drill_row *healthy; /* one for each way of asking a route */
	unsigned healthy_count;
};

bool drill_is_asked(const struct drill_plan *p, const struct drill_row *row);
bool drill_is_asked_route(const struct drill_plan *p, const struct route *route);
/* Each fault that is asked for at each target of each route that is. */
void drill_plan_make(struct drill_plan *p);
void drill_plan_done(struct drill_plan *p);

/* ---- drill_guard.c ---- */

/* Runs `work` in a process of its own, with a directory that is gone when it is over,
 * however that came about.  Before there are threads.  What it returned; 128 + the signal
 * that ended it, which may be one that was sent to us (SIGINT, SIGTERM, SIGHUP). */
int drill_guard(int (*work)(void *arg, const char *dir), void *arg);
