/* socket.h - private to admin/: $data/admin.sock, however long the path of $data is.
 *
 * The path of a Unix socket has 108 bytes at most; the directory is opened first and the
 * socket named below /proc/self/fd. */
#pragma once
#include "base/buf.h"

/* A listening, non-blocking socket (0600); one that a killed process left is replaced, so
 * the caller holds $data/lock.  -1: *why. */
int admin_listen(str dir, struct buf *why);
/* A connected, blocking socket; behind it is a process of our user, of root, or of whom
 * the directory belongs to.  -errno; -EPERM: somebody else listens there. */
int admin_connect(str dir);
void admin_unlink(str dir);
