/* kept.h - names of what one account of a provider keeps, found in requests. */
#pragma once
#include "codec/json.h"
#include "wire/wire.h"

enum {
	KEPT_NAME = 512,               /* bytes of an id; OpenAI's have some 50 */
	KEPT_ROOM = 6 * KEPT_NAME + 2, /* all of it may be written as \u escapes */
};

/* An id as its provider reads it, unescaped: where it stands, or in room.  False: it is
 * no string, empty, longer than KEPT_NAME, or has more in it than visible ASCII, quotes
 * and backslashes apart, so that readers might differ about it. */
bool kept_id(struct json_value v, char room[KEPT_ROOM], str *ret);

/* Files (Gemini: addresses of its Files API), one after the other.  The body has passed
 * the format's skim. */
struct kept_files {
	str rest; /* private */
	str member;
};
void kept_files_init(struct kept_files *f, enum wire_format format, str body);
/* Those that are no ids are left out. */
bool kept_files_next(struct kept_files *f, char room[KEPT_ROOM], str *ret);

/* What an item of the input means by an id. */
enum kept_item {
	ITEM_REFERENCE, /* the item of that id */
	ITEM_ALONE,     /* the same: it says nothing but its id */
	ITEM_BESIDE,    /* it says something, but the provider may look the id up */
};
/* NULL: go on. */
typedef fault_t kept_item_fn(void *arg, enum kept_item how, str id);
/* Names in the input of openai-responses, in their order; the body has passed skim.  What
 * `each` has failed with, JSON_DUPLICATE or JSON_LIMIT for an item, or BAD_REQUEST for
 * one whose id is none. */
must_check fault_t kept_items(str body, kept_item_fn *each, void *arg);
