/* skim.h - what the skims of all formats with the model in the body share.  For wire/
 * alone.
 */
#pragma once
#include "wire/wire.h"

/* The name of the model, and where it stands in the body.  NO_MODEL, or BAD_REQUEST with
 * *ret_detail. */
must_check fault_t skim_model(str body, struct json_value model, struct arena *keep,
                              struct skimmed *ret, str *ret_detail);
/* Whom a request is for: at most 128 bytes of it; what is no string is nobody. */
str skim_user(struct json_value user, struct arena *keep);
