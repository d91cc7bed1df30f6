#include "tests/unit/loop/talk.h"

#include <sys/socket.h>

static struct talk duo;

static ssize_t post(struct talker *t, str text)
{
	char *ptr = NULL;

	memcpy(&ptr, &text.ptr, sizeof(ptr));
	return sock_post(&t->sock, &(struct iovec){ ptr, text.len }, 1);
}

/* What has reached the server's socket so far. */
static size_t arrived(void)
{
	char bytes[4096];
	ssize_t n = recv(duo.server.sock.io.fd, bytes, sizeof(bytes),
	                 MSG_PEEK | MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

static void begin(void)
{
	talk_begin(&duo);
	CHECK(talk_connect(&duo, NULL, NULL));
	talk_turns(&duo, 2);
	duo.server.deaf = true;
}

static void listen_again(int turns)
{
	duo.server.deaf = false;
	duo.server.sock.may_read = duo.server.sock.io_readable = true;
	while (turns-- > 0) {
		talker_listen(&duo.server);
		talk_turns(&duo, 1);
	}
}

TEST(posts_go_out_when_the_turn_is_over)
{
	begin();
	CHECK_INT(post(&duo.client, STR("one, ")), 5);
	CHECK_INT(post(&duo.client, STR("two")), 3);
	CHECK(duo.client.sock.posted && sock_is_sent(&duo.client.sock));
	CHECK_INT(arrived(), 0);
	loop_turn(&duo.loop, 0);
	CHECK(!duo.client.sock.posted);
	CHECK_INT(arrived(), 8);
	CHECK(duo.client.sock.sent_at > 0);
	listen_again(2);
	CHECK_STR(buf_str(&duo.server.heard), "one, two");
	talk_end(&duo);
}

TEST(what_is_written_behind_a_post_comes_behind_it)
{
	static char large[64 * KiB];

	begin();
	memset(large, 'x', sizeof(large));
	CHECK_INT(post(&duo.client, STR("first ")), 6);
	CHECK_INT(talker_say(&duo.client, STR("second ")), 7);
	CHECK_INT(post(&duo.client, STR("third ")), 6);
	CHECK_INT(post(&duo.client, str_of(large, sizeof(large))), sizeof(large));
	listen_again(4);
	CHECK_INT(duo.server.heard.len, 19 + sizeof(large));
	CHECK_STR(str_first(buf_str(&duo.server.heard), 20), "first second third x");
	talk_end(&duo);
}

TEST(closing_and_ending_send_what_was_posted)
{
	begin();
	CHECK_INT(post(&duo.client, STR("a ")), 2);
	sock_end(&duo.client.sock);
	CHECK_INT(arrived(), 2);
	CHECK_INT(post(&duo.server, STR("b")), 1);
	sock_close(&duo.server.sock);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.client.heard), "b");
	talk_end(&duo);
}

TEST(many_posts_do_not_wait_for_the_turn)
{
	begin();
	/* The outbox merges what one sock posts, so two take turns. */
	for (int i = 0; i < 100; i++) {
		CHECK_INT(post(&duo.client, STR("c")), 1);
		CHECK_INT(post(&duo.server, STR("s")), 1);
	}
	CHECK(arrived() >= 50 && arrived() < 100);
	listen_again(2);
	CHECK_INT(duo.server.heard.len, 100);
	CHECK_INT(duo.client.heard.len, 100);
	talk_end(&duo);
}

TEST(a_full_kernel_keeps_what_was_posted_and_the_owner_is_told)
{
	static char block[8 * KiB];
	size_t posted = 0;
	unsigned before = 0;

	begin();
	while (sock_is_sent(&duo.client.sock)) {
		before = duo.client.events;
		for (int i = 0; i < 6; i++)
			posted += (size_t)post(&duo.client, str_of(block, sizeof(block)));
		loop_turn(&duo.loop, 0);
	}
	CHECK(duo.client.events > before);
	CHECK(!duo.client.sock.may_write);
	CHECK_INT(post(&duo.client, STR("no room")), 0);
	sock_end(&duo.client.sock); /* the end comes behind what is unsent */
	duo.server.deaf = false;
	for (int i = 0; i < 200 && !duo.server.end; i++)
		listen_again(1);
	CHECK_INT(duo.server.heard.len, posted);
	CHECK_INT(duo.server.end, SOCK_END);
	CHECK(sock_is_sent(&duo.client.sock));
	talk_end(&duo);
}

TEST(a_post_that_fails_is_told_at_the_end_of_the_turn)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	unsigned before;

	begin();
	duo.client.deaf = true;
	setsockopt(duo.server.sock.io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	sock_close(&duo.server.sock);
	usleep(5000);
	before = duo.client.events;
	CHECK_INT(post(&duo.client, STR("anybody?")), 8);
	CHECK_INT(duo.client.events, before);
	loop_turn(&duo.loop, 0);
	CHECK(duo.client.events > before);
	CHECK_FAULT(duo.client.sock.why, FAULT_UPSTREAM_RESET);
	duo.client.deaf = false;
	talker_listen(&duo.client);
	CHECK_INT(duo.client.end, SOCK_FAILED);
	CHECK(post(&duo.client, STR("nobody")) <= 0);
	talk_end(&duo);
}
