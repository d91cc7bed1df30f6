/* rsa.h - one RSA key for the tests of a process, made when it is first wanted. */
#pragma once
#include "base/str.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static inline EVP_PKEY *test_rsa(void)
{
	static EVP_PKEY *key;

	if (!key)
		key = EVP_RSA_gen(2048);
	return key;
}

/* Its PEM; the caller frees the BIO, which owns the text. */
static inline str test_pem(EVP_PKEY *key, BIO **ret_owner)
{
	char *text;
	long len;

	*ret_owner = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(*ret_owner, key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(*ret_owner, &text);
	return str_of(text, (size_t)len);
}
