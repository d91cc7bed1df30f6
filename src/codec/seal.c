/* seal.c - see seal.h.  The arithmetic is OpenSSL's; what is ours is the form.  Only a
 * broken OpenSSL can fail at what is asserted here. */
#include "codec/seal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

enum { VERSION = 1, NONCE_AT = 5, NONCE = 12, TEXT_MOST = INT_MAX / 2 };

/* ---- keys ---- */

static void derive(const uint8_t bytes[SEAL_KEY], str purpose, uint8_t *ret, size_t size)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	char sha256[] = "SHA256";
	uint8_t key[SEAL_KEY];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
		OSSL_PARAM_construct_octet_string(
		        OSSL_KDF_PARAM_INFO, (char *)(uintptr_t)purpose.ptr, purpose.len),
		OSSL_PARAM_construct_end(),
	};

	assert(ctx && purpose.len > 0);
	memcpy(key, bytes, sizeof(key));
	assert(EVP_KDF_derive(ctx, ret, size, params) == 1);
	mem_wipe(key, sizeof(key));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void seal_key_init(struct seal_key *ret, const uint8_t bytes[SEAL_KEY])
{
	uint8_t id[4];

	derive(bytes, STR("sluice: the id of a key"), id, sizeof(id));
	ret->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 |
	          id[3];
	memcpy(ret->bytes, bytes, SEAL_KEY);
}

void seal_derive(const struct seal_key *from, str purpose, struct seal_key *ret)
{
	uint8_t bytes[SEAL_KEY];

	derive(from->bytes, purpose, bytes, sizeof(bytes));
	ret->id = from->id;
	memcpy(ret->bytes, bytes, sizeof(bytes));
	mem_wipe(bytes, sizeof(bytes));
}

/* ---- texts ---- */

static uint8_t *bytes_of(struct buf *b)
{
	return (uint8_t *)b->ptr + b->len;
}

static void write_head(const struct seal_key *key, uint8_t *to)
{
	to[0] = VERSION;
	for (int i = 0; i < 4; i++)
		to[1 + i] = (uint8_t)(key->id >> (24 - 8 * i));
	assert(RAND_bytes(to + NONCE_AT, NONCE) == 1);
}

/* Version, key and what it is about: read by the cipher, but not turned. */
static bool add_about(EVP_CIPHER_CTX *ctx, const uint8_t *head, str about)
{
	int n;

	return EVP_CipherUpdate(ctx, NULL, &n, head, NONCE_AT) == 1 &&
	       (about.len == 0 ||
	        EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)about.ptr,
	                         (int)about.len) == 1);
}

static EVP_CIPHER_CTX *begin(const struct seal_key *key, const uint8_t *head, str about,
                             int direction)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	assert(ctx && about.len <= TEXT_MOST);
	assert(EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes,
	                         head + NONCE_AT, direction) == 1 &&
	       add_about(ctx, head, about));
	return ctx;
}

bool seal(const struct seal_key *key, str about, str text, struct buf *to)
{
	uint8_t head[SEAL_HEAD], *at;
	EVP_CIPHER_CTX *ctx;
	int n = 0;

	if (text.len > TEXT_MOST || !buf_reserve(to, text.len + SEAL_MORE))
		return false;
	write_head(key, head);
	ctx = begin(key, head, about, 1);
	memcpy(bytes_of(to), head, SEAL_HEAD);
	at = bytes_of(to) + SEAL_HEAD;
	if (text.len)
		assert(EVP_CipherUpdate(ctx, at, &n, (const uint8_t *)text.ptr,
		                        (int)text.len) == 1);
	assert((size_t)n == text.len && EVP_CipherFinal_ex(ctx, at + n, &n) == 1);
	assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, at + text.len) ==
	       1);
	EVP_CIPHER_CTX_free(ctx);
	to->len += text.len + SEAL_MORE;
	return true;
}

bool seal_key_id(str sealed, uint32_t *ret)
{
	const uint8_t *at = (const uint8_t *)sealed.ptr;

	if (sealed.len < SEAL_MORE || at[0] != VERSION)
		return false;
	*ret = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 |
	       at[4];
	return true;
}

bool seal_open(const struct seal_key *key, str about, str sealed, struct buf *to)
{
	const uint8_t *head = (const uint8_t *)sealed.ptr;
	uint8_t tag[SEAL_TAG];
	size_t len = sealed.len - SEAL_MORE;
	EVP_CIPHER_CTX *ctx;
	bool is_whole;
	uint32_t id;
	int n = 0;

	if (!seal_key_id(sealed, &id) || id != key->id || len > TEXT_MOST ||
	    !buf_reserve(to, len + 1))
		return false;
	memcpy(tag, head + SEAL_HEAD + len, SEAL_TAG);
	ctx = begin(key, head, about, 0);
	if (len)
		assert(EVP_CipherUpdate(ctx, bytes_of(to), &n, head + SEAL_HEAD,
		                        (int)len) == 1);
	assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) == 1);
	is_whole = EVP_CipherFinal_ex(ctx, bytes_of(to) + n, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (is_whole)
		to->len += len;
	else
		mem_wipe(bytes_of(to), len); /* never shown, not even by accident */
	return is_whole;
}
