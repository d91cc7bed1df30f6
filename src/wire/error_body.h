/* error_body.h - what the error bodies of all formats have in common: words somewhere in
 * JSON. */
#pragma once
#include "base/str.h"

/* The first text that stands at one of the paths (json_path), as JSON writes it without
 * its quotes; of an array its first item is looked at, and of a "detail" that
 * is a list, the "msg" of the first.  Empty: there is none. */
str error_body_words(str body, const char *const *paths, size_t count);
/* Which member of the request they are about, where the body has a list of such: the JSON
 * text of an array, ["body","n"].  Empty: it does not say. */
str error_body_place(str body);
