/* count.h - how many tokens a chat's request has: asked of a provider, or guessed. */
#pragma once
#include "wire/work.h"

/* A guess from what the request says: four bytes of text a token, and a little for each
 * turn, tool and picture. */
uint64_t count_guess(const struct chat_request *r);
