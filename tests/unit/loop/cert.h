/* cert.h - throwaway certificates: a CA of our own and a server certificate it signed. */
#pragma once
#include "tests/check.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct cert_files {
	char ca[320], cert[320], key[320]; /* PEM, below a directory of the test's */
};

static inline void cert_add_extension(X509 *cert, X509 *issuer, int nid,
                                      const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!extension || !X509_add_ext(cert, extension, -1))
		abort();
	X509_EXTENSION_free(extension);
}

static inline X509 *cert_new(EVP_PKEY *key, const char *name, X509 *issuer,
                             EVP_PKEY *issuer_key, const char *san, long days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3 * 24 * 3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * 24 * 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1,
	                           -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
	if (issuer)
		cert_add_extension(cert, issuer, NID_subject_alt_name, san);
	else
		cert_add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	if (!X509_sign(cert, issuer_key, EVP_sha256()))
		abort();
	return cert;
}

static inline void cert_write(const char *path, X509 *cert, EVP_PKEY *key)
{
	FILE *file = fopen(path, "w");

	if (!file || (cert && !PEM_write_X509(file, cert)) ||
	    (key && !PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)))
		abort();
	fclose(file);
}

/* san: "DNS:example.test" or "IP:127.0.0.1"; days < 0: expired. */
static inline struct cert_files cert_make(const char *san, long days)
{
	struct cert_files ret;
	const char *dir = test_dir();
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = cert_new(ca_key, "throwaway CA", NULL, ca_key, NULL, 10);
	X509 *cert = cert_new(key, "throwaway", ca, ca_key, san, days);

	snprintf(ret.ca, sizeof(ret.ca), "%s/ca.pem", dir);
	snprintf(ret.cert, sizeof(ret.cert), "%s/cert.pem", dir);
	snprintf(ret.key, sizeof(ret.key), "%s/key.pem", dir);
	cert_write(ret.ca, ca, NULL);
	cert_write(ret.cert, cert, NULL);
	cert_write(ret.key, NULL, key);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return ret;
}
