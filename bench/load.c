/* load.c - the load client of the bench: one thread, one epoll, one request said over and
 * over.  Three ways to drive a gateway, all of them the same engine, which begins a
 * request as soon as one is due and a connection is free:
 *
 *   closed loop    --connections C               a connection asks again at once
 *   fixed rate     --connections C --rate R      request k is due at k / R, and its
 * latency counts from then, sent late or not streams        --streams S [--rate R] S
 * streams, opened at R per second, each on a connection of its own, each checked
 *
 * One line of JSON on stdout tells the result.  --progress FILE shows the counters while
 * it runs, in shared memory, so that a script can cut out a window of the run. */
#include "reply.h"
#include "request.h"

#include <fcntl.h>
#include <getopt.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { READ_AT_ONCE = 64 * 1024, TURN_EVENTS = 256, MOST_SAMPLES = 8 * 1000 * 1000 };

enum client_state { CLOSED, CONNECTING, IDLE, SENDING, WAITING };

struct client {
	int fd;
	enum client_state state;
	bool opened;         /* the first event of its stream came */
	size_t sent;         /* of the request */
	uint64_t due;        /* when the request was due, or sent; ns */
	struct client *next; /* on the stack of idle ones */
	struct reply reply;
};

/* Read by the script: bench/harness/tools.py knows this order. */
struct progress {
	uint64_t started, good, errors, opened, finished, events;
};

static struct {
	/* what is wanted */
	struct request_options request;
	unsigned port, clients, rate, events;
	uint64_t requests; /* the most to begin */
	uint64_t seconds;  /* then nothing is begun any more; streams: the most to wait */
	unsigned most_errors;
	/* how it goes */
	struct bytes text;
	struct client *client, *idle;
	struct progress *progress;
	int epoll;
	unsigned connected, busy, reconnects;
	uint64_t begun_at, ended_at, all_open_at, first_end_at;
	uint32_t *sample; /* latencies in units of 10 ns */
	unsigned samples;
	const char *first_why;
} load;

static bool streams(void)
{
	return load.request.stream;
}

static void add_sample(uint64_t ns)
{
	if (load.samples < MOST_SAMPLES)
		load.sample[load.samples++] =
		        ns / 10 < UINT32_MAX ? (uint32_t)(ns / 10) : UINT32_MAX;
}

static void leave_idle(struct client *c)
{
	for (struct client **at = &load.idle; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			return;
		}
}

static void client_watch(struct client *c, int how, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (epoll_ctl(load.epoll, how, c->fd, &event) < 0)
		die("epoll_ctl");
}

static void client_connect(struct client *c)
{
	struct sockaddr_in address = loopback(load.port);

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	no_delay(c->fd);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
	    errno != EINPROGRESS)
		die("connect");
	c->state = CONNECTING;
	client_watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void client_idle(struct client *c)
{
	c->state = IDLE;
	c->next = load.idle;
	load.idle = c;
}

static bool may_begin(uint64_t now)
{
	return load.progress->started < load.requests &&
	       now - load.begun_at < load.seconds * NS_PER_S &&
	       load.progress->errors < load.most_errors;
}

static void client_close(struct client *c)
{
	close(c->fd);
	load.connected -= c->state != CONNECTING;
	c->state = CLOSED;
	if (streams())
		return;
	if (may_begin(now_ns())) {
		load.reconnects++;
		client_connect(c);
	}
}

/* The request is over, well or not. */
static void request_end(const struct client *c)
{
	load.busy--;
	load.ended_at = now_ns();
	if (!load.first_end_at)
		load.first_end_at = load.ended_at;
	/* Of streams, so that opened less finished is how many are open. */
	load.progress->finished += !streams() || c->opened;
}

static void client_fail(struct client *c, const char *why, struct bytes last_read)
{
	load.progress->errors++;
	if (!load.first_why) {
		load.first_why = why;
		fprintf(stderr, "bench_load: %s (status %u); last bytes read:\n%.*s\n",
		        why, c->reply.status,
		        last_read.len < 600 ? (int)last_read.len : 600, last_read.ptr);
	}
	if (c->state == SENDING || c->state == WAITING || streams())
		request_end(c);
	client_close(c);
}

static void client_send(struct client *c)
{
	ssize_t n = send(c->fd, load.text.ptr + c->sent, load.text.len - c->sent,
	                 MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return client_fail(c, strerror(errno), (struct bytes){ "", 0 });
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == load.text.len) {
		if (c->state == SENDING)
			client_watch(c, EPOLL_CTL_MOD, EPOLLIN);
		c->state = WAITING;
	} else if (c->state != SENDING) {
		c->state = SENDING;
		client_watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	}
}

