/* sock_tls.c - what TLS makes of a sock's bytes.
 *
 * OpenSSL sees the descriptor through a BIO of ours.  Reading goes through sock_io_read,
 * so that edge triggers are known here too.  Writing never refuses: what OpenSSL seals is
 * gathered in the loop's buffer and sent with one system call when the call is over, and
 * the little that the kernel had no room for stays with the sock.  So there is no half
 * written record that the caller would have to offer again. */
#include "loop/private.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

enum {
	RECORD = 16 * KiB,       /* the most text in one record */
	RECORDS_AT_ONCE = 2,     /* sealed before the kernel is asked to take them */
	SEALED_MOST = 256 * KiB, /* a handshake with a long chain of certificates fits */
};

static int bio_read(BIO *bio, char *to, int size)
{
	ssize_t n = sock_io_read(BIO_get_data(bio), to, (size_t)size);

	BIO_clear_retry_flags(bio);
	if (n > 0)
		return (int)n;
	if (n == SOCK_AGAIN)
		BIO_set_retry_read(bio);
	return n == SOCK_END ? 0 : -1;
}

static int bio_write(BIO *bio, const char *from, int size)
{
	struct sock *s = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	return buf_add(&s->loop->sealed, str_of(from, (size_t)size)) ? size : -1;
}

static long bio_ctrl(BIO *bio, int what, long number, void *ptr)
{
	struct sock *s = BIO_get_data(bio);

	switch (what) {
	case BIO_CTRL_EOF: /* what tells a cut from a wait */
		return s->io_ended;
	case BIO_CTRL_FLUSH:
		return 1;
	default:
		return 0;
	}
}

static BIO_METHOD *method;

static void method_make(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sock");
	if (method) {
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
}

static BIO *bio_new(struct sock *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, method_make);
	BIO *bio = method ? BIO_new(method) : NULL;
	if (bio) {
		BIO_set_data(bio, s);
		BIO_set_init(bio, 1);
	}
	return bio;
}

bool sock_tls_start(struct sock *s, SSL_CTX *ctx, const struct tls_client *client)
{
	BIO *bio = bio_new(s);
	SSL *ssl = bio ? SSL_new(ctx) : NULL;

	s->ssl = ssl;
	s->unsent.limit = s->loop->sealed.limit = SEALED_MOST;
	if (!s->loop->clear)
		s->loop->clear = mem_new(RECORD);
	if (!ssl) {
		BIO_free(bio);
		sock_fail(s, FAULT_TLS_FAILED, 0);
		return false;
	}
	SSL_set_bio(ssl, bio, bio);
	if (!client) {
		SSL_set_accept_state(ssl);
		return true;
	}
	SSL_set_connect_state(ssl);
	if (!tls_client_prepare(client, ssl))
		sock_fail(s, FAULT_TLS_FAILED, 0);
	return !s->why;
}

/* What an OpenSSL call meant that did not give what it was asked for. */
static int outcome(struct sock *s, int result)
{
	int error = SSL_get_error(s->ssl, result);

	if (error == SSL_ERROR_WANT_READ)
		return SOCK_AGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return SOCK_END;
	if (!s->tls_error)
		s->tls_error = (unsigned)ERR_peek_error();
	return sock_fail(s, FAULT_UPSTREAM_CUT, 0);
}

/* A server that speaks no ALPN speaks HTTP/1.1; one that chose otherwise is not ours. */
static bool speaks_http(SSL *ssl)
{
	const unsigned char *chosen;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &chosen, &len);
	return len == 0 ||
	       (len == sizeof(TLS_ALPN) - 2 && !memcmp(chosen, &TLS_ALPN[1], len));
}

/* Whatever happens in a handshake, the fault is the same; the details are kept beside. */
static cold bool handshake_failed(struct sock *s)
{
	s->tls_verify = (int)SSL_get_verify_result(s->ssl);
	s->why = FAULT_TLS_FAILED;
	return false;
}

bool sock_tls_handshake(struct sock *s)
{
	ERR_clear_error();
	int result = SSL_do_handshake(s->ssl);
	if (result != 1)
		outcome(s, result);
	if (s->loop->sealed.len) /* also the alert that says why we refuse */
		sock_flush(s);
	if (s->why)
		return handshake_failed(s);
	if (result != 1)
		return false;
	if (!speaks_http(s->ssl))
		return handshake_failed(s);
	s->may_read = true; /* what came behind the handshake is already here */
	return true;
}

