/* token.c - see token.h. */
#include "admin/token.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"
#include "loop/sys.h"

#include <openssl/evp.h>

enum { ID_DIGITS = 12, SECRET = 32, SECRET_CHARS = 43 };
/* OpenSSL refuses by itself to take more than 32 MiB, which this is a little over. */
enum { SCRYPT_N = 1 << 15, SCRYPT_R = 8, SCRYPT_P = 1, SCRYPT_MEMORY = 64 * MiB };
static const str prefix = STR_INIT("sl-admin-");

void admin_token_hash(str text, const uint8_t salt[ADMIN_SALT], uint8_t ret[ADMIN_HASH])
{
	assert(EVP_PBE_scrypt(text.ptr, text.len, salt, ADMIN_SALT, SCRYPT_N, SCRYPT_R,
	                      SCRYPT_P, SCRYPT_MEMORY, ret, ADMIN_HASH) == 1);
}

void admin_token_make(str name, unsigned scopes, usec wall, usec expires,
                      struct admin_token_row *ret, char text[ADMIN_TOKEN])
{
	struct buf b = BUF_LIMIT(2 * ADMIN_TOKEN);
	char secret[SECRET];

	*ret = (struct admin_token_row){ .name = name,
		                         .scopes = scopes,
		                         .created_wall = wall,
		                         .expires_wall = expires };
	while (ret->id == 0) {
		sys_random(&ret->id, sizeof(ret->id));
		ret->id &= ((uint64_t)1 << (4 * ID_DIGITS)) - 1;
	}
	sys_random(secret, sizeof(secret));
	sys_random(ret->salt, sizeof(ret->salt));
	buf_add(&b, prefix);
	buf_add_hex(&b, ret->id, ID_DIGITS);
	buf_add_char(&b, '-');
	base64url_encode(&b, str_of(secret, sizeof(secret)));
	assert(b.len == ADMIN_TOKEN);
	memcpy(text, b.ptr, ADMIN_TOKEN);
	admin_token_hash(str_of(text, ADMIN_TOKEN), ret->salt, ret->hash);
	mem_wipe(secret, sizeof(secret));
	mem_wipe(b.ptr, b.len);
	buf_free(&b);
}

bool admin_token_id(str text, uint64_t *ret_id)
{
	str id;

	if (text.len != ADMIN_TOKEN || !str_skip(&text, prefix))
		return false;
	id = str_take(&text, ID_DIGITS);
	for (size_t i = 0; i < id.len; i++)
		if (!char_is_digit(id.ptr[i]) && !(id.ptr[i] >= 'a' && id.ptr[i] <= 'f'))
			return false;
	if (!str_skip(&text, STR("-")))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char low = char_lower(text.ptr[i]);

		if (!(low >= 'a' && low <= 'z') && !char_is_digit(low) && low != '-' &&
		    low != '_')
			return false;
	}
	return hex_to_u64(id, ret_id) && *ret_id != 0;
}

bool admin_scopes_parse(str text, unsigned *ret)
{
	unsigned scopes = 0;

	while (text.len > 0) {
		str word = str_trim(str_cut(&text, ','));
		int bit = 0;

		while (bit < ADMIN_SCOPES && !str_eq(word, admin_scope_names[bit]))
			bit++;
		if (bit == ADMIN_SCOPES)
			return false;
		scopes |= 1u << bit;
	}
	*ret = scopes;
	return scopes != 0;
}
