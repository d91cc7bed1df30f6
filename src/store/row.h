/* row.h - one attempt, as the journal carries it and the ledger keeps it.
 *
 * Every try of a target is a row.  The exchange's own facts stand on its last row
 * (`closes`), so a plain exchange is one row.  An exchange that was refused before any
 * attempt is a row with number 0 and no target. */
#pragma once
#include "base/price.h"
#include "base/str.h"
#include "base/usage.h"
#include "base/usec.h"

/* The least id of an attempt that began then: ids are times.  0 for what is before 1970,
 * and no wrap for what is beyond all ids. */
static inline uint64_t row_id_at(usec wall)
{
	return wall <= 0 ? 0 : (uint64_t)min_of(wall, (usec)(INT64_MAX >> 8)) << 8;
}

/* An attempt's id is given when its request arrives, and by so much it may begin later:
 * the body has to come, and its turn.  Beyond that it gets an id of its own, as whoever
 * reads a span of time has to look so far back. */
#define ROW_BEHIND_MOST USEC_HOUR

/* What is odd about an answer that went well otherwise. */
enum row_flag {
	ROW_EMPTY = 1 << 0,         /* no text and no call */
	ROW_NO_FINISH = 1 << 1,     /* no reason why it ended */
	ROW_REFUSAL = 1 << 2,       /* the model refused, or a filter did */
	ROW_CUT = 1 << 3,           /* by max tokens */
	ROW_ZERO_USAGE = 1 << 4,    /* an answer, and no tokens for it */
	ROW_OVER_RESERVED = 1 << 5, /* it cost more than was reserved: a debt */
	ROW_SHADOW = 1 << 6,        /* of a trial: its answer was thrown away */
	ROW_CANDIDATE = 1 << 7,     /* of a trial: the candidate, else the control */
	ROW_BODY_LOST = 1 << 8,     /* what was said should have been kept, and was not */
	ROW_OTHER_TIER = 1 << 9,    /* served at prices of another list than is known */
};

enum row_state {
	ROW_OPEN,    /* dispatched, not settled yet */
	ROW_DONE,    /* settled */
	ROW_UNKNOWN, /* the process died between; charged as reserved */
};

struct attempt_row {
	/* Rows of one kind, but 0, differ in figures and times alone: whoever keeps what
	 * follows from the rest need not look at it again (meter/row_kinds.h). */
	uint64_t kind;
	/* known when the attempt opens */
	uint64_t id;       /* unique, rising per worker; see journal_next_id */
	uint64_t exchange; /* id of the exchange: that of its first row, unless it began
	                      more than ROW_BEHIND_MOST later */
	uint32_t number;   /* 1 for the first attempt; 0: refused before any */
	uint64_t key;      /* the virtual key's id, 0: none */
	usec began_wall;
	str operation;       /* "chat", "embeddings", ... */
	str asked;           /* the model as the client wrote it */
	str route;           /* empty when a target was named directly */
	str provider, model; /* the target */
	bool stream;
	uint64_t request_bytes;
	uint64_t team; /* the key's at that time, 0: none */
	str user;      /* whom the request names, at most 128 bytes */
	str tags;      /* "name=value,...": of the key and the request; 256 bytes */
	str trial;     /* it is part of that one; empty: of none */
	uint64_t conversation; /* of a trial: a hash of what was drawn for its side; 0:
	                          the exchange itself */
	str trace;        /* the client's trace: a struct trace_parent; empty: none */
	uint8_t endpoint; /* which, by endpoint_number; 0: not known */
	nanousd reserved; /* under budgets, set aside for it; 0: nothing was */
	/* known when it closes */
	enum row_state state;
	int32_t status;     /* the provider's HTTP status, 0: no answer */
	str fault;          /* name of the fault row, empty: success */
	str detail;         /* for people, at most 512 bytes */
	str answered_model; /* as the provider named it */
	str finish;         /* finish reason as the provider wrote it */
	usec connect, first_byte, first_token,
	        total; /* after began_wall; 0: never came */
	uint64_t answer_bytes;
	enum usage_kind usage_kind;
	struct token_usage usage;
	nanousd cost;              /* COST_UNKNOWN when a price or the usage is unknown */
	const struct price *price; /* that cost was reckoned with; NULL: none is known */
	unsigned flags;            /* enum row_flag */
	/* said of it since, by other entries of the ledger; in what is read from there */
	nanousd corrected; /* to be added to cost */
	bool is_corrected;
	/* the exchange's, when this row closes it */
	bool closes;
	int32_t client_status; /* what the client got; 499: gone before */
	usec exchange_total, overhead;
	uint32_t attempts;
	str client; /* the client's address */
	str agent;  /* User-Agent, at most 128 bytes */
};

/* What it says of a person, but for the name.  It is of no kind any more: others of that
 * still have it. */
static inline void row_forget(struct attempt_row *row)
{
	row->client = row->agent = row->detail = STR_NONE;
	row->kind = 0;
}

/* With its corrections; COST_UNKNOWN as long as nobody knows it. */
static inline nanousd row_cost(const struct attempt_row *row)
{
	if (!row->is_corrected)
		return row->cost;
	return (row->cost == COST_UNKNOWN ? 0 : row->cost) + row->corrected;
}

/* What budgets count: the cost, else what was reserved for it. */
static inline nanousd row_charged(const struct attempt_row *row)
{
	nanousd cost = row_cost(row);

	return cost == COST_UNKNOWN ? row->reserved : cost;
}