static void client_ask(struct client *c, uint64_t due)
{
	c->due = due;
	c->sent = 0;
	c->state = WAITING;
	reply_start(&c->reply, streams(), &reply_marks[load.request.format]);
	client_send(c);
}

/* Begins what is due.  Returns how long nothing more will be, in ns. */
static uint64_t begin_due(uint64_t now)
{
	while (may_begin(now)) {
		uint64_t due = now;

		if (load.rate) {
			due = load.begun_at +
			      load.progress->started * NS_PER_S / load.rate;
			if (due > now)
				return due - now;
		}
		struct client *c = load.idle;

		if (!streams() && !c)
			break;
		uint64_t number = load.progress->started++;

		load.busy++;
		if (streams()) {
			client_connect(&load.client[number]);
		} else {
			load.idle = c->next;
			client_ask(c, due);
		}
	}
	return NS_PER_S / 10;
}

static void on_connected(struct client *c)
{
	int why = 0;
	socklen_t len = sizeof why;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len);
	if (why)
		return client_fail(c, strerror(why), (struct bytes){ "", 0 });
	client_watch(c, EPOLL_CTL_MOD, EPOLLIN);
	load.connected++;
	if (streams())
		client_ask(c, now_ns());
	else
		client_idle(c);
}

static void on_answer(struct client *c, struct bytes read)
{
	const char *why = reply_fault(&c->reply, load.events, load.request.include_usage);

	if (why)
		return client_fail(c, why, read);
	load.progress->good++;
	request_end(c);
	if (streams())
		return client_close(c);
	add_sample(load.ended_at - c->due);
	if (c->reply.closes)
		return client_close(c);
	client_idle(c);
	/* A closed loop asks at once: a full turn's delay would make it a bursty one. */
	if (!load.rate)
		begin_due(load.ended_at);
}

static void on_bytes(struct client *c)
{
	static char room[READ_AT_ONCE];
	ssize_t n = recv(c->fd, room, sizeof room, 0);
	unsigned events = c->reply.events;

	if (n < 0 && errno == EAGAIN)
		return;
	if (c->state == IDLE) {
		leave_idle(c);
		if (n <= 0)
			return client_close(c); /* its right, at any time */
	}
	if (n <= 0)
		return client_fail(c, n < 0 ? strerror(errno) : "an answer cut off",
		                   (struct bytes){ "", 0 });

	struct bytes read = { room, (size_t)n }, rest = read;

	if (c->state != WAITING)
		return client_fail(c, "bytes nobody asked for", read);
	reply_read(&c->reply, &rest);
	load.progress->events += c->reply.events - events;
	if (c->reply.events > 0 && !c->opened) {
		uint64_t now = now_ns();

		c->opened = true;
		add_sample(now - c->due);
		if (++load.progress->opened == load.requests)
			load.all_open_at = now;
	}
	if (c->reply.state == REPLY_DONE && rest.len > 0)
		return client_fail(c, "bytes after the end of an answer", rest);
	if (c->reply.state >= REPLY_DONE)
		on_answer(c, read);
}

static void turn(uint64_t wait)
{
	struct epoll_event events[TURN_EVENTS];
	struct timespec most = { (time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S) };
	int n = epoll_pwait2(load.epoll, events, TURN_EVENTS, &most, NULL);

	if (n < 0 && errno != EINTR)
		die("epoll_pwait2");
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (c->state == CONNECTING)
			on_connected(c);
		else if (c->state == SENDING && (events[i].events & EPOLLOUT))
			client_send(c);
		else
			on_bytes(c);
	}
}

/* Unary connections stand before the clock starts: set-up is no latency of a request. */
static void connect_all(void)
{
	uint64_t start = now_ns();

	load.begun_at = start;
	for (unsigned i = 0; i < load.clients; i++)
		client_connect(&load.client[i]);
	while (load.connected < load.clients &&
	       load.progress->errors < load.most_errors) {
		if (now_ns() - start > 5ull * NS_PER_S)
			die_usage("the connections could not be opened in 5 s");
		turn(NS_PER_S / 10);
	}
}

