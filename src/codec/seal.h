/* seal.h - authenticated encryption of what is kept: AES-256-GCM with a key that says its
 * name.
 *
 *	1 byte     version of this form: 1
 *	4 bytes    id of the key, big endian
 *	12 bytes   nonce, random
 *	n bytes    ciphertext, as long as the text
 *	16 bytes   tag
 *
 * The first two and `about` are authenticated as well: a text that was moved to another
 * place, or whose version was changed, cannot be opened there.  One key takes at most
 *2^32 texts (NIST SP 800-38D, 8.3: random nonces of 96 bits), so each use derives keys of
 *its own, and a use with many texts one for each day or file. */
#pragma once
#include "base/buf.h"

enum { SEAL_KEY = 32, SEAL_HEAD = 1 + 4 + 12, SEAL_TAG = 16 };
/* So many bytes longer is a sealed text. */
enum { SEAL_MORE = SEAL_HEAD + SEAL_TAG };

struct seal_key {
	uint32_t id; /* told in each sealed text; seal_key_init */
	uint8_t bytes[SEAL_KEY];
};

/* A key from 32 random bytes; its id comes from them, and tells nothing else of them. */
void seal_key_init(struct seal_key *ret, const uint8_t bytes[SEAL_KEY]);
/* The key of `from` for one use (HKDF-SHA256, RFC 5869): purpose is any text, "bodies
 * 2026-11-26".  It has the id of `from`. */
void seal_derive(const struct seal_key *from, str purpose, struct seal_key *ret);
/* Adds the sealed text.  False: to->limit forbids it, and nothing was added. */
must_check bool seal(const struct seal_key *key, str about, str text, struct buf *to);
/* The id of the key that sealed it; false: it is no sealed text of a version we know. */
must_check bool seal_key_id(str sealed, uint32_t *ret);
/* Adds the text.  False: another key, another `about`, not one bit as it was, or
 * to->limit forbids it; nothing was added then. */
must_check bool seal_open(const struct seal_key *key, str about, str sealed,
                          struct buf *to);
