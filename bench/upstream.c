/* upstream.c - the mock provider of the bench: one thread, one epoll, nothing it could
 * spare.  It shares a core with the load client, so whatever it wastes lowers the rate at
 * which the gateway can be driven.
 *
 * Every POST gets an answer; with "stream":true in the body it gets a stream,
 * whose events come one per period.  One timer ticks for all streams: the period is cut
 * into slots, a stream lives in one of them, and each tick serves one slot.  Streams are
 * dealt to the slots in turn, so their phases are spread as those of independent
 * providers.
 *
 *      tick 0        tick 1        tick 2            (period = 3 ticks here)
 *     [a]->[d]      [b]->[e]      [c]                a, b, c, d, e: streams
 *
 * What it says is in script.c, and in two other formats, which the path asks for, in
 * script_other.c.  On SIGTERM it prints its counters and leaves. */
#include "script.h"

#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

enum {
	READ_AT_ONCE = 64 * 1024,
	REQUEST_LIMIT = 1024 * 1024,
	TURN_EVENTS = 256,
	MOST_SLOTS = 100 * 1000,
};

enum phase { READING, WAITING, STREAMING };

struct conn {
	struct conn *next, *prev; /* in its slot or in the waiting line; else itself */
	SSL *ssl;                 /* NULL without TLS */
	int fd;
	enum phase phase;
	bool asked_stream;
	bool asked_usage;
	bool wants_room;             /* EPOLLOUT is armed */
	const struct script *script; /* in the format of its request */
	unsigned said;               /* content events sent or begun */
	unsigned owed;               /* ticks that found the socket full */
	uint64_t due;                /* WAITING: when to answer, ns */
	struct bytes rest;           /* of the text that did not fit the socket */
	char *in; /* a request that did not come in one piece, or NULL */
	size_t in_len;
};

/* A ring with a head that is no connection; leaving needs no search. */
struct line {
	struct conn head;
};

static struct {
	struct script script[SCRIPTS];
	SSL_CTX *tls;
	int epoll, timer, listener, signals;
	unsigned slots, tick_us, slot_now, slot_next;
	uint64_t delay; /* ns before an answer begins */
	struct line *slot;
	struct line waiting; /* all wait equally long: first in, first out */
	unsigned paced;      /* connections in a slot or waiting */
	struct {
		uint64_t connections, requests, streams, cut_streams, refused;
	} count;
} up;

static const struct {
	int listener, timer, signals;
} tag; /* addresses, for epoll */

static void line_init(struct line *line)
{
	line->head.next = line->head.prev = &line->head;
}

static void line_join(struct line *line, struct conn *c)
{
	c->prev = line->head.prev;
	c->next = &line->head;
	c->prev->next = c->next->prev = c;
}

static void line_leave(struct conn *c)
{
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->next = c->prev = c;
}

/* The timer runs only while somebody waits for it: unary runs are not disturbed. */
static void pace(struct conn *c, struct line *line)
{
	struct timespec tick = { .tv_nsec = (long)up.tick_us * NS_PER_US };
	struct itimerspec every = { .it_interval = tick, .it_value = tick };

	line_join(line, c);
	if (up.paced++ == 0 && timerfd_settime(up.timer, 0, &every, NULL) < 0)
		die("timerfd_settime");
}

static void unpace(struct conn *c)
{
	struct itimerspec never = { .it_value = { 0 } };

	line_leave(c);
	if (--up.paced == 0 && timerfd_settime(up.timer, 0, &never, NULL) < 0)
		die("timerfd_settime");
}

static void conn_free(struct conn *c)
{
	if (c->phase == STREAMING)
		up.count.cut_streams++;
	if (c->phase != READING)
		unpace(c);
	SSL_free(c->ssl);
	close(c->fd);
	free(c->in);
	free(c);
}

static void want_room(struct conn *c, bool wants)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (c->wants_room == wants)
		return;
	c->wants_room = wants;
	if (wants)
		event.events |= EPOLLOUT;
	if (epoll_ctl(up.epoll, EPOLL_CTL_MOD, c->fd, &event) < 0)
		die("epoll_ctl");
}

