/* body_log.h - the thread that keeps what was said (store/bodies.h).
 *
 * Workers hand over an exchange's request and answer as a letter, without a copy and
 * without waiting.  The thread takes out what shall not be kept, compresses, encrypts and
 * writes, and deletes what is old.  A disk that is full costs bodies, which are counted,
 * and no request anything. */
#pragma once
#include "base/buf.h"
#include "config/config.h"
#include "config/master.h"
#include "loop/mailbox.h"
#include "store/bodies.h"

struct body_log;

struct body_letter {
	struct letter letter;
	struct body_row row; /* its texts live as long as the letter */
};

struct body_log_options {
	const char *dir; /* $data/bodies */
	/* Ends a letter, on the log's thread (and body_log_free's). */
	void (*free_letter)(struct body_letter *l);
	/* Told of trouble and of its end, once each; may be NULL. */
	void (*say)(const char *text);
};

struct body_log_stats {
	uint64_t written, failed; /* failed: by the disk */
	uint64_t refused;         /* too many waited */
	uint64_t finds;           /* that were taken out */
};

/* Takes the master keys.  NULL: *why. */
struct body_log *body_log_new(const struct body_log_options *options,
                              struct master *masters, struct buf *why);
/* Writes what waits, and joins.  Nobody posts any more. */
void body_log_free(struct body_log **at);
/* What holds from now on.  Any thread. */
void body_log_set(struct body_log *b, const struct log_settings *s);
/* Takes other master keys, and waits until they are in force: nothing is sealed with a
 * key that is not among them from now on. */
void body_log_set_masters(struct body_log *b, struct master *masters);
/* Any thread; never blocks.  False: it is still the caller's. */
must_check bool body_log_post(struct body_log *b, struct body_letter *l);
/* Waits until everything posted before is written, or could not be. */
void body_log_flush(struct body_log *b);
/* The same, and then forgets. False: *why. */
must_check bool body_log_erase(struct body_log *b, const struct body_match *match,
                               uint64_t *ret_count, struct buf *why);
void body_log_stats(struct body_log *b, struct body_log_stats *ret);
