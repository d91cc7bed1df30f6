#include "codec/jwt.h"

#include "codec/json_write.h"
#include "codec/text.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { SIGNATURE_MOST = 2 * KiB, HEADER_MOST = 4 * KiB, PEM_MOST = 64 * KiB };

/* Instead of OpenSSL's own, which would ask on the terminal. */
static int no_pass_phrase(char *to, int size, int is_writing, void *arg)
{
	(void)to, (void)size, (void)is_writing, (void)arg;
	return -1;
}

/* NULL when it is none, or no RSA key. */
static EVP_PKEY *read_key(str pem)
{
	BIO *bio = pem.len && pem.len <= PEM_MOST ? BIO_new_mem_buf(pem.ptr, (int)pem.len)
	                                          : NULL;
	EVP_PKEY *key =
	        bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error(); /* what is left there would be told of another's TLS */
	if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

bool jwt_key_is_usable(str pem)
{
	EVP_PKEY *key = read_key(pem);

	EVP_PKEY_free(key);
	return key != NULL;
}

static void add_header(struct buf *to, str key_id)
{
	struct buf header = BUF_LIMIT(HEADER_MOST);
	struct json_writer w = { .to = &header };

	json_open(&w, '{');
	json_key_str(&w, STR("alg"), STR("RS256"));
	json_key_str(&w, STR("typ"), STR("JWT"));
	if (key_id.len)
		json_key_str(&w, STR("kid"), key_id);
	json_close(&w, '}');
	base64url_encode(to, buf_str(&header));
	to->over |= header.over;
	buf_free(&header);
}

static bool sign(EVP_PKEY *key, str text, struct buf *to)
{
	unsigned char signature[SIGNATURE_MOST];
	size_t len = sizeof(signature);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
	            EVP_DigestSign(c, signature, &len, (const unsigned char *)text.ptr,
	                           text.len) == 1;

	EVP_MD_CTX_free(c);
	ERR_clear_error();
	if (good)
		base64url_encode(to, str_of((const char *)signature, len));
	return good;
}

bool jwt_sign(str pem, str key_id, str claims, struct buf *to)
{
	EVP_PKEY *key = read_key(pem);
	struct buf text = BUF_LIMIT(to->limit);
	bool good = false;

	if (key) {
		add_header(&text, key_id);
		buf_add_char(&text, '.');
		base64url_encode(&text, claims);
		buf_add(to, buf_str(&text));
		buf_add_char(to, '.');
		good = sign(key, buf_str(&text), to) && !text.over && !to->over;
	}
	buf_free(&text);
	EVP_PKEY_free(key);
	return good;
}