/* Bytes moved, 0 when the socket will not move any now, -1 when it is over. */
static ssize_t tls_result(struct conn *c, int result)
{
	int why = SSL_get_error(c->ssl, result);

	ERR_clear_error();
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t conn_send(struct conn *c, struct bytes text)
{
	if (c->ssl) {
		int n = SSL_write(c->ssl, text.ptr, (int)text.len);

		return n > 0 ? n : tls_result(c, n);
	}
	ssize_t n = send(c->fd, text.ptr, text.len, MSG_NOSIGNAL);

	return n < 0 && errno == EAGAIN ? 0 : n;
}

static ssize_t conn_recv(struct conn *c, char *to, size_t room)
{
	if (c->ssl) {
		int n = SSL_read(c->ssl, to, (int)room);

		return n > 0 ? n : tls_result(c, n);
	}
	ssize_t n = recv(c->fd, to, room, 0);

	if (n < 0 && errno == EAGAIN)
		return 0;
	return n > 0 ? n : -1;
}

/* False when the connection is gone.  Only called when nothing is left over. */
static bool say(struct conn *c, struct bytes text)
{
	ssize_t n = conn_send(c, text);

	if (n < 0)
		return false;
	c->rest = (struct bytes){ text.ptr + n, text.len - (size_t)n };
	want_room(c, c->rest.len > 0);
	return true;
}

static bool say_next(struct conn *c)
{
	if (c->said < c->script->events)
		return say(c, c->script->event[c->asked_usage][c->said++]);
	unpace(c);
	c->phase = READING;
	return say(c, c->script->ending[c->asked_usage]);
}

static bool answer(struct conn *c)
{
	c->phase = READING;
	if (!c->asked_stream)
		return say(c, c->script->unary);
	up.count.streams++;
	c->phase = STREAMING;
	c->said = 1;
	c->owed = 0;
	pace(c, &up.slot[up.slot_next++ % up.slots]);
	return say(c, c->script->opening[c->asked_usage]);
}

/* The length of the first request in `in`: 0 when it is not whole yet, -1 when it is none
 * that this server understands. */
static ssize_t request_length(struct bytes in, struct bytes *ret_body)
{
	const char *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);
	size_t length = 0;

	if (!end)
		return in.len < READ_AT_ONCE ? 0 : -1;
	for (const char *at = in.ptr; at < end; at++) {
		at = memchr(at, '\n', (size_t)(end + 2 - at));
		if (!at || at > end)
			break;
		if (strncasecmp(at + 1, "transfer-encoding:", 18) == 0)
			return -1;
		if (strncasecmp(at + 1, "content-length:", 15) == 0)
			length = strtoul(at + 16, NULL, 10);
	}
	*ret_body = (struct bytes){ end + 4, length };
	if (length > REQUEST_LIMIT)
		return -1;
	length += (size_t)(end + 4 - in.ptr);
	return length <= in.len ? (ssize_t)length : 0;
}

/* The format by the request's path, and whether the path asks for a stream. */
static enum script_format format_of(struct bytes head, bool *ret_stream)
{
	const char *end = memchr(head.ptr, '\n', head.len);
	struct bytes line = { head.ptr, end ? (size_t)(end - head.ptr) : head.len };

	*ret_stream = bytes_have(line, "/converse-stream");
	if (bytes_have(line, "/converse"))
		return SCRIPT_BEDROCK;
	return bytes_have(line, "/messages") ? SCRIPT_ANTHROPIC : SCRIPT_CHAT;
}

static bool take_request(struct conn *c, struct bytes head, struct bytes body)
{
	bool streams;

	up.count.requests++;
	c->script = &up.script[format_of(head, &streams)];
	c->asked_stream = streams || bytes_have(body, "\"stream\":true") ||
	                  bytes_have(body, "\"stream\": true");
	c->asked_usage = bytes_have(body, "\"include_usage\":true") ||
	                 bytes_have(body, "\"include_usage\": true");
	if (up.delay == 0)
		return answer(c);
	c->phase = WAITING;
	c->due = now_ns() + up.delay;
	pace(c, &up.waiting);
	return true;
}

