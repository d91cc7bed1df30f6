/* sandbox.h - what a gateway never needs is given up before it serves anybody.
 *
 * Files (Landlock): the data directory for writing; for reading the directories of the
 * configuration and of what it names, the machine's certificates and name service.
 * System calls (seccomp): no other program, no second process, no debugging of others, no
 * mounts, kernel modules, keys or other kinds of sockets.  Neither can be undone, and
 * threads made later inherit both.  What the kernel does not have is left out and said.
 */
#pragma once
#include "base/buf.h"
#include "config/config.h"

struct sandbox {
	int landlock; /* the version of its interface; 0: the kernel has none */
	bool seccomp;
	bool forbidden;  /* to make one: by a filter of whoever started us */
	const char *off; /* why there is none at all; NULL: it is on */
};

/* Before any other thread, when the data directory is there and all sockets are that have
 * a place among files.  Nothing of it is a
 * reason not to run. */
void sandbox_enter(const struct config *c, struct sandbox *ret);
/* "files (Landlock 4), system calls (seccomp)", or why there is none. */
void sandbox_print(const struct sandbox *s, struct buf *to);

/* sandbox_calls.c: false when the kernel, the library or a filter refuses;
 * *ret_forbidden is true when it was a filter. */
bool sandbox_deny_calls(bool *ret_forbidden);
