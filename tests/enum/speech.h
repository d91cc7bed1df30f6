/* speech.h - for the files that speak: an answer on its way into a stream. */
#pragma once
#include "tests/enum/speak.h"

struct speech {
	struct stream *to;
	const struct answer *a;
	const struct manner *m;
	unsigned random;
	unsigned number; /* of Responses' events */
	struct buf json; /* of the event that is being written */
};

/* The bytes so far end an event; type tells its first of a kind. */
void speech_end_event(struct stream *to, const char *type);
/* The event whose JSON stands in s->json; name may be NULL. */
void speech_event(struct speech *s, const char *name, const char *type);
/* A message of an AWS event stream. */
void speech_frame(struct buf *to, str kind, str what, str type, str payload);
/* The next piece of a text, whole code points. */
str speech_piece(struct speech *s, str *text);
/* The inside of a JSON string, added to s->json. */
void speech_text(struct speech *s, str text);

void speak_chat(struct speech *s);
void speak_responses(struct speech *s);
void speak_anthropic(struct speech *s);
void speak_gemini(struct speech *s);
void speak_bedrock(struct speech *s);
void speak_cohere(struct speech *s);
