/* multipart.h - multipart/form-data (RFC 7578) read where it stands, while it
 * comes in. */
#pragma once
#include "base/buf.h"

/* The boundary named in a Content-Type value; false when it is no multipart/form-data or
 * the boundary is missing, empty, longer than 70 bytes or has bytes RFC 2046 forbids, or
 * is written in RFC 2231's way as well (boundary*=), which readers take differently. */
bool multipart_boundary(str content_type, str *ret);

enum multipart_result {
	MULTIPART_FOUND,
	MULTIPART_MORE, /* not in these bytes; more have to come */
	MULTIPART_NONE, /* the closing boundary came first */
	MULTIPART_BAD,
	MULTIPART_TWICE, /* the field stands there twice: ambiguous, refused */
};

enum { MULTIPART_SHORT = 20 /* bytes of a short field's value */ };

/* Looks for one field while a body comes in, and goes on to its end: a second one may
 * stand behind megabytes. On its way it takes the value of another, which is short, and
 * counts the files. */
struct multipart_scan {
	size_t taken;    /* bytes of the body that were given so far */
	bool is_over;    /* the closing boundary has come */
	size_t value_at; /* FOUND: where the field's value stands in the body */
	size_t value_len;
	str beside;      /* the other one's name; set behind multipart_begin, or empty */
	bool has_beside; /* it has come; until then the rest is not told */
	uint8_t beside_len; /* of its value so many bytes, or 0: it is longer */
	char beside_value[MULTIPART_SHORT];
	unsigned files; /* parts with a file's name that have begun so far */
	/* -- private from here -- */
	str name;
	char dashes[72]; /* "--" and the boundary */
	size_t dashes_len;
	enum multipart_result bad; /* BAD or TWICE: it stays so; else MORE */
	uint8_t place;
	bool is_found, is_wanted; /* the field; this part is it */
	bool is_beside, is_long;  /* this part is the other one; its value is too long */
	unsigned parts;
	size_t at;       /* of the body: the first byte that is not read */
	size_t searched; /* bytes behind it in which no delimiter begins */
	struct buf rest; /* what is not read, of bytes given before */
};

/* The part named `name` (borrowed for the scan's life) is looked for.  `boundary` is one
 * that multipart_boundary gave. */
void multipart_begin(struct multipart_scan *s, str boundary, str name);
/* The body's next bytes.  FOUND as soon as the whole part has come, and still then while
 * nothing behind it is BAD or one of the two names again; these two are final. */
enum multipart_result multipart_next(struct multipart_scan *s, str bytes);
void multipart_done(struct multipart_scan *s);

/* The same for a body that is all there: *ret is the value where it stands. */
enum multipart_result multipart_find(str body, str boundary, str name, str *ret);
