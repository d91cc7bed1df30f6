/* multipart.h - multipart/form-data (RFC 7578) read where it stands, while it
 * comes in. */
#pragma once
#include "base/str.h"

/* The boundary named in a Content-Type value; false when it is no multipart/form-data or
 * the boundary is missing, empty, longer than 70 bytes or has bytes RFC 2046 forbids. */
bool multipart_boundary(str content_type, str *ret);

enum multipart_result {
	MULTIPART_FOUND,
	MULTIPART_MORE, /* not in these bytes; more have to come */
	MULTIPART_NONE, /* the closing boundary came first */
	MULTIPART_BAD,
	MULTIPART_TWICE, /* the field stands there twice: ambiguous, refused */
};

/* Looks for the whole part named `name` in body, which begins at the body's first byte.
 * *ret is its value where it stands (offset ret->ptr - body.ptr).  TWICE and BAD are seen
 * only as far as the bytes reach.  `boundary` is one that multipart_boundary gave.  Each
 * call reads from the beginning: while a body comes in, ask when it has doubled. */
enum multipart_result multipart_find(str body, str boundary, str name, str *ret);
