#include "loop/acceptor.h"

#include "loop/sys.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 8 };

static _Atomic int accepted, on_second;
static int taken[64];

static void on_accepted(void *arg, int listener, int fd, const struct net_addr *peer)
{
	CHECK(net_is_loopback(peer));
	if (listener == 1)
		atomic_fetch_add(&on_second, 1);
	taken[atomic_load(&accepted)] = fd;
	atomic_fetch_add(&accepted, 1);
}

static _Atomic int stuck;

static void on_stuck(void *arg, int error)
{
	CHECK_INT(error, EMFILE);
	atomic_fetch_add(&stuck, 1);
}

static const struct acceptor_owner owner = { .on_accepted = on_accepted };

static bool wait_for(_Atomic int *counter, int want)
{
	for (int i = 0; i < 1000 && atomic_load(counter) < want; i++)
		usleep(1000);
	return atomic_load(counter) == want;
}

static void close_taken(void)
{
	for (int i = 0; i < atomic_load(&accepted); i++)
		close(taken[i]);
	atomic_store(&accepted, 0);
	atomic_store(&on_second, 0);
}

static int listen_at(struct net_addr *at)
{
	if (!net_parse(STR("127.0.0.1:0"), at))
		return -1;
	int fd = sys_listen(at, 64);
	CHECK(fd >= 0 && sys_local_addr(fd, at) == 0);
	return fd;
}

TEST(acceptor_takes_from_all_listeners)
{
	struct net_addr at[2];
	int fds[2] = { listen_at(&at[0]), listen_at(&at[1]) };
	int clients[CLIENTS];

	CHECK_INT(sys_adopt_listener(fds[1]), 0);
	struct acceptor *a = acceptor_new(fds, 2, &owner);
	CHECK(a);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = sys_connect(&at[i % 2]);
	CHECK(wait_for(&accepted, CLIENTS));
	CHECK_INT(atomic_load(&on_second), CLIENTS / 2);
	acceptor_free(&a);
	CHECK(!a);
	acceptor_free(&a);
	close_taken();
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(fds[0]);
	close(fds[1]);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The reserve is free nearly all the time. */
static bool can_open_something(void)
{
	for (int i = 0; i < 20; i++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fd >= 0) {
			close(fd);
			return true;
		}
		usleep(3000);
	}
	return false;
}

/* G23 */
TEST(acceptor_pauses_without_descriptors_and_goes_on_with_them)
{
	struct net_addr at;
	struct rlimit before, low;
	int listener = listen_at(&at), clients[CLIENTS];
	struct acceptor *a = acceptor_new(&listener, 1, &owner);

	CHECK(a);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = (rlim_t)dup(0); /* the lowest free one */
	close((int)low.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &low);
	CHECK(open("/dev/null", O_RDONLY) < 0 && errno == EMFILE);
	for (int i = 0; i < CLIENTS; i++)
		CHECK_INT(connect(clients[i], &at.sa, at.len), 0);
	double cpu = cpu_seconds();
	usleep(150000);
	CHECK(can_open_something());
	usleep(150000);
	CHECK(cpu_seconds() - cpu < 0.1);
	CHECK_INT(atomic_load(&accepted), 0);
	setrlimit(RLIMIT_NOFILE, &before);
	CHECK(wait_for(&accepted, CLIENTS));
	acceptor_free(&a);
	close_taken();
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(listener);
}

/* So many were taken that what is left is for dialling. */
TEST(acceptor_leaves_descriptors_for_others)
{
	struct acceptor_owner modest = { .on_accepted = on_accepted,
		                         .on_stuck = on_stuck };
	struct net_addr at;
	int listener = listen_at(&at), clients[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		clients[i] = sys_connect(&at);
	int reserve = dup(0), waker = dup(0); /* its own two */
	modest.most = waker + 3;
	close(reserve);
	close(waker);
	struct acceptor *a = acceptor_new(&listener, 1, &modest);
	CHECK(a);
	CHECK(wait_for(&stuck, 1));
	CHECK_INT(atomic_load(&accepted), 3);
	CHECK_INT(taken[2], modest.most);
	close(taken[0]);
	close(taken[1]);
	close(taken[2]);
	CHECK(wait_for(&stuck, 2));
	CHECK_INT(atomic_load(&accepted), 6);
	acceptor_free(&a);
	for (int i = 0; i < 3; i++)
		taken[i] = taken[3 + i];
	atomic_store(&accepted, 3);
	close_taken();
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(listener);
}
