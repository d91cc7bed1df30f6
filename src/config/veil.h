/* veil.h - private to config/: what of a configuration's text a message may show.
 *
 * A message about a file shows a line of it, and the file may be broken in any way, so
 * nothing is asked of a tree.  Below `providers`, `telemetry` and whatever is no key of
 * ours only what stands behind a key that holds no credential is shown, beside names and
 * variables.  Elsewhere all is, but what looks like a credential or stands behind a name
 * which sounds like one.  Of an address never who logs in, nor what a query says. */
#pragma once
#include "base/str.h"

/* Puts asterisks over the rest, byte by byte: line is a writable copy of line `number`
 * (from 1) of `text`, or of a part of it that begins in the middle. */
void veil_line(str text, unsigned number, bool is_part, char *line, size_t n);
/* The words of a message: what looks like a credential, and what the veil has taken out
 * of the line that the message is about (empty: none is shown). */
void veil_words(char *words, size_t n, str line, str veiled);
