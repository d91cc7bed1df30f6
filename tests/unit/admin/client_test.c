/* Asking a gateway that takes a change and says nothing of it. */
#include "admin/client.h"
#include "admin/socket.h"
#include "config/datadir.h"
#include "tests/check.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Holds the lock, reads each request to its end, and hangs up. */
struct mute {
	char path[700];
	str dir;
	int lock, listener, stop;
	unsigned requests;
	pthread_t thread;
};

static bool read_request(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char byte = 0;

	while (fd >= 0 && byte != '\n' && recv(fd, &byte, 1, 0) == 1)
		;
	close(fd);
	return byte == '\n';
}

static void *run(void *arg)
{
	struct mute *m = arg;
	struct pollfd fds[] = { { m->stop, POLLIN, 0 }, { m->listener, POLLIN, 0 } };

	while (poll(fds, 2, -1) > 0 && !fds[0].revents)
		m->requests += read_request(m->listener);
	return NULL;
}

static bool mute_init(struct mute *m, const char *name, struct buf *why)
{
	snprintf(m->path, sizeof(m->path), "%s/%s", test_dir(), name);
	m->dir = str_from_z(m->path);
	if (!CHECK(datadir_make(m->dir, why) && datadir_lock(m->dir, &m->lock, why)))
		return false;
	m->listener = admin_listen(m->dir, why);
	m->stop = eventfd(0, EFD_CLOEXEC);
	return CHECK(m->listener >= 0 && pthread_create(&m->thread, NULL, run, m) == 0);
}

static void mute_done(struct mute *m)
{
	eventfd_write(m->stop, 1);
	pthread_join(m->thread, NULL);
	close(m->listener);
	close(m->stop);
	close(m->lock);
}

TEST(a_change_is_not_sent_again_when_its_answer_is_lost)
{
	struct buf why = BUF_LIMIT(KiB), answer = { 0 };
	struct json_value value;
	bool is_asked = false;
	struct mute m = { 0 };

	if (!mute_init(&m, "mute", &why))
		return;
	CHECK(!admin_ask_holder(m.dir, STR("{\"do\":\"tenant_rotate\"}"), &answer, &value,
	                        &is_asked, &why));
	CHECK(is_asked);
	CHECK(str_has(buf_str(&why), STR("may have been done")));
	mute_done(&m);
	CHECK_INT(m.requests, 1);
	buf_free(&why);
	buf_free(&answer);
}

TEST(where_nobody_runs_nobody_was_asked)
{
	struct buf why = BUF_LIMIT(KiB), answer = { 0 };
	struct json_value value;
	bool is_asked = true;
	char path[700];

	snprintf(path, sizeof(path), "%s/nobody", test_dir());
	CHECK(datadir_make(str_from_z(path), &why));
	CHECK(!admin_ask_holder(str_from_z(path), STR("{}"), &answer, &value, &is_asked,
	                        &why));
	CHECK(!is_asked);
	CHECK_STR(buf_str(&why), "");
	buf_free(&why);
	buf_free(&answer);
}
