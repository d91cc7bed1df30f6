/* row.h - one attempt, as the journal carries it and the ledger keeps it.
 *
 * Every try of a target is a row.  The exchange's own facts stand on its last row
 * (`closes`), so a plain exchange is one row.  An exchange that was refused before any
 * attempt is a row with number 0 and no target. */
#pragma once
#include "base/money.h"
#include "base/str.h"
#include "base/usage.h"
#include "base/usec.h"

enum row_state {
	ROW_OPEN,    /* dispatched, not settled yet */
	ROW_DONE,    /* settled */
	ROW_UNKNOWN, /* the process died between; charged as reserved */
};

struct attempt_row {
	/* known when the attempt opens */
	uint64_t id;       /* unique, rising per worker; see journal_next_id */
	uint64_t exchange; /* id of the exchange: that of its first row */
	uint32_t number;   /* 1 for the first attempt; 0: refused before any */
	uint64_t key;      /* the virtual key's id, 0: none */
	usec began_wall;
	str operation;       /* "chat", "embeddings", ... */
	str asked;           /* the model as the client wrote it */
	str route;           /* empty when a target was named directly */
	str provider, model; /* the target */
	bool stream;
	uint64_t request_bytes;
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
	nanousd cost; /* COST_UNKNOWN when a price or the usage is unknown */
	/* the exchange's, when this row closes it */
	bool closes;
	int32_t client_status; /* what the client got; 499: gone before */
	usec exchange_total, overhead;
	uint32_t attempts;
	str client; /* the client's address */
	str agent;  /* User-Agent, at most 128 bytes */
};
