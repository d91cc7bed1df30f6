#include "loop/sys.h"
#include "tests/unit/mock/talk.h"

#define CHAT "/v1/chat/completions"
#define ASK(model)                                                                       \
	"{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"
#define STREAM(model)                                                                    \
	"{\"model\":\"" model                                                            \
	"\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"

TEST(mock_lists_its_models)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_with(&t, "GET", "/v1/models", "", STR_NONE);
	CHECK_INT(t.heard.status, 200);
	CHECK_STR(talk_first(&t, "data", "id"), "echo");
	CHECK_INT(talk_count(&t, "\"object\":\"model\""), 18);
	talk_with(&t, "GET", "/models/stall", "", STR_NONE);
	CHECK_STR(talk_get(&t, "id"), "stall");
	talk_with(&t, "GET", "/v1/models/gpt-5", "", STR_NONE);
	CHECK_INT(t.heard.status, 404);
	talk_with(&t, "HEAD", "/v1/models", "", STR_NONE);
	CHECK_INT(t.heard.status, 200);
	CHECK_INT(t.heard.body.len, 0);
	talk_end(&t);
}

TEST(mock_serves_several_requests_on_a_connection)
{
	struct talk t;
	int fd;

	talk_begin(&t, "127.0.0.1:0");
	fd = talk_dial(&t);
	for (int i = 0; i < 5; i++) {
		talk_send(fd, "POST", CHAT, "", STR(ASK("echo")));
		talk_listen(&t, fd, "\"reasoning_tokens\":0}}}");
		talk_parse(&t);
		CHECK_INT(t.heard.status, 200);
		talk_send(fd, "POST", CHAT, "", STR(STREAM("echo")));
		talk_listen(&t, fd, "0\r\n\r\n");
		talk_parse(&t);
		CHECK(t.heard.is_whole);
	}
	close(fd);
	talk_end(&t);
}

TEST(mock_speaks_to_old_clients_without_chunks)
{
	struct talk t;
	str ask = STR(STREAM("echo"));
	char text[300];
	int fd, n;

	talk_begin(&t, "127.0.0.1:0");
	fd = talk_dial(&t);
	n = snprintf(text, sizeof(text),
	             "POST " CHAT " HTTP/1.0\r\nhost: h\r\ncontent-length: %zu\r\n\r\n%s",
	             ask.len, ask.ptr);
	CHECK_INT(write(fd, text, (size_t)n), n);
	talk_listen(&t, fd, NULL);
	talk_parse(&t);
	CHECK(str_starts(t.heard.body, STR("data: {")));
	CHECK(str_ends(t.heard.body, STR("data: [DONE]\n\n")));
	close(fd);
	talk_end(&t);
}

TEST(mock_fails_as_its_models_say)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, CHAT, ASK("429"));
	CHECK_INT(t.heard.status, 429);
	CHECK_STR(talk_header(&t, "retry-after"), "1");
	CHECK_STR(talk_get(&t, "error.code"), "rate_limit_exceeded");
	talk_post(&t, CHAT, ASK("500"));
	CHECK_INT(t.heard.status, 500);
	CHECK_STR(talk_get(&t, "error.type"), "server_error");
	talk_post(&t, "/v1/embeddings", "{\"model\":\"500\",\"input\":\"x\"}");
	CHECK_INT(t.heard.status, 500);
	for (int i = 1; i <= 6; i++) {
		talk_post(&t, CHAT, ASK("flaky"));
		CHECK_INT(t.heard.status, i % 3 ? 200 : 500);
	}
	talk_end(&t);
}

TEST(mock_cut_resets_the_connection)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, CHAT, STREAM("cut"));
	CHECK_INT(t.heard.status, 200);
	CHECK_INT(t.heard.error, ECONNRESET);
	CHECK(!t.heard.is_whole);
	CHECK_INT(talk_count(&t, "\"content\":\""), 9); /* the empty one, and eight */
	talk_with(&t, "POST", CHAT, "x-mock-tokens: 0\r\n", STR(STREAM("cut")));
	CHECK_INT(t.heard.error, ECONNRESET);
	talk_with(&t, "POST", CHAT, "x-mock-delay-ms: 0\r\n",
	          STR("{\"model\":\"cut\",\"max_tokens\":2,\"messages\":[{\"role\":"
	              "\"user\","
	              "\"content\":\"x\"}]}"));
	CHECK_INT(t.heard.status, 200);
	CHECK(t.heard.error == ECONNRESET && t.heard.body.len > 50 && !t.heard.is_whole);
	talk_end(&t);
}

TEST(mock_stall_falls_silent_and_stops_in_time)
{
	struct talk t;
	int fd;

	talk_begin(&t, "127.0.0.1:0");
	fd = talk_dial(&t);
	talk_send(fd, "POST", CHAT, "x-mock-tokens: 3\r\n", STR(STREAM("stall")));
	talk_listen(&t, fd, " dolor");
	CHECK(!str_has(buf_str(&t.heard.raw), STR("[DONE]")));
	struct timeval moment = { .tv_usec = 200000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment));
	talk_listen(&t, fd, NULL);
	CHECK(t.heard.error == EAGAIN && t.heard.raw.len == 0);
	talk_end(&t); /* with the request still open: it would stall for a minute */
	close(fd);
}

TEST(mock_slow_takes_its_time)
{
	usec before = sys_now();
	struct talk t;
	int fd;

	talk_begin(&t, "127.0.0.1:0");
	fd = talk_dial(&t);
	talk_send(fd, "POST", CHAT, "", STR(STREAM("slow")));
	talk_listen(&t, fd, "data: ");
	CHECK(sys_now() - before >= 3 * USEC_SEC);
	close(fd); /* in the middle: nobody minds */
	before = sys_now();
	talk_with(&t, "POST", CHAT, "x-mock-delay-ms: 30\r\n", STR(ASK("echo")));
	CHECK(sys_now() - before >= 30 * USEC_MS);
	talk_end(&t);
}

/* A client that does not read for a while gets all of it in the end. */
TEST(mock_waits_for_slow_readers)
{
	struct buf ask = BUF_LIMIT(2 * MiB);
	struct talk t;
	int fd;

	buf_add(&ask, STR("{\"model\":\"echo\",\"stream\":true,\"n\":4,\"messages\":["
	                  "{\"role\":\"user\",\"content\":\""));
	for (int i = 0; i < 5000; i++)
		buf_add(&ask, STR("some words "));
	buf_add(&ask, STR("\"}]}"));
	talk_begin(&t, "127.0.0.1:0");
	fd = talk_dial(&t);
	talk_send(fd, "POST", CHAT, "connection: close\r\n", buf_str(&ask));
	usleep(300000);
	talk_listen(&t, fd, NULL);
	talk_parse(&t);
	CHECK(t.heard.is_whole && t.heard.body.len > 5 * MiB);
	CHECK_INT(talk_count(&t, "\"content\":\" words\""), 20000);
	close(fd);
	talk_end(&t);
	buf_free(&ask);
}

TEST(mock_says_why_it_does_not_start)
{
	struct buf why = BUF_LIMIT(1000);
	struct net_addr at;
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	CHECK(net_port(mock_address(t.mock)) != 0);
	at = *mock_address(t.mock);
	CHECK(!mock_start(&(struct mock_options){ .at = &at }, &why));
	CHECK(str_has(buf_str(&why), STR("cannot listen at 127.0.0.1:")));
	buf_free(&why);
	talk_end(&t);
	CHECK(!t.mock);
	mock_stop(&t.mock);
}
