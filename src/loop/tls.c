/* tls.c - TLS contexts: what we offer, whom we trust.
 *
 * Both sides share one list of what is allowed; the client's side adds trust and the name
 * to be proven, the server's side its certificate. */
#include "loop/tls.h"

#include "base/mem.h"
#include "loop/net.h"
#include "loop/private.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <unistd.h>

/* Where distributions keep their CA certificates in one file. */
static const char *const root_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",                /* Debian, Arch, Alpine */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",                            /* SUSE */
	"/etc/ssl/cert.pem",                                 /* BSD, and others as well */
};

/* Forward secrecy and AEAD; the suites of TLS 1.3 are all of that kind. */
static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static void explain(struct buf *why, const char *what, const char *file)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;

	buf_addf(why, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
	         reason ? reason : "OpenSSL says no more");
	ERR_clear_error();
}

static const char *find_root_file(void)
{
	const char *own = getenv(X509_get_default_cert_file_env());

	if (own && own[0])
		return own;
	for (size_t i = 0; i < countof(root_files); i++) {
		if (access(root_files[i], R_OK) == 0)
			return root_files[i];
	}
	return X509_get_default_cert_file();
}

bool tls_roots_init(struct tls_roots *r, struct buf *why)
{
	const char *file = find_root_file();

	ERR_clear_error();
	r->store = X509_STORE_new();
	if (r->store && X509_STORE_load_file(r->store, file) == 1)
		return true;
	explain(why, "cannot read the CA certificates in", file);
	tls_roots_done(r);
	return false;
}

void tls_roots_done(struct tls_roots *r)
{
	X509_STORE_free(r->store);
	r->store = NULL;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	ERR_clear_error();
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, suites) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                 SSL_OP_PRIORITIZE_CHACHA);
	/* An idle connection gives its buffers back; a read takes all that has come. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	return ctx;
}

/* Called with each ticket; with TLS 1.3 they come after the handshake. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (!t) /* the connection has outlived its tls_client */
		return 0;
	SSL_SESSION_free(t->session);
	t->session = session;
	return 1;
}

static bool is_ip(const char *name)
{
	struct net_addr unused;

	return net_parse_ip(str_from_z(name), 0, &unused);
}

static bool set_trust(SSL_CTX *ctx, const struct tls_roots *roots, const char *ca_file,
                      const char *name)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	if (ca_file) {
		if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)
			return false;
		/* What is in there is trusted as it stands, root or not. */
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	} else {
		SSL_CTX_set1_cert_store(ctx, roots->store);
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return is_ip(name) ? X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1
	                   : X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static void keep_sessions(SSL_CTX *ctx, struct tls_client *t)
{
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
	                                            SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
}

bool tls_client_init(struct tls_client *t, const struct tls_roots *roots,
                     const char *ca_file, const char *name, struct buf *why)
{
	str given = str_from_z(name);

	/* Certificates are written without the dot that ends a full name. */
	if (str_ends(given, STR(".")))
		given = str_first(given, given.len - 1);
	*t = (struct tls_client){ .ctx = context_new(TLS_client_method()),
		                  .name = mem_copy_z(given) };
	if (!t->ctx) {
		explain(why, "cannot make a TLS context", NULL);
		tls_client_done(t);
		return false;
	}
	if (!set_trust(t->ctx, roots, ca_file, t->name) ||
	    SSL_CTX_set_alpn_protos(t->ctx, (const uint8_t *)TLS_ALPN,
	                            sizeof(TLS_ALPN) - 1) != 0) {
		explain(why, "cannot use", ca_file ? ca_file : t->name);
		tls_client_done(t);
		return false;
	}
	keep_sessions(t->ctx, t);
	return true;
}

void tls_client_done(struct tls_client *t)
{
	if (t->ctx)
		SSL_CTX_set_app_data(t->ctx, NULL);
	SSL_CTX_free(t->ctx);
	SSL_SESSION_free(t->session);
	free(t->name);
	*t = (struct tls_client){ 0 };
}

bool tls_client_prepare(const struct tls_client *t, SSL *ssl)
{
	if (!is_ip(t->name) && SSL_set_tlsext_host_name(ssl, t->name) != 1)
		return false;
	if (t->session && SSL_SESSION_is_resumable(t->session))
		SSL_set_session(ssl, t->session);
	return true;
}

struct tls_server {
	_Atomic unsigned refs;
	SSL_CTX *ctx;
};

/* A client that offers other protocols only is told so (RFC 7301). */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned len, void *arg)
{
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, ret_len, (const uint8_t *)TLS_ALPN,
	                          sizeof(TLS_ALPN) - 1, offered,
	                          len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Instead of OpenSSL's, which asks for it on the terminal. */
static int no_passphrase(char *to, int size, int writing, void *arg)
{
	return -1;
}

static bool load_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                      struct buf *why)
{
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
		explain(why, "cannot use the certificate in", cert_file);
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		explain(why, "cannot use the private key in", key_file);
		return false;
	}
	return true;
}

struct tls_server *tls_server_new(const char *cert_file, const char *key_file,
                                  struct buf *why)
{
	SSL_CTX *ctx = context_new(TLS_server_method());

	if (!ctx) {
		explain(why, "cannot make a TLS context", NULL);
		return NULL;
	}
	if (!load_pair(ctx, cert_file, key_file, why)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	/* Tickets carry the sessions; one is enough for a client with one connection. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	struct tls_server *t = new_of(struct tls_server);
	atomic_init(&t->refs, 1);
	t->ctx = ctx;
	return t;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tls_server_unref(struct tls_server **t)
{
	struct tls_server *server = move(*t);

	if (!server ||
	    atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) > 1)
		return;
	SSL_CTX_free(server->ctx);
	free(server);
}

struct ssl_ctx_st *tls_server_ctx(struct tls_server *t)
{
	return t->ctx;
}
