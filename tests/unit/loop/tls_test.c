#include "loop/tls.h"

#include "loop/private.h"
#include "tests/unit/loop/cert.h"
#include "tests/unit/loop/talk.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

/* The world of one test: a client that trusts the CA, a server, two talkers. */
static struct talk duo;
static struct cert_files files;
static struct tls_client trusting;
static struct tls_server *server;
static struct buf why = BUF_LIMIT(1000);

static void begin_as(const char *san, const char *name, long days)
{
	files = cert_make(san, days);
	buf_clear(&why);
	talk_begin(&duo);
	if (!CHECK(tls_client_init(&trusting, NULL, files.ca, name, &why)))
		abort();
	server = tls_server_new(files.cert, files.key, &why);
	CHECK(server);
}

static void begin(void)
{
	begin_as("DNS:example.test", "example.test", 1);
}

static bool shake_hands(void)
{
	bool ok = talk_connect(&duo, &trusting, tls_server_ctx(server));

	for (int i = 0; ok && i < 20; i++)
		talk_turns(&duo, 1);
	return ok && !duo.client.sock.connecting && !duo.server.sock.connecting;
}

static void end(void)
{
	talk_end(&duo);
	tls_client_done(&trusting);
	tls_server_unref(&server);
	buf_free(&why);
}

TEST(tls_talks_both_ways_and_ends_properly)
{
	begin();
	CHECK(shake_hands());
	CHECK_INT(talker_say(&duo.client, STR("hello")), 5);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "hello");
	CHECK_INT(talker_say(&duo.server, STR("hi")), 2);
	sock_end(&duo.server.sock);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.client.heard), "hi");
	CHECK_INT(duo.client.end, SOCK_END);
	CHECK_INT(talker_say(&duo.client, STR("still")), 5);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "hellostill");
	CHECK(SSL_version(duo.client.sock.ssl) == TLS1_3_VERSION);
	end();
}

TEST(tls_end_without_close_notify_is_a_cut)
{
	begin();
	CHECK(shake_hands());
	talker_say(&duo.server, STR("half an ans"));
	shutdown(duo.server.sock.io.fd, SHUT_WR);
	talk_turns(&duo, 3);
	CHECK_STR(buf_str(&duo.client.heard), "half an ans");
	CHECK_INT(duo.client.end, SOCK_FAILED);
	CHECK_FAULT(duo.client.sock.why, FAULT_UPSTREAM_CUT);
	char byte;
	CHECK_INT(sock_read(&duo.client.sock, &byte, 1), SOCK_FAILED);
	end();
}

TEST(tls_reset_is_a_reset)
{
	begin();
	CHECK(shake_hands());
	sock_abort(&duo.server.sock);
	talk_turns(&duo, 3);
	CHECK_INT(duo.client.end, SOCK_FAILED);
	CHECK_FAULT(duo.client.sock.why, FAULT_UPSTREAM_RESET);
	end();
}

static void expect_refusal(const char *reason)
{
	struct buf text = BUF_LIMIT(200);

	CHECK(!shake_hands());
	CHECK_FAULT(duo.client.sock.why, FAULT_TLS_FAILED);
	sock_explain(&duo.client.sock, &text);
	CHECK_STR_EQ(buf_str(&text), str_from_z(reason));
	CHECK_FAULT(duo.server.sock.why, FAULT_TLS_FAILED);
	buf_free(&text);
}

TEST(tls_refuses_another_name)
{
	begin_as("DNS:example.test", "other.test", 1);
	expect_refusal("hostname mismatch");
	end();
	begin_as("DNS:example.test", "127.0.0.1", 1);
	expect_refusal("IP address mismatch");
	end();
	begin_as("DNS:*.test", "a.example.test", 1);
	expect_refusal("hostname mismatch");
	end();
}

TEST(tls_takes_wildcards_addresses_and_full_names)
{
	begin_as("DNS:*.example.test", "a.example.test", 1);
	CHECK(shake_hands());
	end();
	begin_as("IP:127.0.0.1", "127.0.0.1", 1);
	CHECK(shake_hands());
	end();
	begin_as("DNS:example.test", "example.test.", 1);
	CHECK(shake_hands());
	end();
}

