/* metrics_private.h - between metrics.c, which counts, and metric_shape.c, which gives
 * the texts of rows their numbers. */
#pragma once
#include "base/fault.h"
#include "meter/metric_series.h"
#include "meter/metrics.h"

#include <pthread.h>

enum token_type {
	INPUT,
	OUTPUT,
	CACHE_READ,
	CACHE_WRITE,
	REASONING,
	AUDIO_INPUT,
	AUDIO_OUTPUT,
	TOKEN_TYPES,
};

enum {
	USAGE_KINDS = USAGE_UNKNOWN + 1,
	STATUS_CLASSES = 6,
	ODDITIES = 5,
	TEAMS_KEPT = 64,
	SHAPES = 128,
	SHAPE_TEXT = 160,
};

/* Numbers of the closed lists' names. */
struct known {
	uint16_t none, direct, ok, unknown, stream, unary, gateway_other;
	uint16_t tokens[TOKEN_TYPES];
	uint16_t usage[USAGE_KINDS];
	uint16_t status[STATUS_CLASSES];
	uint16_t odd[ODDITIES];
	uint16_t faults[FAULT_IDS]; /* with whose fault it is before it */
};

struct team {
	uint64_t id; /* 0: free */
	uint16_t label;
};

/* What rows have in common: all by which they are counted but the figures.  Requests are
 * much alike, so most rows find theirs, and with it where they are counted. */
struct shape_figures {
	uint64_t team, key;
	int32_t client_status;
	uint8_t has_attempt, state, stream, usage_kind;
	uint8_t lengths[8]; /* of the texts, one after another */
};
struct shape_key {
	struct shape_figures figures;
	char texts[SHAPE_TEXT];
};
_Static_assert(sizeof(struct shape_figures) == 32, "no padding: it is compared as bytes");

/* Where a row is counted: a place for each metric, and for each kind of tokens. */
enum { PLACES = METRICS + TOKEN_TYPES };

struct shape {
	size_t size;           /* of the key; 0: free */
	uint64_t kind;         /* of the row that found it last; 0: of none */
	struct shape_key said; /* as the row said it */
	uint16_t route, client, status, error, outcome;
	uint16_t provider, model, team, key, usage, mode;
	bool has_key;            /* it is counted by key; `key` may be NAME_OTHER */
	uint16_t places[PLACES]; /* index + 1 of the series; 0: not asked for yet */
};

struct metrics {
	pthread_mutex_t lock; /* over all but the options */
	struct metrics_options options;
	usec since_wall;
	struct metric_names names;
	struct metric_names fault_names; /* rows' names of faults: their ids, in order */
	struct known known;
	struct metric_table tables[METRICS]; /* those from rows */
	size_t texts[METRICS];          /* at most so many bytes are each's samples */
	unsigned key_names, team_names; /* that have a number */
	struct metric_table models;     /* keys: (provider, model) that somebody knows */
	struct team teams[TEAMS_KEPT];  /* asked for already, by id */
	struct metric_row rows[METRICS];
	struct shape shapes[SHAPES];   /* by what their keys' hash says */
	struct shape odd_shape;        /* of a row at hand that is not kept */
	struct shape *by_kind[SHAPES]; /* where rows of a kind found theirs, if it still
	                                  says so */
};

/* The closed lists get their numbers. */
void shape_know(struct metrics *m);
/* The row's shape, good until the next call. */
struct shape *shape_of(struct metrics *m, const struct attempt_row *row);
