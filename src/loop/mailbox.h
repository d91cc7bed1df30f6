/* mailbox.h - letters from any thread to one.
 *
 * An intrusive multi-producer single-consumer queue with a bound, first come first read.
 * A full box refuses, and the letter is still the sender's: every sender says what
 * happens then. */
#pragma once
#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>

struct letter {
	struct letter *_Atomic next; /* -- private -- */
};

struct mailbox {
	unsigned limit;       /* most letters waiting; set by the owner */
	void (*wake)(void *); /* called after a letter arrived in an empty box; or NULL */
	void *wake_arg;
	_Atomic unsigned waiting; /* letters posted and not yet taken */
	struct letter
	        *_Atomic last; /* -- private from here -- the newest, older behind it */
	struct letter *first;  /* fetched, the oldest in front */
};

void mailbox_init(struct mailbox *box, unsigned limit, void (*wake)(void *), void *arg);
/* Any thread. True: the letter is the box's now. */
must_check bool mailbox_post(struct mailbox *box, struct letter *l);
/* The owner's thread; NULL when empty. The letter is the caller's. */
struct letter *mailbox_take(struct mailbox *box);
