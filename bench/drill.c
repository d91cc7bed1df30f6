/* drill.c - what failures cost: providers that fail in every way, and clients that
 * measure the time to their first token, in one process with one clock.
 *
 * Started by bench/drill, which runs the gateway between the two.  On stdout first the
 * ports of the providers, then, after a line on stdin with the gateway's port, one line
 * of JSON with the figures.  Blocking threads throughout: the gateway is what is
 * measured, and what we add is the same with and without a failure.
 *
 * What a provider does is told by the first letter of its path ("/e17/v1/..."):
 *   g  answers at once              e  500          r  reset after the request
 *   s  answers after a random time  h  the same, but one in twenty never while it storms
 *   p  500 until it is back; its first answer then takes 50 ms */
#include "net.h"

#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
	SAMPLES_MOST = 8192,
	CLIENTS = 16,
	HOLES = 5,
	HOLE_ASKS = 8,
	REFUSED = 40, /* providers: a configuration has 256 at most */
	ERRORS = 120,
	TIMES = 2, /* each is asked: not enough for a breaker */
	DIRECT = 300,
	TRAINING = 640,
	CALM = 1600,
	STORM = 3200,
};

static _Atomic uint64_t failed_at, next_at; /* of the last failure, of what followed */
static _Atomic uint64_t back_at;            /* 0: provider p is ill */
static _Atomic bool storms;
static _Atomic unsigned asked_s, asked_h, asked_p, served_p;
static struct sockaddr_in gateway;

/* ---- providers ---- */

static void sleep_ns(uint64_t ns)
{
	struct timespec span = { .tv_sec = (time_t)(ns / NS_PER_S),
		                 .tv_nsec = (long)(ns % NS_PER_S) };

	nanosleep(&span, NULL);
}

/* 0 <= x < 1, the same in each run. */
static double chance(void)
{
	static _Atomic uint64_t state = 0x9e3779b97f4a7c15u;
	uint64_t x = atomic_fetch_add(&state, 0x9e3779b97f4a7c15u);

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

/* 20 ms at least, with a tail: half take 31 ms, one in twenty 68. */
static void take_time(void)
{
	sleep_ns((uint64_t)((20.0 - 16.0 * log(1.0 - chance())) * NS_PER_MS));
}

static void say_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void answer(int fd)
{
	static const char text[] =
	        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	        "Content-Length: 142\r\n\r\n"
	        "data: "
	        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"token\"}}]}\n\n"
	        "data: "
	        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
	        "\n\n"
	        "data: [DONE]\n\n";

	say_all(fd, text);
}

/* False: the connection has ended. */
static bool serve(int fd, const char *request)
{
	switch (strncmp(request, "POST /", 6) == 0 ? request[6] : 0) {
	case 'e':
		atomic_store(&failed_at, now_ns());
		say_all(fd, "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");
		return true;
	case 'r': {
		struct linger hard = { .l_onoff = 1 };

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		atomic_store(&failed_at, now_ns());
		return false;
	}
	case 'h':
		atomic_fetch_add(&asked_h, 1);
		if (atomic_load(&storms) && chance() < 0.05) {
			struct pollfd gone = { .fd = fd, .events = POLLIN };

			poll(&gone, 1, 120 * 1000);
			return false;
		}
		take_time();
		break;
	case 's':
		atomic_fetch_add(&asked_s, 1);
		take_time();
		break;
	case 'p':
		if (!atomic_load(&back_at)) {
			say_all(fd, "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");
			return true;
		}
		atomic_fetch_add(&asked_p, 1);
		if (atomic_load(&served_p) == 0)
			sleep_ns(50 * NS_PER_MS);
		atomic_fetch_add(&served_p, 1);
		break;
	case 0:
		return false;
	}
	answer(fd);
	return true;
}

/* One request after the other; its body is as long as it says. */
static void *keep_serving(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char in[16 * 1024];
	size_t len = 0;

	for (;;) {
		char *end, *at;
		ssize_t n = recv(fd, in + len, sizeof(in) - 1 - len, 0);

		if (n <= 0)
			break;
		if (len == 0)
			atomic_store(&next_at, now_ns());
		len += (size_t)n;
		in[len] = 0;
		end = strstr(in, "\r\n\r\n");
		at = strcasestr(in, "\r\ncontent-length:");
		if (!end || !at ||
		    len < (size_t)(end + 4 - in) + strtoul(at + 17, NULL, 10))
			continue;
		if (!serve(fd, in))
			break;
		len = 0;
	}
	close(fd);
	return NULL;
}

static void spawn(void *(*run)(void *), void *arg)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 128 * 1024);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &small, run, arg))
		die("pthread_create");
	pthread_attr_destroy(&small);
}

