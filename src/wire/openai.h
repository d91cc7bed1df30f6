/* openai.h - between the two files of the OpenAI formats. For wire/ alone. */
#pragma once
#include "wire/wire.h"

void openai_tap_event(struct tap *t, str name, str data, struct tap_event *ret);
fault_t openai_tap_answer(struct tap *t, str body, str *ret_message);
bool openai_is_complete(const struct tap *t);
