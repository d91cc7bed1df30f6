/* sse.h - server-sent events (WHATWG HTML, section 9.2).
 *
 * Two readers.  sse_scan finds whole events in bytes that are kept by somebody else and
 * copies nothing: the pass lane relays what it finds.  sse_next copies each event
 * together, whatever the cuts between the bytes: the translate lane and tests use it. */
#pragma once
#include "base/buf.h"
#include "base/fault.h"

/* ---- finding events where they stand ---- */

struct sse_found {
	str raw;  /* the event with the blank line that ends it */
	str name; /* what stood after "event:", or empty */
	str data; /* the first "data:" line */
	bool has_data;
	bool several; /* there were more data lines: join them with sse_join */
};

/* Zeroed it is ready for use.  All fields are private: what is known of the event coming
 * in, as offsets, because the owner may move the bytes between two calls. */
struct sse_scan {
	size_t seen; /* no line ends before here, from `line` on */
	size_t line; /* where the line coming in begins */
	size_t name_at, name_len;
	size_t data_at, data_len;
	bool has_data, several;
	bool begun; /* a BOM can no longer come */
};

/* `bytes` begins where an event begins and is the same text as in the last call, or
 * longer.  True: *ret is the first whole event, and the next call gets what follows
 * ret->raw.  False: more bytes are needed.  What has no data is an event too, as a
 * comment or a blank line alone, so that all raws together are the whole text.  A BOM at
 * the very start belongs to the first event's raw.  Lines end with LF, CRLF or CR; a CR
 * as last byte waits for what follows. */
bool sse_scan(struct sse_scan *s, str bytes, struct sse_found *ret);
/* The data lines of an event with several, joined by LF, into `to` (cleared first). */
void sse_join(const struct sse_found *event, struct buf *to);

/* ---- events one by one, from bytes cut anywhere ---- */

struct sse_event {
	str name; /* what stood after "event:", or empty */
	str data; /* the "data:" lines, joined by LF */
};

struct sse_reader {
	size_t limit;          /* set by the owner: the most bytes one event may take */
	fault_t why;           /* why no event will come any more, or NULL */
	struct buf line;       /* -- private from here -- the line coming in */
	struct buf name, data; /* the event so far, or the one on loan */
	bool has_data;         /* an event without data is no event */
	bool ended;            /* the next line begins a new event */
	bool after_cr;         /* an LF now belongs to the line before */
	bool begun;            /* a BOM can no longer come */
};

/* Reads on in *bytes and moves it past what was read.  True: *ret is the next event, good
 * until the next call.  False: bytes are used up, or see r->why (UPSTREAM_LARGE). */
bool sse_next(struct sse_reader *r, str *bytes, struct sse_event *ret);
void sse_done(struct sse_reader *r);

/* ---- writing ---- */

/* "event: name" when name is not empty, one "data: " per line of data, a blank line. */
void sse_write(struct buf *to, str name, str data);
