/* sim_tls_test.c - TLS through the simulated machine: every byte of its handshake and of
 * its records can be cut, delayed and lost like any other. */
#include "loop/sock.h"
#include "tests/sim/sim.h"
#include "tests/unit/loop/cert.h"

#include <errno.h>

/* Two ends of the program's, on one loop, over one simulated line. */
struct side {
	struct sock sock;
	struct buf heard;
	ssize_t end;
};

static struct loop loop;
static struct side client, server;
static struct cert_files files;
static struct tls_client trusting;
static struct tls_server *context;
static bool has_context;

static void on_event(struct sock *s)
{
	struct side *side = container_of(s, struct side, sock);
	char bytes[777];
	ssize_t n;

	if (s->connecting && !sock_handshake(s))
		return;
	while (!side->end && (n = sock_read(s, bytes, sizeof(bytes))) != SOCK_AGAIN) {
		if (n < 0)
			side->end = n;
		else
			buf_add(&side->heard, str_of(bytes, (size_t)n));
	}
}

static void begin(uint64_t seed, const struct sim_line *line)
{
	struct buf why = BUF_LIMIT(300);
	struct net_addr at, from;

	if (!has_context) { /* the keys are the dear part */
		files = cert_make("DNS:example.test", 1);
		context = tls_server_new(files.cert, files.key, &why);
		has_context = true;
	}
	sim_begin(seed);
	sim_set_line(line);
	CHECK(loop_init(&loop, NULL));
	CHECK(tls_client_init(&trusting, NULL, files.ca, "example.test", &why));
	CHECK(net_parse(STR("10.0.0.1:443"), &at));
	int listener = sys_listen(&at, 10);
	client = server = (struct side){ .heard.limit = MiB, .sock.on_event = on_event };
	CHECK(sock_dial(&client.sock, &loop, &at, &trusting));
	CHECK(sock_accept(&server.sock, &loop, sys_accept(listener, &from),
	                  tls_server_ctx(context)));
	sys_close(listener);
	buf_free(&why);
}

static void end(void)
{
	sock_close(&client.sock);
	sock_close(&server.sock);
	tls_client_done(&trusting);
	buf_free(&client.heard);
	buf_free(&server.heard);
	loop_done(&loop);
	CHECK_INT(sim_finish(), 0);
}

static ssize_t say(struct side *side, char *text)
{
	return sock_writev(&side->sock, &(struct iovec){ text, strlen(text) }, 1);
}

TEST(sim_carries_tls_byte_by_byte)
{
	struct sim_line bytewise = { .read_most = 1, .write_most = 1 };

	begin(1, &bytewise);
	sim_run(&loop, 0);
	CHECK(!client.sock.connecting && !server.sock.connecting);
	CHECK_INT(say(&client, (char[]){ "hello" }), 5);
	sim_run(&loop, 0);
	CHECK_STR(buf_str(&server.heard), "hello");
	sock_end(&server.sock);
	sim_run(&loop, 0);
	CHECK_INT(client.end, SOCK_END);
	end();
}

/* Also TLS costs one read and one write for what fits into them. */
TEST(sim_counts_the_calls_of_tls)
{
	struct iovec pieces[] = { { (char[]){ "a" }, 1 }, { (char[]){ "bc" }, 2 } };

	begin(1, &(struct sim_line){ 0 });
	sim_run(&loop, 0);
	CHECK(!client.sock.connecting && !server.sock.connecting);
	CHECK_INT(sim_count(SIM_WRITE),
	          4); /* hello; hello and certificate; end; ticket */
	for (int i = 1; i <= 3; i++) {
		uint64_t reads = sim_count(SIM_READ), writes = sim_count(SIM_WRITE);

		CHECK_INT(sock_writev(&client.sock, pieces, 2), 3);
		sim_run(&loop, 0);
		CHECK_INT(server.heard.len, 3 * i);
		CHECK_INT(sim_count(SIM_READ) - reads, 1);
		CHECK_INT(sim_count(SIM_WRITE) - writes, 1);
	}
	end();
}

TEST(sim_carries_tls_in_random_pieces)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim_line line = { .room = 5000,
			                 .read_most = 2000,
			                 .write_most = 1500,
			                 .random = true };

		begin(seed, &line);
		sim_run(&loop, 0);
		for (int i = 0; i < 20; i++) {
			CHECK_INT(say(&client, (char[]){ "hello server " }), 13);
			CHECK_INT(say(&server, (char[]){ "hello client " }), 13);
			sim_run(&loop, 0);
		}
		CHECK_INT(server.heard.len, 260);
		CHECK_INT(client.heard.len, 260);
		end();
	}
}

/* A reset at each write and each read of a whole conversation: an error on both sides,
 * never a clean end, never a wait for ever. */
TEST(sim_breaks_tls_at_every_call)
{
	static const enum sim_call calls[] = { SIM_READ, SIM_WRITE };

	for (size_t which = 0; which < countof(calls); which++) {
		for (uint64_t nth = 1; nth < 100; nth++) {
			begin(1, &(struct sim_line){ 0 });
			sim_fail(calls[which], nth, ECONNRESET);
			sim_run(&loop, 0);
			if (!client.sock.connecting && !client.sock.why)
				say(&client, (char[]){ "question" });
			sim_run(&loop, 0);
			if (!server.sock.connecting && !server.sock.why)
				say(&server, (char[]){ "answer" });
			sim_run(&loop, 0);
			bool reached = sim_count(calls[which]) >= nth;
			if (reached) {
				CHECK(client.sock.why || server.sock.why);
				CHECK(client.end != SOCK_END && server.end != SOCK_END);
			} else {
				CHECK_STR(buf_str(&client.heard), "answer");
			}
			end();
			if (!reached)
				break;
			CHECK(nth < 99);
		}
	}
	tls_server_unref(&context);
	has_context = false;
}
