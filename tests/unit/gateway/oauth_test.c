/* With its own thread, against an endpoint on this machine that answers when it is told.
 */
#include "gateway/oauth.h"

#include "loop/sys.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct endpoint {
	struct resolver *resolver;
	struct oauth *oauth;
	int listener;
	uint16_t port;
	struct arena keep;
};

static void endpoint_init(struct endpoint *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);

	*e = (struct endpoint){ .resolver = resolver_new() };
	e->oauth = oauth_new(e->resolver, NULL);
	e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(e->oauth && bind(e->listener, (struct sockaddr *)&at, len) == 0);
	CHECK(listen(e->listener, 8) == 0);
	CHECK(getsockname(e->listener, (struct sockaddr *)&at, &len) == 0);
	e->port = ntohs(at.sin_port);
}

static void endpoint_done(struct endpoint *e)
{
	oauth_free(&e->oauth);
	resolver_free(&e->resolver);
	close(e->listener);
	arena_done(&e->keep);
}

/* A person's account. */
static struct token_source *source_of(struct endpoint *e, const char *email)
{
	struct service_account a = {
		.is_user = true,
		.email = str_from_z(email),
		.key = { STR("refresh") },
		.client_secret = { STR("secret") },
		.host = STR("127.0.0.1"),
		.port = e->port,
		.allow_private = true,
		.path = STR("/token"),
	};

	a.authority = arena_printf(&e->keep, "127.0.0.1:%u", e->port);
	a.token_url = arena_printf(&e->keep, "http://127.0.0.1:%u/token", e->port);
	return oauth_source(e->oauth, &a);
}

/* The next question, read to its end; it waits for an answer. */
static int next_question(struct endpoint *e)
{
	int fd = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC);
	struct buf asked = BUF_LIMIT(64 * KiB);
	ssize_t n = 1;

	while (n > 0 && !str_ends(buf_str(&asked), STR("&refresh_token=refresh"))) {
		buf_reserve(&asked, KiB);
		n = read(fd, asked.ptr + asked.len, KiB);
		asked.len += n > 0 ? (size_t)n : 0;
	}
	CHECK(n > 0);
	buf_free(&asked);
	return fd;
}

static void answer(int fd, const char *body)
{
	dprintf(fd, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n%s", strlen(body),
	        body);
	close(fd);
}

static void told(void *pipe_end)
{
	CHECK(write(*(int *)pipe_end, "!", 1) == 1);
}

/* Until the question under way has ended. */
static void wait_for_news(struct token_source *s)
{
	int ends[2];
	char byte;

	CHECK(pipe(ends) == 0);
	token_notify(s, told, &ends[1]);
	CHECK(read(ends[0], &byte, 1) == 1);
	close(ends[0]);
	close(ends[1]);
}

static enum token_state state_at(struct endpoint *e, struct token_source *s, usec now,
                                 str *ret_text)
{
	struct access_token token = { .text = STR_NONE };
	enum token_state state = token_take(s, now, &e->keep, &token, ret_text);

	if (state == TOKEN_READY)
		*ret_text = token.text;
	return state;
}

TEST(what_nobody_uses_any_more_is_forgotten)
{
	struct token_source *had, *asking, *other;
	struct endpoint e;
	str text = STR_NONE;
	int open, fd;
	char byte;

	endpoint_init(&e);
	had = source_of(&e, "had");
	answer(next_question(&e), "{\"access_token\":\"one\",\"expires_in\":3600}");
	wait_for_news(had);
	CHECK_INT(state_at(&e, had, sys_now(), &text), TOKEN_READY);
	CHECK_STR_EQ(text, STR("one"));
	asking = source_of(&e, "asking");
	open = next_question(&e);
	token_source_unref(&had);
	token_source_unref(&asking);
	/* When this one is asked for, what was before it has been seen. */
	other = source_of(&e, "other");
	fd = next_question(&e);
	CHECK(recv(open, &byte, 1, MSG_DONTWAIT) == 0);
	close(open);
	had = source_of(&e, "had");
	CHECK_INT(state_at(&e, had, sys_now(), &text), TOKEN_PENDING);
	answer(next_question(&e), "{\"access_token\":\"two\"}");
	wait_for_news(had);
	CHECK_INT(state_at(&e, had, sys_now(), &text), TOKEN_READY);
	CHECK_STR_EQ(text, STR("two"));
	answer(fd, "{\"access_token\":\"three\"}");
	wait_for_news(other);
	token_source_unref(&had);
	token_source_unref(&other);
	endpoint_done(&e);
}

/* It is renewed ahead of its end, and the answer may come behind that. */
TEST(a_token_that_ends_while_it_is_renewed_is_waited_for)
{
	struct endpoint e;
	struct token_source *s;
	str text = STR_NONE;
	usec end;
	int fd;

	endpoint_init(&e);
	s = source_of(&e, "me");
	answer(next_question(&e), "{\"access_token\":\"one\",\"expires_in\":10}");
	wait_for_news(s);
	fd = next_question(&e); /* five seconds later */
	end = sys_now() + 10 * USEC_SEC;
	CHECK_INT(state_at(&e, s, sys_now(), &text), TOKEN_READY);
	CHECK_INT(state_at(&e, s, end, &text), TOKEN_PENDING);
	answer(fd, "{\"access_token\":\"two\"}");
	wait_for_news(s);
	CHECK_INT(state_at(&e, s, end, &text), TOKEN_READY);
	CHECK_STR_EQ(text, STR("two"));
	token_source_unref(&s);
	endpoint_done(&e);
}
