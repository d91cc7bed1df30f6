/* hide.h - providers repeat the credential they refuse; it is ours, and neither for the
 * client nor for a log (G36). */
#pragma once
#include "gateway/attempt.h"

/* Puts '*' in place of every credential of the attempt's provider: its keys, what signs
 * for it, the access token that was sent.  Also where JSON has written "\/" for a slash.
 */
cold void hide_secrets(const struct attempt *a, char *text, size_t len);
/* The same of one; len > 0. */
cold void hide_secret(str secret, char *text, size_t len);
/* Does the text hold one of them? */
bool hide_finds(const struct attempt *a, str text);
/* So many of the text's last bytes may be the beginning of one. */
size_t hide_begins(const struct attempt *a, str text);
