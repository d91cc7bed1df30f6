#include "tests/unit/loop/talk.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static struct talk duo;

TEST(sock_talks_both_ways_and_ends_properly)
{
	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	CHECK(!duo.client.sock.connecting);
	CHECK(sock_handshake(&duo.client.sock));
	CHECK_INT(talker_say(&duo.client, STR("hello")), 5);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "hello");
	CHECK_INT(talker_say(&duo.server, STR("hi")), 2);
	sock_end(&duo.server.sock);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.client.heard), "hi");
	CHECK_INT(duo.client.end, SOCK_END);
	CHECK(duo.client.sock.hangup);
	CHECK_INT(talker_say(&duo.client, STR("still")), 5);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "hellostill");
	CHECK(!duo.server.end);
	sock_close(&duo.client.sock);
	sock_close(&duo.client.sock);
	CHECK(!sock_is_open(&duo.client.sock));
	talk_turns(&duo, 2);
	CHECK_INT(duo.server.end, SOCK_END);
	talk_end(&duo);
}

TEST(sock_knows_that_a_short_read_has_emptied_the_socket)
{
	char bytes[16];

	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	CHECK(duo.server.sock.may_read && duo.server.sock.may_write);
	talk_turns(&duo, 2);
	duo.server.deaf = true;
	talker_say(&duo.client, STR("12345678"));
	talk_turns(&duo, 2);
	CHECK(duo.server.sock.may_read);
	CHECK_INT(sock_read(&duo.server.sock, bytes, 4), 4);
	CHECK(duo.server.sock.may_read);
	CHECK_INT(sock_read(&duo.server.sock, bytes, sizeof(bytes)), 4);
	CHECK(!duo.server.sock.may_read);
	/* Bytes that the kernel has not told us about yet are not asked for. */
	talker_say(&duo.client, STR("more"));
	usleep(5000);
	CHECK_INT(sock_read(&duo.server.sock, bytes, sizeof(bytes)), SOCK_AGAIN);
	talk_turns(&duo, 1);
	CHECK_INT(sock_read(&duo.server.sock, bytes, sizeof(bytes)), 4);
	talk_end(&duo);
}

TEST(sock_tells_when_a_full_peer_has_room_again)
{
	static char block[256 * KiB];
	size_t sent = 0;
	ssize_t n;

	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	duo.server.deaf = true;
	while ((n = talker_say(&duo.client, str_of(block, sizeof(block)))) > 0)
		sent += (size_t)n;
	CHECK_INT(n, 0);
	CHECK(!duo.client.sock.may_write);
	unsigned before = duo.client.events;
	duo.server.deaf = false;
	for (int i = 0;
	     i < 100 && (!duo.client.sock.may_write || duo.server.heard.len < sent);
	     i++) {
		talker_listen(&duo.server);
		talk_turns(&duo, 1);
	}
	CHECK_INT(duo.server.heard.len, sent);
	CHECK(duo.client.events > before);
	CHECK(talker_say(&duo.client, STR("x")) == 1);
	talk_end(&duo);
}

/* One that reads a little is alive long before there is room. */
TEST(sock_knows_whether_a_full_peer_reads)
{
	static char block[256 * KiB];

	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	duo.server.deaf = true;
	while (talker_say(&duo.client, str_of(block, sizeof(block))) > 0)
		;
	for (int i = 0; i < 100 && sock_peer_takes(&duo.client.sock); i++)
		talk_turns(&duo, 1);
	CHECK(!sock_peer_takes(&duo.client.sock));
	bool takes = false;
	for (int i = 0; i < 10000 && !takes && !duo.client.sock.may_write; i++) {
		CHECK(sock_read(&duo.server.sock, block, 4 * KiB) > 0);
		takes = sock_peer_takes(&duo.client.sock);
	}
	CHECK(takes && !duo.client.sock.may_write);
	talk_end(&duo);
}

