#include "main/listeners.h"

#include "loop/sys.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Into `room`, which is the configuration's from then on. */
static void add(struct config *c, struct net_addr *room, const char *host, unsigned port)
{
	char text[64];

	c->listen = room;
	snprintf(text, sizeof(text), "%s:%u", host, port);
	CHECK(net_parse(str_from_z(text), &room[c->listen_count++]));
}

/* A port that was free a moment ago, for both families; 0: there is no IPv6 here. */
static unsigned free_port(void)
{
	struct net_addr at;
	unsigned port = 0;

	CHECK(net_parse(STR("[::]:0"), &at));
	int fd = sys_listen(&at, 1);
	if (fd < 0)
		return 0;
	if (CHECK(sys_local_addr(fd, &at) == 0))
		port = net_port(&at);
	close(fd);
	return port;
}

static bool answers(const char *host, unsigned port)
{
	struct config c = { 0 };
	struct net_addr at;

	add(&c, &at, host, port);
	int fd = socket(at.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = fd >= 0 && connect(fd, &at.sa, at.len) == 0;
	close(fd);
	return is;
}

TEST(both_families_may_be_named_at_one_port)
{
	static const char *const lists[][2] = {
		{ "0.0.0.0", "[::]" },
		{ "[::]", "0.0.0.0" },
		{ "127.0.0.1", "[::]" },
	};

	for (size_t i = 0; i < countof(lists); i++) {
		struct config c = { 0 };
		struct net_addr at[2];
		struct listeners l = { 0 };
		struct buf why = BUF_LIMIT(256);
		unsigned port = free_port();

		if (!port)
			return;
		add(&c, at, lists[i][0], port);
		add(&c, at, lists[i][1], port);
		CHECK(listeners_open(&l, &c, &why));
		CHECK_STR_EQ(buf_str(&why), STR(""));
		CHECK_INT(l.count, 2);
		CHECK(answers("127.0.0.1", port) && answers("[::1]", port));
		listeners_close(&l);
		buf_free(&why);
	}
}

TEST(ipv6_alone_answers_both_families)
{
	struct config c = { 0 };
	struct net_addr at[1];
	struct listeners l = { 0 };
	struct buf why = BUF_LIMIT(256);
	unsigned port = free_port();

	if (!port)
		return;
	add(&c, at, "[::]", port);
	CHECK(listeners_open(&l, &c, &why));
	CHECK(answers("127.0.0.1", port) && answers("[::1]", port));
	listeners_close(&l);
	buf_free(&why);
}

TEST(more_sockets_of_a_supervisor_than_there_is_room_for_are_refused)
{
	static const char *const counts[] = { "17", "4294967299", "many" };
	struct config c = { 0 };
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	for (size_t i = 0; i < countof(counts); i++) {
		struct listeners l = { 0 };
		struct buf why = BUF_LIMIT(256);

		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", counts[i], 1);
		CHECK(!listeners_open(&l, &c, &why));
		CHECK(str_has(buf_str(&why), STR("LISTEN_FDS")));
		CHECK_INT(l.count, 0);
		listeners_close(&l);
		buf_free(&why);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}
