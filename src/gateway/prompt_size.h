/* prompt_size.h - how long a prompt is, in bytes of text: what its tokens are guessed
 * from where nobody has counted them. */
#pragma once
#include "base/str.h"

#include <stdint.h>

/* The length of a JSON body of any format, in which each picture, sound or document that
 * stands there as base64 counts as a text of about as many tokens as providers count for
 * it.  The body may be cut.  One look at every 4 KiB. */
uint64_t prompt_size(str body);
