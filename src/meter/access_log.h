/* access_log.h - one JSON object per exchange and line, appended to a file or stdout.
 *
 * Writing never holds anybody up: what a full disk or a stopped reader does not take
 * waits in memory (1 MiB), further lines are counted, and the count is a line of its own
 * later. A file is moved to PATH.1 at 64 MiB; three old ones are kept.  One thread. */
#pragma once
#include "base/buf.h"
#include "meter/access_scrub.h"
#include "store/row.h"

struct access_log;

/* path: a file, or "stdout". NULL and a text in *why. */
struct access_log *access_log_open(const char *path, struct buf *why);
void access_log_close(struct access_log **at);
/* Adds the line of a row that closes an exchange. */
void access_log_add(struct access_log *log, const struct attempt_row *row);
/* Writes what waits, as far as it goes. False: something is left, see errno. */
bool access_log_write(struct access_log *log);
bool access_log_is_waiting(const struct access_log *log);
/* Closes the file and opens it again by its name, after somebody moved it. */
void access_log_reopen(struct access_log *log);
/* access_scrub of the lines that wait; gives how many have lost something. */
uint64_t access_log_scrub(struct access_log *log, const struct access_match *match);
/* At the end: writes what waits, and gives a reader who is slow a few seconds to take it.
 * Gives how many lines are lost all the same and were not told of; only access_log_close
 * may follow. */
uint64_t access_log_end(struct access_log *log);
/* Gives memory back. */
void access_log_rest(struct access_log *log);
/* Lines for which there was no room, ever. */
uint64_t access_log_lost(const struct access_log *log);