TEST(tls_refuses_expired_and_untrusted_certificates)
{
	begin_as("DNS:example.test", "example.test", -1);
	expect_refusal("certificate has expired");
	end();
	begin();
	struct cert_files other = cert_make("DNS:example.test", 1);
	tls_client_done(&trusting);
	CHECK(tls_client_init(&trusting, NULL, other.ca, "example.test", &why));
	CHECK(!shake_hands());
	CHECK_FAULT(duo.client.sock.why, FAULT_TLS_FAILED);
	end();
}

TEST(tls_trusts_the_machines_roots_for_nothing_of_ours)
{
	struct tls_roots roots;

	begin();
	tls_client_done(&trusting);
	if (CHECK(tls_roots_init(&roots, &why))) {
		CHECK(tls_client_init(&trusting, &roots, NULL, "example.test", &why));
		CHECK(!shake_hands());
		CHECK_FAULT(duo.client.sock.why, FAULT_TLS_FAILED);
		tls_roots_done(&roots);
	}
	end();
}

TEST(tls_resumes_sessions)
{
	begin();
	CHECK(shake_hands());
	CHECK(!SSL_session_reused(duo.client.sock.ssl));
	talker_say(&duo.server, STR("the ticket comes before this"));
	talk_turns(&duo, 2);
	for (int i = 0; i < 3; i++) {
		CHECK(trusting.session);
		talk_hang_up(&duo);
		CHECK(shake_hands());
		CHECK(SSL_session_reused(duo.client.sock.ssl));
		talker_say(&duo.server, STR("x"));
		talk_turns(&duo, 2);
	}
	end();
}

TEST(tls_1_2_works_and_resumes_too)
{
	begin();
	SSL_CTX_set_max_proto_version(tls_server_ctx(server), TLS1_2_VERSION);
	CHECK(shake_hands());
	CHECK(SSL_version(duo.client.sock.ssl) == TLS1_2_VERSION);
	CHECK(strstr(SSL_get_cipher(duo.client.sock.ssl), "GCM"));
	talk_hang_up(&duo);
	CHECK(shake_hands());
	CHECK(SSL_session_reused(duo.client.sock.ssl));
	end();
}

TEST(tls_refuses_old_versions_and_suites)
{
	begin();
	SSL_CTX_set_security_level(tls_server_ctx(server), 0);
	SSL_CTX_set_min_proto_version(tls_server_ctx(server), TLS1_VERSION);
	SSL_CTX_set_max_proto_version(tls_server_ctx(server), TLS1_1_VERSION);
	CHECK(!shake_hands());
	CHECK_FAULT(duo.client.sock.why, FAULT_TLS_FAILED);
	end();
	begin();
	SSL_CTX_set_max_proto_version(trusting.ctx, TLS1_2_VERSION);
	CHECK_INT(
	        SSL_CTX_set_cipher_list(trusting.ctx, "ECDHE+AES+SHA1:ECDHE+AES+SHA256"),
	        1);
	CHECK(!shake_hands());
	CHECK_FAULT(duo.server.sock.why, FAULT_TLS_FAILED);
	end();
}

TEST(tls_speaks_http_1_1_only)
{
	begin();
	SSL_CTX_set_alpn_protos(trusting.ctx, (const uint8_t *)"\x02h2", 3);
	CHECK(!shake_hands());
	CHECK_FAULT(duo.server.sock.why, FAULT_TLS_FAILED);
	talk_hang_up(&duo);
	SSL_CTX_set_alpn_protos(trusting.ctx, (const uint8_t *)"\x02h2" TLS_ALPN, 12);
	CHECK(shake_hands());
	talk_hang_up(&duo);
	SSL_CTX_set_alpn_protos(trusting.ctx, NULL, 0);
	CHECK(shake_hands());
	end();
}

TEST(tls_against_plain_text_fails)
{
	begin();
	CHECK(talk_connect(&duo, &trusting, NULL));
	talk_turns(&duo, 2);
	talker_say(&duo.server, STR("HTTP/1.1 400 Bad Request\r\n\r\n"));
	talk_turns(&duo, 2);
	CHECK_FAULT(duo.client.sock.why, FAULT_TLS_FAILED);
	talk_hang_up(&duo);
	CHECK(talk_connect(&duo, NULL, tls_server_ctx(server)));
	talk_turns(&duo, 2);
	talker_say(&duo.client, STR("GET / HTTP/1.1\r\n\r\n"));
	talk_turns(&duo, 2);
	CHECK_FAULT(duo.server.sock.why, FAULT_TLS_FAILED);
	end();
}