static void run(void)
{
	uint64_t grace = (streams() ? 0 : 10ull) * NS_PER_S;

	if (!streams())
		connect_all();
	load.begun_at = now_ns();
	load.ended_at = load.begun_at;
	for (;;) {
		uint64_t now = now_ns();
		uint64_t wait = begin_due(now);

		if (!load.busy && !may_begin(now))
			break;
		if (now - load.begun_at > load.seconds * NS_PER_S + grace) {
			load.progress->errors += load.busy;
			load.first_why = "no answer in time";
			break;
		}
		turn(wait);
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile(double part)
{
	if (load.samples == 0)
		return 0;
	return load.sample[(unsigned)((load.samples - 1) * part)] / 100.0;
}

static void print_result(void)
{
	double seconds = (double)(load.ended_at - load.begun_at) / NS_PER_S;
	const struct progress *p = load.progress;

	qsort(load.sample, load.samples, sizeof *load.sample, by_size);
	printf("{\"mode\":\"%s\",\"requests\":%lu,\"errors\":%lu,\"why\":\"%s\","
	       "\"seconds\":%.4f,\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"max_us\":%.1f,\"events\":%lu,\"events_per_s\":%.1f,\"opened\":%lu,"
	       "\"all_open_at\":%lu,\"first_end_at\":%lu,\"reconnects\":%u}\n",
	       streams() ? "stream" : "unary", p->good, p->errors,
	       load.first_why ? load.first_why : "", seconds,
	       seconds > 0 ? (double)p->good / seconds : 0, percentile(0.5),
	       percentile(0.99), percentile(1), p->events,
	       seconds > 0 ? (double)p->events / seconds : 0, p->opened, load.all_open_at,
	       load.first_end_at, load.reconnects);
}

static struct progress *map_progress(const char *path)
{
	int fd = -1, flags = MAP_SHARED | MAP_ANONYMOUS;

	if (path) {
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, sizeof(struct progress)) < 0)
			die(path);
		flags = MAP_SHARED;
	}
	void *at =
	        mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static const struct option options[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "key", required_argument, NULL, 'k' },
	{ "model", required_argument, NULL, 'm' },
	{ "progress", required_argument, NULL, 'f' },
	{ "rate", required_argument, NULL, 'r' },
	{ "seconds", required_argument, NULL, 's' },
	{ "requests", required_argument, NULL, 'n' },
	{ "connections", required_argument, NULL, 'c' },
	{ "streams", required_argument, NULL, 'S' },
	{ "events", required_argument, NULL, 'e' },
	{ "include-usage", no_argument, NULL, 'u' },
	{ "most-errors", required_argument, NULL, 'x' },
	{ "format", required_argument, NULL, 'F' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
        "bench_load --port PORT [--key KEY] [--model NAME] [--progress FILE] "
        "[--most-errors N]\n"
        "           [--format openai-chat | anthropic | openai-responses | gemini]\n"
        "  unary:   [--connections C] [--seconds N] [--requests N] [--rate PER_SECOND]\n"
        "  streams: --streams S --events N [--include-usage] [--rate OPENED_PER_SECOND]\n"
        "           [--seconds MOST]";

static enum request_format format_option(const char *name)
{
	for (unsigned i = 0; i < REQUEST_FORMATS; i++) {
		if (strcmp(name, request_format_names[i]) == 0)
			return (enum request_format)i;
	}
	die_usage(usage);
}

static const char *read_options(int argc, char **argv)
{
	const char *progress = NULL;
	unsigned wanted_streams = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		/* clang-format off */
		switch (option) {
		case 'p': load.port = number_option(optarg, 1, 65535); break;
		case 'k': load.request.key = optarg; break;
		case 'm': load.request.model = optarg; break;
		case 'f': progress = optarg; break;
		case 'r': load.rate = number_option(optarg, 1, 1000000); break;
		case 's': load.seconds = number_option(optarg, 1, 600); break;
		case 'n': load.requests = number_option(optarg, 1, 100000000); break;
		case 'c': load.clients = number_option(optarg, 1, 10000); break;
		case 'S': wanted_streams = number_option(optarg, 1, 19000); break;
		case 'e': load.events = number_option(optarg, 1, 20000); break;
		case 'u': load.request.include_usage = true; break;
		case 'F': load.request.format = format_option(optarg); break;
		case 'x': load.most_errors = number_option(optarg, 1, 1000000); break;
		default: die_usage(usage);
		}
		/* clang-format on */
	}
	if (!load.port || optind < argc)
		die_usage(usage);
	if (wanted_streams) {
		load.request.stream = true;
		load.clients = wanted_streams;
		load.requests = wanted_streams;
	}
	return progress;
}

int main(int argc, char **argv)
{
	load.request = (struct request_options){ .model = "bench-model", .key = "none" };
	load.clients = 64;
	load.requests = UINT64_MAX;
	load.seconds = 120;
	load.events = 200;
	load.most_errors = 1000;
	load.progress = map_progress(read_options(argc, argv));

	raise_open_files();
	prctl(PR_SET_TIMERSLACK, 1); /* a rate is kept to the microsecond, not to 50 */
	load.text = request_write(&load.request);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.client = calloc(load.clients, sizeof *load.client);
	load.sample = malloc(sizeof *load.sample * MOST_SAMPLES);
	if (load.epoll < 0 || !load.client || !load.sample)
		die("start");
	run();
	print_result();
	for (unsigned i = 0; i < load.clients; i++)
		reply_free(&load.client[i].reply);
	return load.progress->errors ? 1 : 0;
}
