/* known_key.h - what is known of a client's connection from its earlier requests.
 *
 * A client that keeps its connection says the same key in every request.  It is hashed
 * once; after that its text is compared with the one that was good, which costs a
 * hundredth.  The text and its MAC live and die with the connection (struct http_conn has
 * the room and wipes it), and whether that MAC is still good is asked each time: a key
 * can be revoked, expire, or get a new secret. */
#pragma once
#include "config/key.h"
#include "http/server.h"

struct known_key {
	uint64_t key; /* id of the credential; 0: none was good yet */
	uint8_t mac[KEY_MAC];
	char credential[KEY_TEXT];
};
_Static_assert(sizeof(struct known_key) <= HTTP_SESSION, "there is room for it");

static inline struct known_key *known_key_of(struct http_conn *c)
{
	return (struct known_key *)(void *)c->session;
}

/* Is that the credential which was good before?  Takes the same time wherever they
 * differ. */
static inline bool known_key_is(const struct known_key *s, str credential)
{
	return s->key && str_eq_secret(str_of(s->credential, KEY_TEXT), credential);
}

static inline void known_key_keep(struct known_key *s, uint64_t key, str credential,
                                  const uint8_t mac[KEY_MAC])
{
	if (credential.len != KEY_TEXT)
		return;
	s->key = key;
	memcpy(s->mac, mac, KEY_MAC);
	memcpy(s->credential, credential.ptr, KEY_TEXT);
}
