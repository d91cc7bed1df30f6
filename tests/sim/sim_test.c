/* sim_test.c - the simulated machine, tested with loop and sock, which it is made for. */
#include "loop/sock.h"
#include "tests/check.h"
#include "tests/sim/sim.h"

#include <errno.h>

/* The program: it sends back whatever it hears, and hangs up after a second of silence.
 */
struct echo {
	struct sock sock;
	struct timer silence;
	struct buf waiting;
	ssize_t end;
	bool timed_out;
	bool deaf;
};

static struct loop loop;
static struct net_addr somewhere;
static struct echo echo;

static void echo_flush(struct echo *e)
{
	struct iovec iov = { e->waiting.ptr, e->waiting.len };
	ssize_t n = e->waiting.len ? sock_writev(&e->sock, &iov, 1) : 0;

	if (n > 0)
		buf_drop(&e->waiting, (size_t)n);
}

static void echo_on_event(struct sock *s)
{
	struct echo *e = container_of(s, struct echo, sock);
	char bytes[1000];
	ssize_t n;

	if (s->connecting && !sock_handshake(s))
		return;
	while (!e->deaf && (n = sock_read(s, bytes, sizeof(bytes))) != SOCK_AGAIN) {
		if (n < 0) {
			e->end = n;
			break;
		}
		buf_add(&e->waiting, str_of(bytes, (size_t)n));
		timer_set(&loop, &e->silence, loop.now + USEC_SEC);
	}
	echo_flush(e);
}

static void echo_on_silence(struct timer *t)
{
	struct echo *e = container_of(t, struct echo, silence);

	e->timed_out = true;
	sock_close(&e->sock);
}

static void begin(uint64_t seed, const struct sim_line *line)
{
	sim_begin(seed);
	if (line)
		sim_set_line(line);
	CHECK(loop_init(&loop, NULL));
	CHECK(net_parse(STR("10.0.0.1:443"), &somewhere));
	echo = (struct echo){ .waiting.limit = MiB };
	echo.sock.on_event = echo_on_event;
	echo.silence.on_due = echo_on_silence;
}

static struct sim_peer *begin_accepted(uint64_t seed, const struct sim_line *line)
{
	int fd;

	begin(seed, line);
	struct sim_peer *peer = sim_pair(&fd);
	CHECK(sock_accept(&echo.sock, &loop, fd, NULL));
	timer_set(&loop, &echo.silence, loop.now + USEC_SEC);
	return peer;
}

static void end(struct sim_peer *peer)
{
	if (peer)
		sim_close(peer);
	sock_close(&echo.sock);
	timer_done(&loop, &echo.silence);
	buf_free(&echo.waiting);
	loop_done(&loop);
	CHECK_INT(sim_finish(), 0);
}

TEST(sim_echoes)
{
	struct sim_peer *peer = begin_accepted(1, NULL);
	struct buf heard = BUF_LIMIT(1000);

	CHECK_INT(sim_send(peer, STR("hello")), 5);
	sim_run(&loop, 0);
	CHECK_INT(sim_recv(peer, &heard), 5);
	CHECK_STR(buf_str(&heard), "hello");
	uint64_t reads = sim_count(SIM_READ), writes = sim_count(SIM_WRITE);
	CHECK_INT(sim_send(peer, STR(" world")), 6);
	sim_run(&loop, 0);
	sim_recv(peer, &heard);
	CHECK_STR(buf_str(&heard), "hello world");
	CHECK_INT(sim_count(SIM_READ) - reads, 1); /* a short read is the last */
	CHECK_INT(sim_count(SIM_WRITE) - writes, 1);
	CHECK_INT(sim_count(SIM_CLOCK) - sim_count(SIM_WAIT), 1); /* loop_init's */
	CHECK_INT(sim_count(SIM_ADD), 2);
	buf_free(&heard);
	end(peer);
}

TEST(sim_time_passes_only_in_waiting)
{
	struct sim_peer *peer = begin_accepted(1, NULL);
	usec from = sys_now();

	sim_run(&loop, 0);
	CHECK_INT(sys_now(), from);
	sim_run(&loop, 700 * USEC_MS);
	CHECK_INT(sys_now(), from + 700 * USEC_MS);
	sim_send(peer, STR("x"));
	sim_run(&loop, 999 * USEC_MS);
	CHECK(!echo.timed_out);
	sim_run(&loop, 1 * USEC_MS);
	CHECK(echo.timed_out);
	CHECK(sim_saw_fin(peer) == false); /* its echo is unread */
	struct buf heard = BUF_LIMIT(10);
	sim_recv(peer, &heard);
	CHECK(sim_saw_fin(peer));
	buf_free(&heard);
	end(peer);
}

TEST(sim_fin_comes_behind_the_bytes)
{
	struct sim_peer *peer = begin_accepted(1, NULL);

	sim_send(peer, STR("bye"));
	sim_fin(peer);
	CHECK_INT(sim_send(peer, STR("too late")), 0);
	sim_run(&loop, 0);
	CHECK_INT(echo.end, SOCK_END);
	struct buf heard = BUF_LIMIT(10);
	sim_recv(peer, &heard);
	CHECK_STR(buf_str(&heard), "bye");
	CHECK(!sim_saw_fin(peer));
	sock_end(&echo.sock);
	CHECK(sim_saw_fin(peer));
	buf_free(&heard);
	end(peer);
}

