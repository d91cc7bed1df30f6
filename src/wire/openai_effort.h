/* openai_effort.h - the levels of reasoning that models of OpenAI take.  For wire/ alone.
 */
#pragma once
#include "wire/chat.h"

/* The level to say to a model at OpenAI or Azure for what the client wants: the nearest
 * that it takes, upwards first.  What a client has said in OpenAI's own words stays, as
 * do levels for other providers and models that nobody knows.  EFFORT_UNSET: nothing is
 * to be said, because nothing is wanted or the model takes no level. */
enum chat_effort openai_effort(const struct chat_request *r, const struct chat_target *t);