/* Takes the requests that are whole; what is left is kept for the next read. */
static bool take_bytes(struct conn *c, struct bytes in)
{
	while (in.len > 0 && c->phase == READING && c->rest.len == 0) {
		struct bytes body = { 0 };
		ssize_t length = request_length(in, &body);

		if (length < 0)
			return up.count.refused++, false;
		if (length == 0)
			break;
		struct bytes head = { in.ptr, (size_t)(body.ptr - in.ptr) };

		in = (struct bytes){ in.ptr + length, in.len - (size_t)length };
		if (!take_request(c, head, body))
			return false;
	}
	if (in.len == 0)
		return free(c->in), c->in = NULL, c->in_len = 0, true;
	if (!c->in && !(c->in = malloc(REQUEST_LIMIT + READ_AT_ONCE)))
		die("malloc");
	memmove(c->in, in.ptr, in.len);
	c->in_len = in.len;
	return true;
}

static bool read_more(struct conn *c)
{
	static char shared[READ_AT_ONCE];
	size_t room = c->in ? REQUEST_LIMIT + READ_AT_ONCE - c->in_len : sizeof shared;
	char *to = c->in ? c->in + c->in_len : shared;

	if (room == 0)
		return up.count.refused++, false;
	ssize_t n = conn_recv(c, to, room);

	if (n <= 0)
		return n == 0;
	return take_bytes(
	        c, (struct bytes){ c->in ? c->in : shared, c->in_len + (size_t)n });
}

static bool on_room(struct conn *c)
{
	if (!say(c, c->rest))
		return false;
	while (c->rest.len == 0 && c->owed > 0 && c->phase == STREAMING) {
		c->owed--;
		if (!say_next(c))
			return false;
	}
	return true;
}

static void on_conn(struct conn *c, uint32_t events)
{
	bool good = true;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		good = read_more(c);
	/* Decrypted bytes do not wake epoll. */
	while (good && c->ssl && SSL_pending(c->ssl) > 0)
		good = read_more(c);
	if (good && c->rest.len > 0 && (events & EPOLLOUT))
		good = on_room(c);
	if (!good)
		conn_free(c);
}

static void on_tick(uint64_t ticks)
{
	uint64_t now = now_ns();

	/* Late ticks are caught up, so that the rate holds whatever the scheduler does.
	 */
	for (; ticks > 0; ticks--) {
		struct line *slot = &up.slot[up.slot_now++ % up.slots];

		for (struct conn *c = slot->head.next, *next; c != &slot->head;
		     c = next) {
			next = c->next;
			if (c->rest.len > 0)
				c->owed++;
			else if (!say_next(c))
				conn_free(c);
		}
	}
	for (struct conn *c = up.waiting.head.next;
	     c != &up.waiting.head && c->due <= now; c = up.waiting.head.next) {
		unpace(c);
		if (!answer(c))
			conn_free(c);
	}
}