ssize_t sock_tls_read(struct sock *s, void *to, size_t size)
{
	size_t got = 0, n;
	int result = 1, end = 0;

	if (!s->may_read)
		return SOCK_AGAIN;
	ERR_clear_error();
	/* Records that came together are read together; that costs no system call. */
	while (got < size) {
		result = SSL_read_ex(s->ssl, (char *)to + got, size - got, &n);
		if (result != 1)
			break;
		got += n;
		if (!SSL_has_pending(s->ssl))
			break;
	}
	if (result != 1)
		end = outcome(s, result);
	s->over = end;
	s->may_read = result == 1 ? s->io_readable || s->hangup || SSL_has_pending(s->ssl)
	                          : end && got;
	if (!s->may_read) /* a ticket makes OpenSSL take buffers that nobody gives back */
		SSL_free_buffers(s->ssl);
	if (s->loop->sealed.len) /* the peer wanted new keys */
		sock_flush(s);
	return got ? (ssize_t)got : end;
}

/* Where in a caller's iovecs we are. */
struct place {
	const struct iovec *iov;
	int count;
	size_t done; /* of iov[0] */
};

static str rest_of_piece(struct place *at)
{
	while (at->count > 0 && at->done == at->iov->iov_len) {
		at->iov++;
		at->count--;
		at->done = 0;
	}
	if (at->count == 0)
		return STR_NONE;
	return str_of((const char *)at->iov->iov_base + at->done,
	              at->iov->iov_len - at->done);
}

/* The text of the next record: in place when it lies together, else gathered. */
static str next_record(struct place *at, char *gathered)
{
	str piece = rest_of_piece(at);
	size_t len = 0;

	if (piece.len >= RECORD || at->count <= 1) {
		piece = str_first(piece, RECORD);
		at->done += piece.len;
		return piece;
	}
	while (piece.len > 0 && len < RECORD) {
		piece = str_first(piece, RECORD - len);
		memcpy(gathered + len, piece.ptr, piece.len);
		len += piece.len;
		at->done += piece.len;
		piece = rest_of_piece(at);
	}
	return str_of(gathered, len);
}

/* Seals some records and hands them to the kernel; how much text, or SOCK_FAILED. */
static ssize_t write_records(struct sock *s, struct place *at)
{
	size_t taken = 0, n;

	for (int i = 0; i < RECORDS_AT_ONCE; i++) {
		str text = next_record(at, s->loop->clear);

		if (text.len == 0)
			break;
		int result = SSL_write_ex(s->ssl, text.ptr, text.len, &n);
		if (result != 1) {
			outcome(s, result);
			buf_clear(&s->loop->sealed);
			return SOCK_FAILED;
		}
		taken += text.len;
	}
	return sock_flush(s) ? (ssize_t)taken : SOCK_FAILED;
}

ssize_t sock_tls_writev(struct sock *s, const struct iovec *iov, int count)
{
	struct place at = { .iov = iov, .count = count };
	ssize_t taken = 0;

	if (s->unsent.len && s->may_write && !sock_flush(s))
		return SOCK_FAILED;
	ERR_clear_error();
	while (s->may_write && rest_of_piece(&at).len > 0) {
		ssize_t n = write_records(s, &at);

		if (n < 0)
			return taken ? taken : SOCK_FAILED;
		taken += n;
	}
	return taken;
}

void sock_tls_end(struct sock *s)
{
	ERR_clear_error();
	if (!s->connecting && !s->why)
		SSL_shutdown(s->ssl);
	if (s->loop->sealed.len || s->unsent.len == 0)
		sock_flush(s);
}

void sock_tls_free(struct sock *s)
{
	/* A session is thrown away with a connection that seems to have broken; most of
	 * ours are simply closed. */
	if (!s->why)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	s->ssl = NULL;
}

const char *sock_tls_explain(const struct sock *s)
{
	const char *text = NULL;

	if (s->tls_verify)
		text = X509_verify_cert_error_string(s->tls_verify);
	else if (s->tls_error)
		text = ERR_reason_error_string(s->tls_error);
	return text;
}