TEST(sim_resets_both_ways)
{
	struct sim_peer *peer = begin_accepted(1, NULL);

	sim_send(peer, STR("last words"));
	sim_rst(peer);
	sim_run(&loop, 0);
	CHECK_INT(echo.end, SOCK_FAILED);
	CHECK_FAULT(echo.sock.why, FAULT_UPSTREAM_RESET);
	CHECK_INT(echo.sock.error, ECONNRESET);
	end(peer);

	peer = begin_accepted(1, NULL);
	sock_abort(&echo.sock);
	CHECK(sim_saw_rst(peer));
	end(peer);

	peer = begin_accepted(1, NULL);
	echo.deaf = true;
	sim_send(peer, STR("never read"));
	sim_run(&loop, 0);
	sock_close(&echo.sock);
	CHECK(sim_saw_rst(peer));
	end(peer);
}

/* What was written to somebody who has gone comes back as a reset. */
TEST(sim_tells_late_that_a_peer_has_gone)
{
	struct sim_peer *peer = begin_accepted(1, NULL);

	sim_send(peer, STR("x"));
	sim_close(peer);
	sim_run(&loop, 0);
	CHECK_INT(echo.end, SOCK_END);
	CHECK_INT(sock_writev(&echo.sock, &(struct iovec){ (char[]){ "yz" }, 2 }, 1),
	          SOCK_FAILED);
	CHECK_FAULT(echo.sock.why, FAULT_UPSTREAM_RESET);
	end(NULL);
}

TEST(sim_delivers_and_takes_byte_by_byte)
{
	struct sim_line bytewise = { .read_most = 1, .write_most = 1 };
	struct sim_peer *peer = begin_accepted(1, &bytewise);
	struct buf heard = BUF_LIMIT(1000);

	sim_send(peer, STR("one at a time"));
	sim_fin(peer);
	sim_run(&loop, 0);
	sim_recv(peer, &heard);
	CHECK_STR(buf_str(&heard), "one at a time");
	CHECK_INT(echo.end, SOCK_END);
	CHECK(sim_count(SIM_READ) >= 13);
	CHECK(sim_count(SIM_WRITE) >= 13);
	buf_free(&heard);
	end(peer);
}

/* Much text through a narrow line, in random pieces, is the same for every seed; and one
 * seed is one run. */
TEST(sim_repeats_itself_by_seed)
{
	uint64_t calls[2];

	for (uint64_t seed = 1; seed <= 50; seed++) {
		for (int run = 0; run < 2; run++) {
			struct sim_line line = { .room = 3000,
				                 .read_most = 700,
				                 .write_most = 500,
				                 .random = true };
			struct sim_peer *peer = begin_accepted(seed, &line);
			struct buf heard = BUF_LIMIT(100000);
			size_t sent = 0;

			while (heard.len < 20000) {
				char text[256];
				size_t n = min_of(sizeof(text), 20000 - sent);

				for (size_t i = 0; i < n; i++)
					text[i] = (char)((sent + i) % 251);
				sent += sim_send(peer, str_of(text, n));
				sim_run(&loop, 0);
				sim_recv_some(peer, &heard, sim_random(300));
			}
			for (size_t i = 0; i < heard.len; i++) {
				if ((uint8_t)heard.ptr[i] != i % 251 &&
				    !CHECK_INT((uint8_t)heard.ptr[i], i % 251))
					break;
			}
			calls[run] = sim_count(SIM_READ) * 100000 + sim_count(SIM_WRITE);
			buf_free(&heard);
			end(peer);
		}
		CHECK_INT(calls[0], calls[1]);
	}
}

TEST(sim_dials_what_accepts_refuses_or_is_silent)
{
	begin(1, NULL);
	struct sim_port *port = sim_listen(&somewhere);
	CHECK(sock_dial(&echo.sock, &loop, &somewhere, NULL));
	CHECK(echo.sock.connecting);
	sim_run(&loop, 0);
	CHECK(!echo.sock.connecting);
	struct sim_peer *peer = sim_accept(port);
	CHECK(peer && !sim_accept(port));
	sock_close(&echo.sock);
	CHECK(sim_saw_fin(peer));
	sim_close(peer);

	sim_port_set(port, SIM_REFUSES);
	CHECK(sock_dial(&echo.sock, &loop, &somewhere, NULL));
	sim_run(&loop, 0);
	CHECK_FAULT(echo.sock.why, FAULT_CONNECT_FAILED);
	CHECK_INT(echo.sock.error, ECONNREFUSED);
	sock_close(&echo.sock);

	sim_port_set(port, SIM_DROPS);
	CHECK(sock_dial(&echo.sock, &loop, &somewhere, NULL));
	sim_run(&loop, USEC_HOUR);
	CHECK(echo.sock.connecting && !echo.sock.why);
	sock_close(&echo.sock);

	CHECK(net_parse(STR("10.0.0.2:443"), &somewhere));
	CHECK(sock_dial(&echo.sock, &loop, &somewhere, NULL));
	sim_run(&loop, 0);
	CHECK_FAULT(echo.sock.why, FAULT_CONNECT_FAILED);
	end(NULL);
}

