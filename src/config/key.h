/* key.h - the text of virtual keys, and what is kept of it.
 *
 *	sk-sl-0123456789ab-<43 characters of base64url: 32 random bytes>
 *
 * The middle is the key's id, so a lookup needs no search by secret.  Kept is only
 * HMAC-SHA-256(pepper, text); the pepper is a file beside the ledger, so that a copy of
 * the database alone lets nobody check a guess. */
#pragma once
#include "base/buf.h"

enum { KEY_TEXT = 62, KEY_MAC = 32, PEPPER = 32 };

/* A new key's text (KEY_TEXT bytes) and id, which is never 0. */
void key_generate(char text[KEY_TEXT], uint64_t *ret_id);
/* False: not of this form. Says nothing about whether the key exists. */
must_check bool key_parse_id(str text, uint64_t *ret_id);
/* Does a secret of ours stand anywhere in the text: that of a virtual key, or of a token
 * of the admin API (admin/token.h), also when its end is cut off? */
bool key_stands_in(str text);
/* Puts '*' in place of all of them; prefixes and ids stay. */
void key_hide(char *text, size_t len);
void key_mac(const uint8_t pepper[PEPPER], str text, uint8_t ret[KEY_MAC]);

enum pepper_found { PEPPER_FOUND, PEPPER_MISSING, PEPPER_BAD /* *why says it */ };
/* Reads $dir/pepper. */
must_check enum pepper_found pepper_find(str dir, uint8_t ret[PEPPER], struct buf *why);
/* The same; made (0600, random) when there is none. False: *why. */
must_check bool pepper_load(str dir, uint8_t ret[PEPPER], struct buf *why);

/* key_mac for the hot path: the pepper's two blocks are hashed once.  Not thread-safe;
 * one for each worker. */
struct key_hasher {
	struct evp_md_ctx_st *inner, *outer; /* primed */
	struct evp_md_ctx_st *work;
};
void key_hasher_init(struct key_hasher *h, const uint8_t pepper[PEPPER]);
void key_hasher_mac(struct key_hasher *h, str text, uint8_t ret[KEY_MAC]);
void key_hasher_done(struct key_hasher *h);