TEST(sock_writes_any_number_of_pieces)
{
	enum { PIECES = 3000 };
	static struct iovec iov[PIECES];
	static char letters[] = "abcdefghij";

	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	for (int i = 0; i < PIECES; i++)
		iov[i] = (struct iovec){ &letters[i % 10], i % 7 != 0 };
	ssize_t n = sock_writev(&duo.client.sock, iov, PIECES);
	talk_turns(&duo, 3);
	CHECK_INT(n, PIECES - (PIECES + 6) / 7);
	CHECK_INT(duo.server.heard.len, n);
	CHECK_STR(str_first(buf_str(&duo.server.heard), 9),
	          "bcdefgija"); /* 0 and 7 are none */
	talk_end(&duo);
}

TEST(sock_reset_is_not_an_end)
{
	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	talker_say(&duo.client, STR("last words"));
	talk_turns(&duo, 2);
	sock_abort(&duo.client.sock);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "last words");
	CHECK_INT(duo.server.end, SOCK_FAILED);
	CHECK_FAULT(duo.server.sock.why, FAULT_UPSTREAM_RESET);
	CHECK_INT(duo.server.sock.error, ECONNRESET);
	talk_end(&duo);
}

/* A server refuses early and closes with our bytes unread: its answer must not be lost to
 * the reset that follows, and the reset must not look like an end. */
TEST(sock_reads_what_came_before_a_reset_that_broke_a_write)
{
	ssize_t n = 1;

	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	duo.server.deaf = duo.client.deaf = true;
	talker_say(&duo.client, STR("a long body"));
	talk_turns(&duo, 2);
	talker_say(&duo.server, STR("no"));
	sock_close(&duo.server.sock);
	usleep(5000);
	for (int i = 0; i < 3 && n > 0; i++)
		n = talker_say(&duo.client, STR("more of it"));
	CHECK_INT(n, SOCK_FAILED);
	duo.client.deaf = false;
	talk_turns(&duo, 2);
	talker_listen(&duo.client);
	CHECK_STR(buf_str(&duo.client.heard), "no");
	CHECK_INT(duo.client.end, SOCK_FAILED);
	CHECK_FAULT(duo.client.sock.why, FAULT_UPSTREAM_RESET);
	talk_end(&duo);
}

TEST(sock_says_when_nobody_answers_the_dial)
{
	struct buf text = BUF_LIMIT(100);

	talk_begin(&duo);
	sys_close(duo.listener);
	duo.client.sock.on_event = talker_on_event;
	if (sock_dial(&duo.client.sock, &duo.loop, &duo.at, NULL))
		talk_turns(&duo, 2);
	CHECK_FAULT(duo.client.sock.why, FAULT_CONNECT_FAILED);
	CHECK(!sock_handshake(&duo.client.sock));
	sock_explain(&duo.client.sock, &text);
	CHECK_STR(buf_str(&text), "Connection refused");
	buf_free(&text);
	sock_close(&duo.client.sock);
	loop_done(&duo.loop);
	CHECK(!sock_is_open(&(struct sock){ 0 }));
}

TEST(accepted_sockets_do_not_wait_with_small_pieces)
{
	int on = 0;
	socklen_t size = sizeof(on);

	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	getsockopt(duo.server.sock.io.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size);
	CHECK(on);
	getsockopt(duo.client.sock.io.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size);
	CHECK(on);
	talk_end(&duo);
}

TEST(sock_speaks_through_unix_sockets_and_replaces_stale_ones)
{
	struct buf path = BUF_LIMIT(200);

	CHECK(loop_init(&duo.loop, NULL));
	buf_addf(&path, "unix:%s/s", test_dir());
	CHECK(net_parse(buf_str(&path), &duo.at));
	duo.listener = sys_listen(&duo.at, 5);
	CHECK(duo.listener >= 0);
	CHECK_INT(sys_listen(&duo.at, 5), -EADDRINUSE);
	sys_close(duo.listener);
	duo.listener = sys_listen(&duo.at, 5);
	CHECK(duo.listener >= 0);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	CHECK_INT(talker_say(&duo.client, STR("hello")), 5);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "hello");
	buf_free(&path);
	talk_end(&duo);
}
