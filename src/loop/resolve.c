/* resolve.c - names to addresses: who is watched, and what is published.
 *
 * Each name has two slots and a counter of publications; the thread fills the slot nobody
 * reads and then counts, a reader copies the slot the counter points to and looks whether
 * it was overtaken.  So readers take no lock and never wait, and an answer costs no
 * memory. Asking is in resolve_thread.c. */
#include "loop/resolve_private.h"

#include "base/mem.h"
#include "loop/private.h"
#include "loop/sys.h"
#include "loop/thread.h"

static const struct resolver_times usual_times = {
	.refresh_least = 5 * USEC_SEC,
	.refresh_most = 10 * USEC_MIN,
	.retry_first = USEC_SEC,
	.retry_most = USEC_MIN,
	.keep = USEC_HOUR,
	.timeout_ms = 2000,
	.tries = 3,
};

static void store_ip(struct slot *slot, unsigned i, const struct net_addr *a)
{
	uint64_t words[2];
	uint8_t ip[16] = { [10] = 0xff, [11] = 0xff };

	if (a->sa.sa_family == AF_INET)
		memcpy(ip + 12, &a->in.sin_addr, 4);
	else
		memcpy(ip, &a->in6.sin6_addr, 16);
	memcpy(words, ip, sizeof(words));
	/* Releasing, so that no word is seen before the count that gave up this slot. */
	atomic_store_explicit(&slot->ip[i][0], words[0], memory_order_release);
	atomic_store_explicit(&slot->ip[i][1], words[1], memory_order_release);
}

static struct net_addr load_ip(const struct slot *slot, unsigned i, uint16_t port)
{
	struct net_addr a = { .len = sizeof(a.in6) };
	uint64_t words[2] = {
		atomic_load_explicit(&slot->ip[i][0], memory_order_acquire),
		atomic_load_explicit(&slot->ip[i][1], memory_order_acquire),
	};

	a.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
		                       .sin6_port = htons(port) };
	memcpy(&a.in6.sin6_addr, words, sizeof(words));
	net_unmap(&a);
	return a;
}

void resolved_publish(struct resolved *e, const struct net_addr *from, unsigned count,
                      fault_t why)
{
	unsigned next = atomic_load_explicit(&e->published, memory_order_relaxed) + 1;
	struct slot *slot = &e->slots[next & 1];

	atomic_store_explicit(&slot->count, count, memory_order_release);
	atomic_store_explicit(&slot->why, why, memory_order_release);
	for (unsigned i = 0; i < count; i++)
		store_ip(slot, i, &from[i]);
	atomic_store_explicit(&e->published, next, memory_order_release);
}

unsigned resolved_get(const struct resolved *e, struct net_addr *ret, fault_t *ret_why)
{
	unsigned published, count;

	if (e->literal.len) {
		ret[0] = e->literal;
		return 1;
	}
	do {
		published = atomic_load_explicit(&e->published, memory_order_acquire);
		const struct slot *slot = &e->slots[published & 1];

		count = atomic_load_explicit(&slot->count, memory_order_acquire);
		*ret_why = atomic_load_explicit(&slot->why, memory_order_acquire);
		for (unsigned i = 0; i < count; i++)
			ret[i] = load_ip(slot, i, e->port);
	} while (atomic_load_explicit(&e->published, memory_order_relaxed) != published);
	return count;
}

/* The first look-up has ended: whoever waits for it is told. */
void resolved_tell(struct resolved *e)
{
	pthread_mutex_lock(&e->resolver->lock);
	struct waiter *w = move(e->waiters);
	pthread_mutex_unlock(&e->resolver->lock);
	while (w) {
		struct waiter *told = w;

		w = w->next;
		told->wake(told->arg);
		free(told);
	}
}

void resolved_notify(struct resolved *e, void (*wake)(void *), void *arg)
{
	struct waiter *w = new_of(struct waiter);

	*w = (struct waiter){ .wake = wake, .arg = arg };
	pthread_mutex_lock(&e->resolver->lock);
	bool wait = !e->literal.len && atomic_load(&e->published) == 0;
	if (wait) {
		w->next = e->waiters;
		e->waiters = w;
	}
	pthread_mutex_unlock(&e->resolver->lock);
	if (!wait) {
		free(w);
		wake(arg);
	}
}

static bool is_label(str label)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = char_lower(label.ptr[i]);

		if (!char_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
			return false;
	}
	return label.len > 0 && label.len <= 63;
}

/* "127.1", "0x7f000001", "2130706433": what some readers take for IPv4 ends in a number,
 * and no name does. */
static bool is_number(str label)
{
	uint64_t unused;

	return str_starts_nocase(label, STR("0x")) || str_to_u64(label, &unused);
}