static void *keep_accepting(void *arg)
{
	int one = 1, fd;

	while ((fd = accept((int)(intptr_t)arg, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		spawn(keep_serving, (void *)(intptr_t)fd);
	}
	return NULL;
}

static int bound(unsigned *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		die("bind");
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void serve_on(int fd)
{
	if (listen(fd, 512) < 0)
		die("listen");
	spawn(keep_accepting, (void *)(intptr_t)fd);
}

/* A listener whose queue is full drops each SYN, like a host that is gone. */
static void make_hole(int fd, unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (listen(fd, 0) < 0)
		die("listen");
	for (int i = 0; i < 64; i++) {
		int filler =
		        socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct pollfd done = { .fd = filler, .events = POLLOUT };

		connect(filler, (struct sockaddr *)&at, sizeof(at));
		if (poll(&done, 1, 200) == 0)
			return;
	}
	die("filling a queue");
}

/* ---- clients ---- */

struct asker {
	int fd;
	char provider[32];
};

static void dial(struct asker *a)
{
	int one = 1;
	struct timeval most = { .tv_sec = 60 };

	a->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&gateway, sizeof(gateway)) < 0)
		die("connecting to the gateway");
	setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
}

/* Nanoseconds until the first token; the whole answer is read. */
static uint64_t ask(struct asker *a, const char *route)
{
	char text[512], body[128], in[8 * 1024];
	uint64_t began, token = 0;
	size_t len = 0;
	int n;

	n = snprintf(body, sizeof(body),
	             "{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\","
	             "\"content\":\"hi\"}]}",
	             route);
	snprintf(text, sizeof(text),
	         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	         n, body);
	began = now_ns();
	say_all(a->fd, text);
	for (;;) {
		ssize_t got = recv(a->fd, in + len, sizeof(in) - 1 - len, 0);

		if (got <= 0)
			die(route);
		len += (size_t)got;
		in[len] = 0;
		if (!token && strstr(in, "token"))
			token = now_ns();
		if (strstr(in, "\r\n0\r\n\r\n"))
			break;
		if (!strncmp(in, "HTTP/1.1 ", 9) && strncmp(in + 9, "200", 3)) {
			fprintf(stderr, "bench: %s: %.200s\n", route, in);
			exit(1);
		}
	}
	const char *who = strstr(in, "x-sluice-provider: ");
	snprintf(a->provider, sizeof(a->provider), "%.*s",
	         who ? (int)strcspn(who + 19, "\r") : 0, who ? who + 19 : "");
	return token - began;
}

/* ---- figures ---- */

struct samples {
	uint64_t list[SAMPLES_MOST];
	_Atomic unsigned count;
};

static void add(struct samples *s, uint64_t ns)
{
	unsigned at = atomic_fetch_add(&s->count, 1);

	if (at < SAMPLES_MOST)
		s->list[at] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

/* In microseconds. */
static double quantile(struct samples *s, unsigned per_mille)
{
	if (s->count == 0)
		return 0;
	qsort(s->list, s->count, sizeof(s->list[0]), compare);
	return (double)s->list[(uint64_t)(s->count - 1) * per_mille / 1000] / NS_PER_US;
}

static void print(const char *name, double value)
{
	printf("\"%s\":%.1f,", name, value);
}

static struct samples now; /* of the figure that is being taken */

static double measure_direct(struct asker *a)
{
	now.count = 0;
	for (int i = 0; i < DIRECT; i++) {
		uint64_t took = ask(a, "direct");

		if (i >= DIRECT / 3)
			add(&now, took);
	}
	print("direct_p50_us", quantile(&now, 500));
	print("direct_p99_us", quantile(&now, 990));
	return quantile(&now, 500);
}

/* Each provider fails but a few times, so that no breaker hides what a failure costs. */
static void measure_failure(struct asker *a, const char *name, unsigned providers,
                            double direct)
{
	static struct samples between;
	char route[64], figure[64];

	now.count = between.count = 0;
	for (unsigned i = 0; i < providers * TIMES; i++) {
		snprintf(route, sizeof(route), "%s%u", name, i % providers);
		ask(a, "direct"); /* keeps the connection to the next target warm */
		add(&now, ask(a, route));
		if (name[0] != 'c')
			add(&between, atomic_load(&next_at) - atomic_load(&failed_at));
	}
	snprintf(figure, sizeof(figure), "%s_delay_p50_us", name);
	print(figure, quantile(&now, 500) - direct);
	snprintf(figure, sizeof(figure), "%s_delay_p99_us", name);
	print(figure, quantile(&now, 990) - direct);
	snprintf(figure, sizeof(figure), "%s_to_next_p50_us", name);
	print(figure, quantile(&between, 500));
	snprintf(figure, sizeof(figure), "%s_to_next_p99_us", name);
	print(figure, quantile(&between, 990));
}

static void measure_holes(struct asker *a, double direct)
{
	static struct samples later;
	char route[64];

	now.count = 0;
	for (unsigned i = 0; i < HOLES; i++) {
		snprintf(route, sizeof(route), "k%u", i);
		for (int n = 0; n < HOLE_ASKS; n++)
			add(n < 3 ? &now : &later, ask(a, route));
	}
	print("hole_first_max_us", quantile(&now, 1000));
	print("hole_later_p50_us", quantile(&later, 500) - direct);
	print("hole_later_max_us", quantile(&later, 1000) - direct);
}

/* Those who ask while it is away and when it is back. */
static _Atomic uint64_t seen_at;
static _Atomic unsigned in_flight_most;

static void *ask_for_p(void *arg)
{
	struct asker a;

	dial(&a);
	while (!atomic_load(&seen_at)) {
		ask(&a, "back");
		if (atomic_load(&back_at) && a.provider[0] == 'p') {
			uint64_t none = 0;

			atomic_compare_exchange_strong(&seen_at, &none, now_ns());
		}
		if (atomic_load(&served_p) == 0)
			atomic_store(&in_flight_most, atomic_load(&asked_p));
		sleep_ns(5 * NS_PER_MS);
	}
	close(a.fd);
	return arg;
}

static void measure_return(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, ask_for_p, NULL);
	sleep_ns(3 * (uint64_t)NS_PER_S);
	atomic_store(&back_at, now_ns());
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	print("back_after_ms", (double)(seen_at - back_at) / NS_PER_MS);
	print("back_probes", in_flight_most);
}

struct crowd {
	const char *route;
	unsigned each;
};

static void *ask_many(void *arg)
{
	const struct crowd *c = arg;
	struct asker a;

	dial(&a);
	for (unsigned i = 0; i < c->each; i++)
		add(&now, ask(&a, c->route));
	close(a.fd);
	return NULL;
}

static void crowd(const char *route, unsigned count)
{
	struct crowd c = { route, count / CLIENTS };
	pthread_t threads[CLIENTS];

	now.count = 0;
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&threads[i], NULL, ask_many, &c);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
}

