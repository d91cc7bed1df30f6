/* tls.h - TLS contexts (OpenSSL).  TLS 1.2 with AEAD suites and 1.3, nothing below.
 *
 * Upstream contexts always verify, chain and name; there is no switch to turn that off.
 * One X509_STORE is loaded once per process and shared; one SSL_CTX per worker and
 * upstream, so that threads share nothing hot and sessions resume.  ALPN is http/1.1. */
#pragma once
#include "base/buf.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct x509_store_st;

/* What all contexts share: the machine's CA certificates ($SSL_CERT_FILE, or the file the
 * distribution keeps).  They are read here, never during a handshake. */
struct tls_roots {
	struct x509_store_st *store;
};
/* False and a text in *why when there are none. */
must_check bool tls_roots_init(struct tls_roots *r, struct buf *why);
void tls_roots_done(struct tls_roots *r);

/* For connections to one upstream name, on one thread.  It does not move. */
struct tls_client {
	struct ssl_ctx_st *ctx;
	char *name; /* for SNI and verification; an IP literal is verified as one; owned
	             */
	struct ssl_session_st *session; /* the newest ticket, offered on the next dial */
};
/* roots may be NULL when ca_file (NUL-terminated, may be NULL) is given: then only the
 * certificates in there are trusted. */
must_check bool tls_client_init(struct tls_client *t, const struct tls_roots *roots,
                                const char *ca_file, const char *name, struct buf *why);
/* Connections made with it live on. */
void tls_client_done(struct tls_client *t);

/* For a listener: certificate chain and key in PEM files; both are checked against each
 * other.  Counted, so that a reload replaces the context while old connections live. */
struct tls_server;
struct tls_server *tls_server_new(const char *cert_file, const char *key_file,
                                  struct buf *why);
struct tls_server *tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server **t);
struct ssl_ctx_st *tls_server_ctx(struct tls_server *t);
