/* redact.h - what shall not be kept, taken out of a text before it is written down.
 *
 * Each find becomes its name in square brackets, "[email]"; what is around it stays byte
 * for byte, so JSON stays JSON.  Finds are by form and, where there is one, by checksum:
 *
 *	email   name@host.tld
 *	phone   +49 30 901820 and (030) 90 18 20: 8 to 15 digits, with + or a separator
 *	card    13 to 19 digits, also in groups, whose Luhn sum is right
 *	iban    two letters, two digits and up to 30 more, whose remainder by 97 is 1
 *	secret  keys of known forms (sk-, ghp_, AKIA, xox., AIza, glpat-, JSON Web Tokens,
 *	        PEM private keys) and what stands behind "Bearer" or in a member that is
 *	        called password, secret, token or api_key
 *
 * Anything else is a pattern, a POSIX extended regular expression, found within a
 * line: "." and bracket expressions never match its end.  Patterns without back
 * references take time in proportion to the text. */
#pragma once
#include "base/buf.h"

enum redact_class {
	REDACT_EMAIL = 1 << 0,
	REDACT_PHONE = 1 << 1,
	REDACT_CARD = 1 << 2,
	REDACT_IBAN = 1 << 3,
	REDACT_SECRET = 1 << 4,
};

struct redact;

/* The bit of that name; 0: there is none. */
unsigned redact_class_find(str name);
/* classes: bits; patterns: NULL-terminated list of expressions, or NULL.  NULL: one of
 * them is none, and *why says which and why. */
struct redact *redact_new(unsigned classes, const char *const *patterns, struct buf *why);
void redact_free(struct redact **at);
/* Adds the text without the finds, and how many there were to *count (may be NULL).
 * Finds within finds do not count.  False: to->limit forbids it. */
must_check bool redact_text(const struct redact *r, str text, struct buf *to,
                            unsigned *count);
/* The same for a stream of events: what is said lies there in pieces, and a find may
 * begin in one event and end in another.  Its name stands where it began. */
must_check bool redact_stream(const struct redact *r, str text, struct buf *to,
                              unsigned *count);
