/* error_body.h - what the error bodies of all formats have in common: words somewhere in
 * JSON. */
#pragma once
#include "base/str.h"

/* The first text that stands at one of the paths (json_path), as JSON writes it without
 * its quotes; of an array its first item is looked at.  Empty: there is none. */
str error_body_words(str body, const char *const *paths, size_t count);
