/* mailbox.c - letters from any thread to one.
 *
 * Senders push onto a stack with one compare-and-swap; the owner takes the whole stack
 * with one exchange and turns it round.  A letter is linked before it is visible, so
 * there is no moment in which a slow sender hides the letters of others, and whoever
 * finds the stack empty is the one who wakes. */
#include "loop/mailbox.h"

#include "base/assert.h"

void mailbox_init(struct mailbox *box, unsigned limit, void (*wake)(void *), void *arg)
{
	assert(limit > 0);
	*box = (struct mailbox){ .limit = limit, .wake = wake, .wake_arg = arg };
}

bool mailbox_post(struct mailbox *box, struct letter *l)
{
	if (atomic_fetch_add_explicit(&box->waiting, 1, memory_order_relaxed) >=
	    box->limit) {
		atomic_fetch_sub_explicit(&box->waiting, 1, memory_order_relaxed);
		return false;
	}
	struct letter *last = atomic_load_explicit(&box->last, memory_order_relaxed);
	do
		atomic_store_explicit(&l->next, last, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
	        &box->last, &last, l, memory_order_release, memory_order_relaxed));
	/* From here the letter may already be read and gone. */
	if (!last && box->wake)
		box->wake(box->wake_arg);
	return true;
}

/* The newest comes first in the stack; the oldest shall be read first. */
static struct letter *turn_round(struct letter *l)
{
	struct letter *turned = NULL;

	while (l) {
		struct letter *older =
		        atomic_load_explicit(&l->next, memory_order_relaxed);

		atomic_store_explicit(&l->next, turned, memory_order_relaxed);
		turned = l;
		l = older;
	}
	return turned;
}

struct letter *mailbox_take(struct mailbox *box)
{
	if (!box->first) {
		if (!atomic_load_explicit(&box->last, memory_order_relaxed))
			return NULL;
		box->first = turn_round(
		        atomic_exchange_explicit(&box->last, NULL, memory_order_acquire));
	}
	struct letter *l = box->first;
	box->first = atomic_load_explicit(&l->next, memory_order_relaxed);
	atomic_fetch_sub_explicit(&box->waiting, 1, memory_order_relaxed);
	return l;
}
