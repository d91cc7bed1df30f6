/* acceptor.c - a thread that accepts connections and gives each to a worker.
 *
 * It sleeps in poll over the listeners and one waker, and takes what has come from each,
 * in turn.  Without descriptors left it gives its own reserve back, so that the rest of
 * the process can still open one, and looks again ten times a second.  The kernel gives
 * the lowest number that is free: so a new one's says whether there are any below those
 * that are left for others. */
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
	struct acceptor_owner owner;
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

static bool is_beyond(const struct acceptor *a, int fd)
{
	return a->owner.most && fd >= a->owner.most;
}

static bool is_full(const struct acceptor *a)
{
	int fd = a->owner.most ? open_reserve() : -1;
	bool is = a->owner.most && (fd < 0 || is_beyond(a, fd));

	if (fd >= 0)
		close(fd);
	return is;
}

/* 0, or why the next accept would fail too: -errno. */
static int accept_round(struct acceptor *a, unsigned listener)
{
	for (unsigned i = 0; i < ROUND_MOST; i++) {
		struct net_addr peer;
		int fd = sys_accept(a->polled[listener].fd, &peer);

		if (fd >= 0)
			a->owner.on_accepted(a->owner.arg, (int)listener, fd, &peer);
		if (is_beyond(a, fd))
			return -EMFILE;
		if (fd == -EAGAIN)
			return 0;
		if (fd < 0 && will_recur(fd))
			return fd;
	}
	return 0;
}

static void pause_accepting(struct acceptor *a, int error)
{
	if (a->owner.on_stuck)
		a->owner.on_stuck(a->owner.arg, -error);
	do {
		if (a->reserve >= 0)
			close(a->reserve);
		poll(&a->polled[a->count], 1, PAUSE_MS);
		/* If this fails the next accept does too, and we are back here. */
		a->reserve = open_reserve();
	} while (is_full(a) && !atomic_load(&a->stop));
}

static void *run(void *arg)
{
	struct acceptor *a = arg;

	while (!atomic_load(&a->stop)) {
		int error = 0;

		if (poll(a->polled, a->count + 1, -1) < 0)
			continue;
		for (unsigned i = 0; i < a->count && !error; i++) {
			if (a->polled[i].revents)
				error = accept_round(a, i);
		}
		if (error)
			pause_accepting(a, error);
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

struct acceptor *acceptor_new(const int *fds, unsigned count,
                              const struct acceptor_owner *owner)
{
	struct acceptor *a = mem_new(sizeof(*a) + (count + 1) * sizeof(a->polled[0]));

	a->owner = *owner;
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
