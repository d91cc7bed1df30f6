/* model.h - small streams, for the comparison with the model of the states (model.py).
 *
 * A stream of OpenAI's chat format is a word, a letter for each event: o role, t text,
 * r reasoning, x refusal, c a call begins, a a piece of its arguments, z their end,
 * f finish, u usage, d [DONE]. */
#pragma once
#include "tests/enum/scene.h"

/* What the word says, kept until the next call. */
const struct answer *model_answer(const char *word);
void model_speak(const char *word, struct stream *to);
/* Lines "WORD EVENTS OK CLIENT": so many events of the word come, then the connection
 * ends; the next providers go on well or (OK 0) all fail.  Answers each with how the
 * later attempts were asked (see transcript.asked; - for none) and how it ended: success,
 * error, status. */
int model_run(void);
