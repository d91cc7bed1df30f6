/* access_scrub.h - lines of the access log, and of its older files, lose whom they speak
 * of: address, agent, user and providers' words are overwritten with asterisks, in place,
 * so that whoever writes or reads the file need not know. */
#pragma once
#include "base/buf.h"

struct access_match {
	const uint64_t *ids; /* of exchanges, ascending */
	size_t count;
	uint64_t before; /* and all older ones: nobody knows any more whose they are */
	uint64_t key;    /* of these, those of that key; 0: of any */
};

/* The same of lines in memory. Gives how many have lost something. */
uint64_t access_scrub_lines(char *bytes, size_t size, const struct access_match *match);
/* path: as for access_log_open; "stdout" and NULL have nothing to scrub.  *ret_lines:
 * that have lost something.  False: *why. */
must_check bool access_scrub(const char *path, const struct access_match *match,
                             uint64_t *ret_lines, struct buf *why);
/* Calls `found` with each file beside the log that by its name may be an older one of it,
 * and that access_scrub does not look into: what others have moved or packed (logrotate's
 * PATH.4, PATH.2.gz, PATH-20261126). Where the directory cannot be read, with "PATH*". */
void access_untouched(const char *path, void (*found)(void *arg, str file), void *arg);
