/* acceptor.c - a thread that accepts connections and gives each to a worker.
 *
 * It sleeps in poll over the listeners and one waker, and takes what has come from each,
 * in turn.  Without descriptors left it gives its own reserve back, so that the rest of
 * the process can still open one, and looks again ten times a second. */
#include "loop/acceptor.h"

#include "base/mem.h"
#include "loop/sys.h"
#include "loop/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ROUND_MOST = 64 /* from one listener before the others have their turn */ };
enum { PAUSE_MS = 100 };

struct acceptor {
	pthread_t thread;
	accepted_fn *on_accepted;
	void *arg;
	atomic_bool stop;
	int reserve; /* a descriptor kept for bad times; -1: given back */
	unsigned count;
	struct pollfd polled[]; /* the listeners, and the waker last */
};

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Errors of the machine or of the listener.  All others (ECONNABORTED and its kind) are
 * the affair of one connection, which is gone. */
static bool will_recur(int error)
{
	switch (-error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		return true;
	default:
		return false;
	}
}

/* False when the next accept would fail too. */
static bool accept_round(struct acceptor *a, unsigned listener)
{
	for (unsigned i = 0; i < ROUND_MOST; i++) {
		struct net_addr peer;
		int fd = sys_accept(a->polled[listener].fd, &peer);

		if (fd >= 0)
			a->on_accepted(a->arg, (int)listener, fd, &peer);
		else if (fd == -EAGAIN)
			return true;
		else if (will_recur(fd))
			return false;
	}
	return true;
}

static void pause_accepting(struct acceptor *a)
{
	if (a->reserve >= 0)
		close(a->reserve);
	poll(&a->polled[a->count], 1, PAUSE_MS);
	/* If this fails the next accept does too, and we are back here. */
	a->reserve = open_reserve();
}

static void *run(void *arg)
{
	struct acceptor *a = arg;

	while (!atomic_load(&a->stop)) {
		bool stuck = false;

		if (poll(a->polled, a->count + 1, -1) < 0)
			continue;
		for (unsigned i = 0; i < a->count && !stuck; i++) {
			if (a->polled[i].revents)
				stuck = !accept_round(a, i);
		}
		if (stuck)
			pause_accepting(a);
	}
	return NULL;
}

static void acceptor_destroy(struct acceptor *a)
{
	if (a->reserve >= 0)
		close(a->reserve);
	if (a->polled[a->count].fd >= 0)
		sys_close(a->polled[a->count].fd);
	free(a);
}

struct acceptor *acceptor_new(const int *fds, unsigned count, accepted_fn *on_accepted,
                              void *arg)
{
	struct acceptor *a = mem_new(sizeof(*a) + (count + 1) * sizeof(a->polled[0]));

	a->on_accepted = on_accepted;
	a->arg = arg;
	a->count = count;
	for (unsigned i = 0; i < count; i++)
		a->polled[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	a->polled[count] = (struct pollfd){ .fd = sys_waker_new(), .events = POLLIN };
	a->reserve = open_reserve();
	if (a->reserve < 0 || a->polled[count].fd < 0 ||
	    !thread_start(&a->thread, "acceptor", run, a)) {
		acceptor_destroy(a);
		return NULL;
	}
	return a;
}

void acceptor_free(struct acceptor **a)
{
	if (!*a)
		return;
	atomic_store(&(*a)->stop, true);
	sys_wake((*a)->polled[(*a)->count].fd);
	pthread_join((*a)->thread, NULL);
	acceptor_destroy(*a);
	*a = NULL;
}
