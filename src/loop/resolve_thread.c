/* resolve_thread.c - asking for names (c-ares): when, and what an answer is worth.
 *
 * A name is asked for again before its answer grows old, and after a failure sooner.  A
 * channel lives only while questions are under way: the next one reads resolv.conf anew,
 * and an idle resolver holds no sockets. */
#include "loop/resolve_private.h"
#include "loop/sys.h"

#include <poll.h>

/* An answer, while it is sorted: what is first in each family stays first. */
struct answer {
	struct net_addr by_family[2][RESOLVED_MOST];
	unsigned count[2];
	unsigned first; /* the family of the very first */
	unsigned ttl;   /* seconds */
	bool has_private;
};

static void add_node(struct answer *a, const struct ares_addrinfo_node *node)
{
	struct net_addr addr = { .len = sizeof(addr.in6) };
	unsigned family = node->ai_family == AF_INET6;

	if (node->ai_family != AF_INET && node->ai_family != AF_INET6)
		return;
	addr.len = family ? sizeof(addr.in6) : sizeof(addr.in);
	memcpy(&addr.sa, node->ai_addr, addr.len);
	if (a->count[0] + a->count[1] == 0)
		a->first = family;
	/* All are judged, also those beyond what we keep. */
	a->has_private |= net_is_private(&addr);
	if (a->count[family] < RESOLVED_MOST)
		a->by_family[family][a->count[family]++] = addr;
	a->ttl = min_of(a->ttl, (unsigned)max_of(node->ai_ttl, 0));
}

/* Families take turns, so that one that is broken here costs one attempt, not all. */
static unsigned take_turns(const struct answer *a, struct net_addr *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RESOLVED_MOST; i++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned family = a->first ^ turn;

			if (i < a->count[family] && n < RESOLVED_MOST)
				ret[n++] = a->by_family[family][i];
		}
	}
	return n;
}

static void take_answer(struct resolved *e, const struct ares_addrinfo *result, usec now)
{
	const struct resolver_times *times = &e->resolver->times;
	struct net_addr addrs[RESOLVED_MOST];
	struct answer a = { .ttl = UINT32_MAX };

	for (const struct ares_addrinfo_node *n = result->nodes; n; n = n->ai_next)
		add_node(&a, n);
	for (const struct ares_addrinfo_cname *c = result->cnames; c; c = c->next)
		a.ttl = min_of(a.ttl, (unsigned)max_of(c->ttl, 0));
	/* Asked again before it is old, for the look-up takes its time too. */
	usec life = (usec)a.ttl * USEC_SEC / 4 * 3;
	life = max_of(life, times->refresh_least);
	e->ask_at = now + min_of(life, times->refresh_most);
	e->retry = times->retry_first;
	if (a.has_private && !e->allow_private) {
		e->good_until = 0;
		resolved_publish(e, NULL, 0, FAULT_ADDRESS_FORBIDDEN);
		return;
	}
	e->good_until = now + times->keep;
	resolved_publish(e, addrs, take_turns(&a, addrs), NULL);
}

static void take_failure(struct resolved *e, usec now)
{
	const struct resolver_times *times = &e->resolver->times;
	struct net_addr unused[RESOLVED_MOST];
	fault_t why;

	e->ask_at = now + e->retry;
	e->retry = min_of(2 * e->retry, times->retry_most);
	if (now < e->good_until)
		return;
	/* A refusal stays one: failing to answer again does not make it a failure. */
	if (resolved_get(e, unused, &why) > 0 || why != FAULT_ADDRESS_FORBIDDEN)
		resolved_publish(e, NULL, 0, FAULT_NAME_UNKNOWN);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
	struct resolved *e = arg;

	e->asking = false;
	e->resolver->under_way--;
	if (status == ARES_EDESTRUCTION) /* we are stopping */
		return;
	if (status == ARES_SUCCESS && result && result->nodes)
		take_answer(e, result, sys_now());
	else
		take_failure(e, sys_now());
	ares_freeaddrinfo(result);
	resolved_tell(e);
}

static bool open_channel(struct resolver *r)
{
	struct ares_options options = { .timeout = r->times.timeout_ms,
		                        .tries = r->times.tries };

	if (r->channel)
		return true;
	if (ares_init_options(&r->channel, &options,
	                      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS) {
		r->channel = NULL;
		return false;
	}
	return !r->servers ||
	       ares_set_servers_ports_csv(r->channel, r->servers) == ARES_SUCCESS;
}

static void ask(struct resolver *r, struct resolved *e)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
		                             .ai_socktype = SOCK_STREAM };

	e->asking = true;
	r->under_way++;
	if (open_channel(r))
		ares_getaddrinfo(r->channel, e->host, NULL, &hints, on_answer, e);
	else
		on_answer(e, ARES_ENOMEM, 0, NULL);
}

/* Asks for whatever is due; returns when the next one is. */
static usec ask_all_due(struct resolver *r)
{
	usec now = sys_now(), next = USEC_NEVER;

	for (struct resolved *e = atomic_load(&r->names); e; e = e->next) {
		if (!e->asking && e->ask_at <= now)
			ask(r, e);
		if (!e->asking)
			next = min_of(next, e->ask_at);
	}
	return next;
}

static int poll_timeout(struct resolver *r, usec next)
{
	usec wait = next == USEC_NEVER ? USEC_HOUR : max_of(next - sys_now(), (usec)0);
	struct timeval due;

	if (r->channel && ares_timeout(r->channel, NULL, &due))
		wait = min_of(wait, (usec)due.tv_sec * USEC_SEC + due.tv_usec);
	return (int)((wait + USEC_MS - 1) / USEC_MS);
}

/* Sleeps until a server answers, a question is overdue, or the next is to be asked. */
static void wait_for_answers(struct resolver *r, usec next)
{
	struct pollfd fds[ARES_GETSOCK_MAXNUM + 1] = { { .fd = r->waker,
		                                         .events = POLLIN } };
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	nfds_t count = 1;
	/* One bit for each socket to be read, and behind those one for each to be
	 * written. */
	unsigned bits = 0;

	if (r->channel)
		bits = (unsigned)ares_getsock(r->channel, sockets, ARES_GETSOCK_MAXNUM);
	for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		int events = (bits >> i & 1 ? POLLIN : 0) |
		             (bits >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0);

		if (events)
			fds[count++] = (struct pollfd){ sockets[i], (short)events, 0 };
	}
	if (poll(fds, count, poll_timeout(r, next)) > 0 && fds[0].revents)
		sys_waker_clear(r->waker);
	if (!r->channel)
		return;
	for (nfds_t i = 1; i < count; i++) {
		bool in = fds[i].revents & ~POLLOUT, out = fds[i].revents & ~POLLIN;

		if (in || out)
			ares_process_fd(r->channel, in ? fds[i].fd : ARES_SOCKET_BAD,
			                out ? fds[i].fd : ARES_SOCKET_BAD);
	}
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void close_channel(struct resolver *r)
{
	if (r->channel)
		ares_destroy(r->channel);
	r->channel = NULL;
}

void *resolver_run(void *arg)
{
	struct resolver *r = arg;

	while (!atomic_load(&r->stop)) {
		wait_for_answers(r, ask_all_due(r));
		if (r->under_way == 0)
			close_channel(r);
	}
	close_channel(r);
	return NULL;
}
