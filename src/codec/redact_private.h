/* redact_private.h - between what is looked for (redact_find.c) and what is done with
 * what was found (redact.c). */
#pragma once
#include "codec/redact.h"

struct find {
	size_t from, len;
	const char *name; /* of its class or pattern */
};

/* What of the classes (enum redact_class) begins at text[at], or for an address of mail,
 * stands around it. */
bool redact_look(unsigned classes, str text, size_t at, struct find *ret);