static bool is_name(str host)
{
	str label = STR_NONE;

	if (str_ends(host, STR(".")))
		host = str_first(host, host.len - 1);
	if (host.len == 0 || host.len > 253 || str_ends(host, STR(".")))
		return false;
	while (host.len > 0) {
		label = str_cut(&host, '.');
		if (!is_label(label))
			return false;
	}
	return !is_number(label);
}

/* Never asked of a server (RFC 6761). */
static bool is_localhost(str host)
{
	if (str_ends(host, STR(".")))
		host = str_first(host, host.len - 1);
	str end = str_from(host, host.len - min_of(host.len, (size_t)9));
	return str_eq_nocase(end, STR("localhost")) &&
	       (host.len == 9 || host.ptr[host.len - 10] == '.');
}

static void publish_localhost(struct resolved *e)
{
	struct net_addr at[2];

	if (!e->allow_private)
		resolved_publish(e, NULL, 0, FAULT_ADDRESS_FORBIDDEN);
	else if (net_parse_ip(STR("127.0.0.1"), e->port, &at[0]) &&
	         net_parse_ip(STR("::1"), e->port, &at[1]))
		resolved_publish(e, at, 2, NULL);
}

/* What is known without asking anybody is published here and for ever. */
static struct resolved *resolved_new(struct resolver *r, str host, uint16_t port,
                                     bool allow_private)
{
	struct resolved *e = new_of(struct resolved);

	*e = (struct resolved){ .resolver = r,
		                .host = mem_copy_z(host),
		                .port = port,
		                .allow_private = allow_private,
		                .ask_at = USEC_NEVER,
		                .retry = r->times.retry_first };
	bool is_unix = str_starts(host, STR("unix:"));
	if (is_unix ? net_parse(host, &e->literal)
	            : net_parse_ip(host, port, &e->literal))
		return e;
	if (is_localhost(host))
		publish_localhost(e);
	else if (!is_name(host))
		resolved_publish(e, NULL, 0, FAULT_NAME_UNKNOWN);
	else
		e->ask_at = 0;
	return e;
}

static struct resolved *find_name(struct resolver *r, str host, uint16_t port,
                                  bool allow_private)
{
	for (struct resolved *e = atomic_load(&r->names); e; e = e->next) {
		if (e->port == port && e->allow_private == allow_private &&
		    str_eq_nocase(str_from_z(e->host), host))
			return e;
	}
	return NULL;
}

struct resolved *resolver_watch(struct resolver *r, str host, uint16_t port,
                                bool allow_private)
{
	pthread_mutex_lock(&r->lock);
	struct resolved *e = find_name(r, host, port, allow_private);
	if (!e) {
		e = resolved_new(r, host, port, allow_private);
		bool wants_thread = e->ask_at != USEC_NEVER;
		if (wants_thread && !r->has_thread)
			r->has_thread =
			        thread_start(&r->thread, "resolver", resolver_run, r);
		if (wants_thread && !r->has_thread)
			resolved_publish(e, NULL, 0, FAULT_NAME_UNKNOWN);
		e->next = atomic_load(&r->names);
		atomic_store(&r->names, e);
		if (wants_thread)
			sys_wake(r->waker);
	}
	pthread_mutex_unlock(&r->lock);
	return e;
}

struct resolver *resolver_new(void)
{
	return resolver_new_with(&usual_times, NULL);
}

struct resolver *resolver_new_with(const struct resolver_times *times,
                                   const char *servers)
{
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return NULL;
	struct resolver *r = new_of(struct resolver);
	r->times = *times;
	r->servers = servers ? mem_copy_z(str_from_z(servers)) : NULL;
	r->waker = sys_waker_new();
	pthread_mutex_init(&r->lock, NULL);
	if (r->waker < 0)
		resolver_free(&r);
	return r;
}

static void resolved_free(struct resolved *e)
{
	while (e->waiters) {
		struct waiter *w = e->waiters;

		e->waiters = w->next;
		free(w);
	}
	free(e->host);
	free(e);
}

void resolver_free(struct resolver **r)
{
	struct resolver *old = move(*r);

	if (!old)
		return;
	atomic_store(&old->stop, true);
	if (old->has_thread) {
		sys_wake(old->waker);
		pthread_join(old->thread, NULL);
	}
	for (struct resolved *e = atomic_load(&old->names), *next; e; e = next) {
		next = e->next;
		resolved_free(e);
	}
	if (old->waker >= 0)
		sys_close(old->waker);
	pthread_mutex_destroy(&old->lock);
	free(old->servers);
	free(old);
	ares_library_cleanup();
}