/* Bytes with a pattern, so that a lost or doubled record is seen. */
static void check_pattern(const struct buf *heard, size_t len)
{
	CHECK_INT(heard->len, len);
	for (size_t i = 0; i < heard->len; i++) {
		if ((uint8_t)heard->ptr[i] != i % 251) {
			check_failed(__FILE__, __LINE__, "byte %zu is wrong", i);
			return;
		}
	}
}

TEST(tls_takes_much_from_many_pieces_and_waits_for_a_deaf_peer)
{
	enum { TOTAL = 8 * MiB };
	static char text[TOTAL];
	size_t sent = 0, stalls = 0;

	begin();
	CHECK(shake_hands());
	for (size_t i = 0; i < TOTAL; i++)
		text[i] = (char)(i % 251);
	duo.server.deaf = true;
	while (sent < TOTAL) {
		size_t a = min_of((size_t)100, TOTAL - sent);
		size_t b = min_of((size_t)70000, TOTAL - sent - a);
		size_t c = min_of((size_t)300, TOTAL - sent - a - b);
		struct iovec iov[4] = { { text + sent, a },
			                { NULL, 0 },
			                { text + sent + a, b },
			                { text + sent + a + b, c } };
		ssize_t n = sock_writev(&duo.client.sock, iov, 4);

		if (!CHECK(n >= 0))
			break;
		sent += (size_t)n;
		if ((size_t)n < a + b + c) {
			stalls++;
			CHECK(!duo.client.sock.may_write);
			CHECK(duo.client.sock.unsent.len <= 40 * KiB);
			duo.server.deaf = false;
			for (int i = 0; i < 50 && !duo.client.sock.may_write; i++) {
				talker_listen(&duo.server);
				talk_turns(&duo, 1);
			}
			duo.server.deaf = true;
		}
	}
	sock_end(&duo.client.sock);
	duo.server.deaf = false;
	for (int i = 0; i < 50 && !duo.server.end; i++) {
		talker_listen(&duo.server);
		talk_turns(&duo, 1);
	}
	CHECK(stalls > 0);
	CHECK(sock_is_sent(&duo.client.sock));
	check_pattern(&duo.server.heard, TOTAL);
	CHECK_INT(duo.server.end, SOCK_END);
	end();
}

TEST(tls_gives_what_came_together_in_one_read)
{
	char bytes[100];

	begin();
	CHECK(shake_hands());
	duo.server.deaf = true;
	for (int i = 0; i < 5; i++)
		talker_say(&duo.client, STR("record. "));
	talk_turns(&duo, 2);
	CHECK_INT(sock_read(&duo.server.sock, bytes, 3), 3);
	CHECK(duo.server.sock.may_read);
	CHECK_INT(sock_read(&duo.server.sock, bytes, sizeof(bytes)), 37);
	CHECK(!duo.server.sock.may_read);
	end();
}

TEST(tls_contexts_may_go_before_their_connections)
{
	begin();
	CHECK(shake_hands());
	struct tls_server *again = tls_server_ref(server);
	tls_server_unref(&again);
	CHECK(!again);
	tls_server_unref(&server);
	tls_client_done(&trusting);
	CHECK_INT(talker_say(&duo.client, STR("hello")), 5);
	CHECK_INT(talker_say(&duo.server, STR("hello")), 5);
	talk_turns(&duo, 2);
	CHECK_STR(buf_str(&duo.server.heard), "hello");
	CHECK_STR(buf_str(&duo.client.heard), "hello");
	end();
}

TEST(tls_says_what_is_wrong_with_a_file)
{
	struct cert_files other = cert_make("DNS:a", 1);

	files = cert_make("DNS:b", 1);
	CHECK(!tls_server_new("/dev/null/none", files.key, &why));
	CHECK(str_starts(buf_str(&why),
	                 STR("cannot use the certificate in /dev/null/none: ")));
	buf_clear(&why);
	CHECK(!tls_server_new(files.cert, other.key, &why));
	CHECK(str_has(buf_str(&why), STR("key values mismatch")));
	buf_clear(&why);
	CHECK(!tls_client_init(&trusting, NULL, "/dev/null/none", "a", &why));
	CHECK(why.len > 0);
	buf_free(&why);
}
