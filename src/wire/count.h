/* count.h - how many tokens a chat's request has: asked of a provider, or guessed. */
#pragma once
#include "wire/work.h"

/* What a picture or another medium is guessed at: Anthropic and OpenAI count up to 1,600
 * tokens for a picture of usual size, by its width and height, Gemini 258 for each part
 * of it. */
enum { COUNT_MEDIA_TOKENS = 1000 };

/* A guess from what the request says: four bytes of text a token, and a little for each
 * turn, tool and picture. */
uint64_t count_guess(const struct chat_request *r);
