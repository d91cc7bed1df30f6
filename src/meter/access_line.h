/* access_line.h - a row that closes an exchange, as one line of JSON.
 *
 *	{"time":"2026-11-23T12:34:56.789Z","id":"0660f1b3c7061f00","key":"1a2b3c4d5e6f",
 *	 "operation":"chat","asked":"fast","route":"fast","provider":"openai",
 *	 "model":"gpt-5-mini","stream":true,"status":200,"client_status":200,"finish":"stop",
 *	 "usage_kind":"reported","input_tokens":321,"output_tokens":123,"cost_nano":512345,
 *	 "first_byte_us":412345,"total_us":2345678, ...}
 *
 * The time is the end of the exchange, the id that of the exchange; names and units are
 * the ledger's.  Texts that are empty and times that never came are left out, a cost that
 * is not known is null.  Whatever a text contains, a line is one line. */
#pragma once
#include "base/buf.h"
#include "store/row.h"

enum {
	ACCESS_TEXT_MOST = 512,
	ACCESS_LINE_MOST = 11 * ACCESS_TEXT_MOST * 6 + 2 * KiB, /* \u00xx is six bytes */
};

/* What lines have in common: the last second as text, and what rows of a kind say before
 * and behind their figures.  Zeroed it is ready for use. */
struct access_memory {
	usec second;
	char text[20];
	struct access_kind {
		uint64_t kind; /* 0: free */
		uint16_t head_len, tail_len;
		char head[468], tail[160];
	} kinds[32];
};

/* `to` has room for ACCESS_LINE_MOST more bytes. */
void access_line_add(struct buf *to, struct access_memory *memory,
                     const struct attempt_row *row);
