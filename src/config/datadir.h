/* datadir.h - $data: made private, and used by one gateway at a time.
 *
 *   lock          flock: who holds it may write the ledger
 *   admin.sock    the running gateway's door for the command line
 *   pepper        see config/key.h
 *   ledger.db, journal/, access.log   the store's */
#pragma once
#include "base/buf.h"

/* Is it ours alone?  It must belong to us or to root (root trusts its owner), and nobody
 * else may write in it: who can put files there has our keys, and answers for the
 * gateway. A group may when root has given the directory to one of ours, as orchestrators
 * do with volumes.  One that is not there yet is good.  False: *why. */
must_check bool datadir_check(str dir, struct buf *why);
/* Makes the directory (0700) and those above it that are missing.  False: *why, also
 * when it is not ours alone. */
must_check bool datadir_make(str dir, struct buf *why);
/* Takes $data/lock, for as long as *ret_fd is open; waits two seconds for a command that
 * has it.  False: *why; another one has it, or it cannot be made. */
must_check bool datadir_lock(str dir, int *ret_fd, struct buf *why);
/* Before a command opens the ledger, under the lock: if there is none, and root makes it
 * in the directory of a service, it is that service's.  False: *why. */
must_check bool datadir_own_ledger(str dir, struct buf *why);
/* Does a gateway (or a command that writes) hold the lock now? */
bool datadir_is_locked(str dir);
/* May we look into it?  What is not there yet may be looked into.  False: *why names
 * whose it is, and sudo. */
must_check bool datadir_may_look(str dir, struct buf *why);
/* "dir/name", NUL-terminated, in to. False: too long. */
must_check bool datadir_path(str dir, const char *name, char *to, size_t room);