TEST(sim_connects_to_listeners_of_the_program)
{
	struct net_addr from;

	begin(1, NULL);
	CHECK(!sim_connect(&somewhere));
	int fd = sys_listen(&somewhere, 10);
	CHECK_INT(sys_accept(fd, &from), -EAGAIN);
	struct sim_peer *peer = sim_connect(&somewhere);
	CHECK(sock_accept(&echo.sock, &loop, sys_accept(fd, &from), NULL));
	CHECK(net_is_loopback(&from));
	sim_send(peer, STR("hello"));
	sim_run(&loop, 0);
	struct buf heard = BUF_LIMIT(10);
	CHECK_INT(sim_recv(peer, &heard), 5);
	buf_free(&heard);
	sys_close(fd);
	end(peer);
}

/* A script: the peer speaks after ten seconds, stalls, and vanishes after twenty. */
static struct sim_peer *actor;

static void speak(void *arg)
{
	sim_send(actor, STR("at last"));
}

static void vanish(void *arg)
{
	sim_rst(actor);
}

static bool has_ended(void *arg)
{
	return echo.end != 0;
}

TEST(sim_follows_a_script)
{
	actor = begin_accepted(1, NULL);
	timer_clear(&echo.silence);
	usec from = sys_now();
	sim_at(from + 20 * USEC_SEC, vanish, NULL);
	sim_at(from + 10 * USEC_SEC, speak, NULL);
	sim_run(&loop, 10 * USEC_SEC);
	CHECK_INT(sim_count(SIM_WRITE), 1);
	timer_clear(&echo.silence);
	CHECK(sim_run_until(&loop, has_ended, NULL, USEC_HOUR));
	CHECK_INT(sys_now(), from + 20 * USEC_SEC);
	end(actor);
}

TEST(sim_fails_on_demand)
{
	static const struct {
		enum sim_call call;
		int error;
	} faults[] = { { SIM_READ, ETIMEDOUT }, { SIM_WRITE, ECONNRESET } };

	for (size_t i = 0; i < countof(faults); i++) {
		struct sim_peer *peer = begin_accepted(1, NULL);

		sim_fail(faults[i].call, 2, faults[i].error);
		sim_send(peer, STR("one"));
		sim_run(&loop, 0);
		CHECK(!echo.sock.why);
		sim_send(peer, STR("two"));
		sim_run(&loop, 0);
		CHECK_FAULT(echo.sock.why, FAULT_UPSTREAM_RESET);
		CHECK_INT(echo.sock.error, faults[i].error);
		CHECK(sim_saw_rst(peer));
		end(peer);
	}
	begin(1, NULL);
	sim_listen(&somewhere);
	sim_fail(SIM_CONNECT, 1, EMFILE);
	CHECK(!sock_dial(&echo.sock, &loop, &somewhere, NULL));
	CHECK_INT(echo.sock.error, EMFILE);
	sim_fail(SIM_ADD, 1, ENOSPC);
	CHECK(!sock_dial(&echo.sock, &loop, &somewhere, NULL));
	CHECK_INT(echo.sock.error, ENOSPC);
	end(NULL);
}

TEST(sim_wall_jumps_and_timers_do_not)
{
	struct sim_peer *peer = begin_accepted(1, NULL);

	sim_run(&loop, 0);
	sim_set_wall(4102444800 * USEC_SEC); /* 2100 */
	sim_run(&loop, 500 * USEC_MS);
	CHECK(!echo.timed_out);
	sim_set_wall(0);
	sim_run(&loop, 500 * USEC_MS);
	CHECK(echo.timed_out);
	CHECK(loop.wall < USEC_MIN);
	end(peer);
}

static struct loop second;
static struct sock talker;
static int rounds;

static void talker_on_event(struct sock *s)
{
	char bytes[10];

	if (s->connecting && !sock_handshake(s))
		return;
	while (sock_read(s, bytes, sizeof(bytes)) > 0)
		rounds++;
	if (rounds < 5)
		sock_writev(s, &(struct iovec){ (char[]){ "hi" }, 2 }, 1);
}

/* Both sides are the program's: as the gateway and its built-in provider. */
TEST(sim_runs_loops_that_talk_to_each_other)
{
	struct loop *const both[] = { &loop, &second };
	struct net_addr from;

	begin(3, NULL);
	CHECK(loop_init(&second, NULL));
	int fd = sys_listen(&somewhere, 10);
	talker.on_event = talker_on_event;
	rounds = 0;
	CHECK(sock_dial(&talker, &second, &somewhere, NULL));
	CHECK(sock_accept(&echo.sock, &loop, sys_accept(fd, &from), NULL));
	sim_run_all(both, 2, USEC_SEC);
	CHECK_INT(rounds, 5);
	sock_close(&talker);
	loop_done(&second);
	sys_close(fd);
	end(NULL);
}
