/* replace.h - a small private file, read whole and replaced whole: written beside,
 * synced, renamed, so that nobody ever sees half of it, whenever the power goes. */
#pragma once
#include "base/buf.h"

enum file_found { FILE_FOUND, FILE_MISSING, FILE_BAD /* *why says it */ };

/* Adds the bytes of a regular file to `to`, at most its limit.  mode: the permission bits
 * that it must not have (077), or 0. */
must_check enum file_found file_read(const char *path, unsigned mode, struct buf *to,
                                     struct buf *why);
enum { FILE_SUM = 32 };
/* Is it a regular file that can be opened?  It is opened: what a sandbox (Landlock) hides
 * access() finds readable.  False: *why says it, with the path. */
must_check bool file_is_readable(const char *path, struct buf *why);
/* SHA-256 of what it holds: is it another one than before?  Zeros: it cannot be read. */
void file_sum(const char *path, uint8_t ret[FILE_SUM]);
/* With mode 0600, by way of PATH.new, which goes with the next call if this one is
 * killed: who calls holds a lock.  is_new: there must be none yet (false and *why when
 * there is). False: nothing was changed. */
must_check bool file_replace(const char *path, str text, bool is_new, struct buf *why);
/* What root has just made, at `path` (with a slash), is from now on of whom the directory
 * is, or the service could not use it. Of anybody else: nothing. False: errno. */
must_check bool file_give(int fd, const char *path);
