/* pin_row.h - what one account of a provider keeps, and whose it is.
 *
 * A stored response, a file, an encrypted item: it means something only to the provider
 * and the key that made it, and requests that speak of it have to go there. */
#pragma once
#include "base/str.h"
#include "base/usec.h"

enum { PIN_ID = 16 };
/* For the key of a PIN_ITEM: a provider has given that id to several. */
#define PIN_OF_MANY UINT64_MAX

enum pin_kind {
	PIN_RESPONSE, /* stored by the provider; for the virtual key that made it alone */
	PIN_SEAL,     /* the end of an encrypted item */
	PIN_KEPT,     /* a file, as far as somebody has used it */
	PIN_ITEM,     /* of a stored response, as that one */
	PIN_CONVERSATION, /* as far as somebody has used it */
	PIN_KINDS,
};

struct pin_row {
	uint8_t id[PIN_ID]; /* a MAC of kind and name, with the server's pepper */
	enum pin_kind kind;
	uint64_t key;     /* the virtual key's id, 0: none */
	uint64_t account; /* a MAC of the provider's name and key; never 0 */
	usec made_wall;
	str provider; /* for people */
	bool is_gone; /* the client has deleted it */
	bool phi;     /* nothing may be kept of a request that speaks of it */
};
