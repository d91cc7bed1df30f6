/* token.h - the tokens of the admin API: their text, and what is kept of it.
 *
 *	sl-admin-0123456789ab-<43 characters of base64url: 32 random bytes>
 *
 * The middle is the token's id, so that a look-up needs no search by secret.  Kept is
 * scrypt of the whole text (N 2^15, r 8, p 1: 32 MiB and a tenth of a second). */
#pragma once
#include "admin/route.h"
#include "store/admin_row.h"

enum { ADMIN_TOKEN = 65, ADMIN_TOKEN_NAME = 128 };

/* A new token: its text, shown once, and its row, whose name is `name`, borrowed. */
void admin_token_make(str name, unsigned scopes, usec wall, usec expires,
                      struct admin_token_row *ret, char text[ADMIN_TOKEN]);
/* False: not of this form. Says nothing about whether the token exists. */
must_check bool admin_token_id(str text, uint64_t *ret_id);
/* Takes a tenth of a second. */
void admin_token_hash(str text, const uint8_t salt[ADMIN_SALT], uint8_t ret[ADMIN_HASH]);
/* "read,keys" as bits. False: a word that is no scope, or none. */
must_check bool admin_scopes_parse(str text, unsigned *ret);
