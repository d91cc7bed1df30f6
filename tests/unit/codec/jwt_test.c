#include "codec/jwt.h"

#include "codec/text.h"
#include "tests/check.h"
#include "tests/unit/codec/rsa.h"

/* base64url back to bytes: what `text` has no function for, because nobody reads tokens.
 */
static size_t decode(str s, char *room)
{
	char plain[1024];
	str bytes;
	size_t n = 0;

	for (; n < s.len; n++)
		plain[n] = s.ptr[n] == '-' ? '+' : s.ptr[n] == '_' ? '/' : s.ptr[n];
	while (n % 4)
		plain[n++] = '=';
	CHECK(base64_decode(str_of(plain, n), room, &bytes));
	return bytes.len;
}

static bool is_signed(str text, str signature)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	char bytes[1024];
	size_t len = decode(signature, bytes);
	bool good = EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, test_rsa()) == 1 &&
	            EVP_DigestVerify(c, (unsigned char *)bytes, len,
	                             (const unsigned char *)text.ptr, text.len) == 1;

	EVP_MD_CTX_free(c);
	return good;
}

TEST(jwt_is_signed_with_the_key)
{
	struct buf b = BUF_LIMIT(4 * KiB);
	char room[1024];
	BIO *owner;
	str pem = test_pem(test_rsa(), &owner), head, claims;

	CHECK(jwt_key_is_usable(pem));
	CHECK(jwt_sign(pem, STR("kid\"1"), STR("{\"iss\":\"me\"}"), &b));
	size_t last = str_find_last(buf_str(&b), '.');
	str text = str_first(buf_str(&b), last);
	CHECK(is_signed(text, str_from(buf_str(&b), last + 1)));
	CHECK(!is_signed(str_first(text, last - 1), str_from(buf_str(&b), last + 1)));
	claims = text;
	head = str_cut(&claims, '.');
	CHECK_STR_EQ(str_of(room, decode(head, room)),
	             STR("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"kid\\\"1\"}"));
	CHECK_STR_EQ(str_of(room, decode(claims, room)), STR("{\"iss\":\"me\"}"));

	buf_clear(&b);
	CHECK(jwt_sign(pem, STR_NONE, STR("{}"), &b));
	head = buf_str(&b);
	head = str_cut(&head, '.');
	CHECK_STR_EQ(str_of(room, decode(head, room)),
	             STR("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
	buf_free(&b);
	b = BUF_LIMIT(100);
	CHECK(!jwt_sign(pem, STR_NONE, STR("{}"), &b));
	buf_free(&b);
	BIO_free(owner);
}

TEST(jwt_wants_an_rsa_key)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct buf b = BUF_LIMIT(4 * KiB);
	BIO *owner;
	str pem = test_pem(other, &owner);

	CHECK(!jwt_key_is_usable(pem));
	CHECK(!jwt_sign(pem, STR_NONE, STR("{}"), &b));
	CHECK(!jwt_key_is_usable(STR_NONE));
	CHECK(!jwt_key_is_usable(STR("-----BEGIN PRIVATE KEY-----\nAAAA\n")));
	BIO_free(owner);
	/* One that is locked is no key, and nobody is asked on the terminal. */
	owner = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(owner, test_rsa(), EVP_aes_128_cbc(),
	                         (const unsigned char *)"x", 1, NULL, NULL);
	char *text;
	long len = BIO_get_mem_data(owner, &text);
	CHECK(!jwt_key_is_usable(str_of(text, (size_t)len)));
	BIO_free(owner);
	EVP_PKEY_free(other);
	buf_free(&b);
}
