/* chars.h - which bytes may stand where in a message head, as one table; for http/ alone.
 *
 * Headers are read byte by byte against this table, so that a byte which HTTP forbids at
 * its place (R25, R49-R52, R62, R63) is found by the same look that finds the end. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	HTTP_TOKEN = 1,  /* methods, field names, codings */
	HTTP_TARGET = 2, /* request targets: visible ASCII without '#' and '\' */
	HTTP_VALUE = 4,  /* field values: no control bytes but the tab */
	HTTP_NAME = 8,   /* host names, IPv4 */
	HTTP_HEX = 16,
};

extern const uint8_t http_chars[256];

static inline bool http_char_is(char c, unsigned kind)
{
	return http_chars[(uint8_t)c] & kind;
}
