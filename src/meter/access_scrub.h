/* access_scrub.h - lines of the access log, and of its older files, lose whom they speak
 * of: address, agent, user and providers' words are overwritten with asterisks, in place,
 * so that whoever writes or reads the file need not know. */
#pragma once
#include "base/buf.h"

/* path: as for access_log_open; "stdout" and NULL have nothing to scrub.  ids: of
 * exchanges, ascending.  False: *why. */
must_check bool access_scrub(const char *path, const uint64_t *ids, size_t count,
                             struct buf *why);