static void measure_hedging(void)
{
	crowd("hedged", TRAINING);
	crowd("calm", CALM);
	print("calm_p95_us", quantile(&now, 950));
	print("calm_p99_us", quantile(&now, 990));
	asked_h = asked_s = 0;
	crowd("hedged", CALM);
	print("calm_hedged_p99_us", quantile(&now, 990));
	print("calm_hedged_extra_pct", 100.0 * (asked_h + asked_s - CALM) / CALM);
	asked_h = asked_s = 0;
	storms = true;
	crowd("hedged", STORM);
	print("storm_p50_us", quantile(&now, 500));
	print("storm_p99_us", quantile(&now, 990));
	print("storm_max_us", quantile(&now, 1000));
	print("storm_extra_pct", 100.0 * (asked_h + asked_s - STORM) / STORM);
}

int main(int argc, char **argv)
{
	unsigned good, refused, hole, port;
	int good_fd = bound(&good), hole_fd;
	struct asker a;

	(void)argv;
	if (argc != 1)
		die_usage("started by bench/drill");
	bound(&refused);
	hole_fd = bound(&hole);
	serve_on(good_fd);
	make_hole(hole_fd, hole);
	printf("{\"good\":%u,\"refused\":%u,\"hole\":%u,\"holes\":%u,"
	       "\"refusals\":%u,\"errors\":%u}\n",
	       good, refused, hole, HOLES, REFUSED, ERRORS);
	fflush(stdout);
	if (scanf("%u", &port) != 1)
		die_usage("no port on stdin");
	gateway = (struct sockaddr_in){ .sin_family = AF_INET,
		                        .sin_port = htons((uint16_t)port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	dial(&a);
	printf("{");
	double direct = measure_direct(&a);
	measure_failure(&a, "c", REFUSED, direct);
	measure_failure(&a, "r", REFUSED, direct);
	measure_failure(&a, "e", ERRORS, direct);
	measure_holes(&a, direct);
	measure_return();
	measure_hedging();
	printf("\"storm_requests\":%d}\n", STORM);
	return 0;
}
