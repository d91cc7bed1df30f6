/* prompt.h - a line that is not shown while it is typed. */
#pragma once
#include "base/buf.h"

/* One line of a terminal, with its end, to `to`: `text` is written to stderr before and
 * nothing typed is shown.  Where standard input is no terminal, all of it.  Whatever ends
 * or stops the program meanwhile finds the terminal as it was; who comes back from a stop
 * is asked again.  False: it could not be read, or is too long. */
must_check bool prompt_secret(const char *text, struct buf *to);