static void on_accept(void)
{
	for (int batch = 0; batch < 64; batch++) {
		int fd = accept4(up.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		no_delay(fd);
		struct conn *c = calloc(1, sizeof *c);

		if (!c)
			die("calloc");
		c->fd = fd;
		c->next = c->prev = c;
		if (up.tls) {
			c->ssl = SSL_new(up.tls);
			if (!c->ssl || !SSL_set_fd(c->ssl, fd))
				die("SSL_new");
			SSL_set_accept_state(c->ssl);
		}
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

		if (epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			die("epoll_ctl");
		up.count.connections++;
	}
}

static void watch(int fd, const void *as)
{
	struct epoll_event event = { .events = EPOLLIN,
		                     .data.ptr = (void *)(uintptr_t)as };

	if (fd < 0 || epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void start_tls(const char *cert, const char *key)
{
	up.tls = SSL_CTX_new(TLS_server_method());
	if (!up.tls || !SSL_CTX_set_min_proto_version(up.tls, TLS1_3_VERSION) ||
	    SSL_CTX_use_certificate_chain_file(up.tls, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(up.tls, key, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		die_usage("the certificate or its key cannot be used");
	}
	SSL_CTX_set_mode(up.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                 SSL_MODE_RELEASE_BUFFERS |
	                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(up.tls, 1);
}

static void start(unsigned port)
{
	struct sockaddr_in address = loopback(port);
	int on = 1;
	sigset_t stops;

	raise_open_files();
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */

	up.epoll = epoll_create1(EPOLL_CLOEXEC);
	up.signals = signalfd(-1, &stops, SFD_CLOEXEC);
	up.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	up.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(up.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(up.listener, (struct sockaddr *)&address, sizeof address) < 0)
		die("bind");
	if (listen(up.listener, 4096) < 0)
		die("listen");
	watch(up.listener, &tag.listener);
	watch(up.timer, &tag.timer);
	watch(up.signals, &tag.signals);
}

/* A rate below 1000/s is a number of 1 ms slots; a higher one shortens the tick. */
static void start_pacing(unsigned rate)
{
	unsigned period_us = 1000 * 1000 / rate;

	up.tick_us = period_us < 1000 ? period_us : 1000;
	up.slots = (period_us + up.tick_us / 2) / up.tick_us;
	if (up.slots > MOST_SLOTS)
		die_usage("the rate is too low");
	up.slot = calloc(up.slots, sizeof *up.slot);
	if (!up.slot)
		die("calloc");
	for (unsigned i = 0; i < up.slots; i++)
		line_init(&up.slot[i]);
	line_init(&up.waiting);
}

static void run(void)
{
	struct epoll_event events[TURN_EVENTS];

	for (;;) {
		int n = epoll_wait(up.epoll, events, TURN_EVENTS, -1);
		uint64_t ticks = 0;

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			const void *who = events[i].data.ptr;

			if (who == &tag.signals)
				return;
			if (who == &tag.listener)
				on_accept();
			else if (who != &tag.timer)
				on_conn(events[i].data.ptr, events[i].events);
			else if (read(up.timer, &ticks, sizeof ticks) < 0 &&
			         errno != EAGAIN)
				die("timerfd");
		}
		/* Last: a tick may free connections that have an event above. */
		if (ticks > 0)
			on_tick(ticks);
	}
}

static const struct option options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "tls", required_argument, NULL, 't' },
	{ "key", required_argument, NULL, 'k' },
	{ "events", required_argument, NULL, 'n' },
	{ "rate", required_argument, NULL, 'r' },
	{ "delay", required_argument, NULL, 'd' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] = "bench_upstream --listen PORT [--tls CERT --key KEY] "
                            "[--events N] [--rate PER_SECOND]\n"
                            "               [--delay MS]";

int main(int argc, char **argv)
{
	unsigned port = 0, events = 200, rate = 40, delay_ms = 0;
	const char *cert = NULL, *key = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		/* clang-format off */
		switch (option) {
		case 'l': port = number_option(optarg, 1, 65535); break;
		case 't': cert = optarg; break;
		case 'k': key = optarg; break;
		case 'n': events = number_option(optarg, 1, SCRIPT_MOST_EVENTS); break;
		case 'r': rate = number_option(optarg, 1, 10000); break;
		case 'd': delay_ms = number_option(optarg, 0, 600000); break;
		default: die_usage(usage);
		}
		/* clang-format on */
	}
	if (!port || !cert != !key || optind < argc)
		die_usage(usage);
	up.delay = (uint64_t)delay_ms * NS_PER_MS;
	script_write(&up.script[SCRIPT_CHAT], events);
	script_write_other(&up.script[SCRIPT_ANTHROPIC], SCRIPT_ANTHROPIC, events);
	script_write_other(&up.script[SCRIPT_BEDROCK], SCRIPT_BEDROCK, events);
	if (cert)
		start_tls(cert, key);
	start_pacing(rate);
	start(port);
	run();
	printf("{\"connections\":%lu,\"requests\":%lu,\"streams\":%lu,\"cut_streams\":%"
	       "lu,"
	       "\"refused\":%lu}\n",
	       up.count.connections, up.count.requests, up.count.streams,
	       up.count.cut_streams, up.count.refused);
	return 0;
}
