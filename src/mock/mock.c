/* mock.c - the mock provider's thread: a loop, a listening socket, an HTTP server.
 *
 * One thread is enough: it answers from tables.  What it is asked and what it says is the
 * business of call.c. */
#include "mock/mock.h"

#include "base/mem.h"
#include "loop/thread.h"
#include "mock/call.h"

#include <errno.h>
#include <string.h>

enum { BACKLOG = 1024, RETRY_MS = 100 };

/* Called at each edge, so it takes all that wait. */
static void accept_all(struct mock *m)
{
	struct net_addr peer;
	int fd;

	while ((fd = sys_accept(m->listener.fd, &peer)) != -EAGAIN) {
		if (fd == -ECONNABORTED || fd == -EINTR)
			continue; /* that one has gone before we came */
		if (fd < 0) {
			timer_set(&m->loop, &m->retry, m->loop.now + RETRY_MS * USEC_MS);
			return;
		}
		if (m->server.open < CONNS_MOST)
			http_server_add(&m->server, fd, &peer, NULL);
		else
			sys_close(fd);
	}
}

static void on_connection(struct io *io, unsigned what)
{
	accept_all(container_of(io, struct mock, listener));
}

static void on_retry(struct timer *t)
{
	accept_all(container_of(t, struct mock, retry));
}

/* The only letter there is says: stop. */
static void on_wake(struct loop *loop)
{
	loop->stop = true;
}

static void *run(void *arg)
{
	struct mock *m = arg;

	loop_run(&m->loop);
	http_server_done(&m->server);
	return NULL;
}

static void destroy(struct mock *m)
{
	if (m->listener.fd >= 0)
		sys_close(m->listener.fd);
	if (m->bill)
		fclose(m->bill);
	http_io_done(&m->io);
	loop_done(&m->loop);
	free(m);
}

static bool listen_at(struct mock *m, const struct net_addr *at, struct buf *why)
{
	int error;

	m->listener.fd = sys_listen(at, BACKLOG);
	error = m->listener.fd < 0 ? m->listener.fd : loop_watch(&m->loop, &m->listener);
	if (error == 0)
		error = sys_local_addr(m->listener.fd, &m->at);
	if (error == 0)
		return true;
	buf_add(why, STR("the mock provider cannot listen at "));
	net_print(at, why);
	buf_addf(why, ": %s", strerror(-error));
	return false;
}

struct mock *mock_new(const struct mock_options *options, struct buf *why)
{
	struct mock *m = new_of(struct mock);

	m->listener = (struct io){ .fd = -1, .on_event = on_connection };
	m->name = options->name;
	m->any_model = options->any_model;
	m->retry.on_due = on_retry;
	if (options->bill && !(m->bill = fopen(options->bill, "ae"))) {
		buf_addf(why, "the bill %s cannot be written: %s", options->bill,
		         strerror(errno));
		free(m);
		return NULL;
	}
	if (!loop_init(&m->loop, on_wake)) {
		buf_add(why, STR("the mock provider has no descriptors left"));
		if (m->bill)
			fclose(m->bill);
		free(m);
		return NULL;
	}
	http_io_init(&m->io, &m->loop);
	m->server = (struct http_server){
		.io = &m->io,
		.ops = &call_ops,
		.limits = &http_limits_default,
		.owner = m,
	};
	http_server_init(&m->server);
	if (!listen_at(m, options->at, why)) {
		destroy(m);
		return NULL;
	}
	return m;
}

struct loop *mock_loop(struct mock *m)
{
	return &m->loop;
}

void mock_free(struct mock **m)
{
	if (!*m)
		return;
	http_server_done(&(*m)->server);
	destroy(*m);
	*m = NULL;
}

struct mock *mock_start(const struct mock_options *options, struct buf *why)
{
	struct mock *m = mock_new(options, why);

	if (m && !thread_start(&m->thread, "mock", run, m)) {
		buf_add(why, STR("the mock provider's thread does not start"));
		destroy(m);
		return NULL;
	}
	return m;
}

void mock_stop(struct mock **m)
{
	if (!*m)
		return;
	loop_wake(&(*m)->loop);
	pthread_join((*m)->thread, NULL);
	destroy(*m);
	*m = NULL;
}

const struct net_addr *mock_address(const struct mock *m)
{
	return &m->at;
}
