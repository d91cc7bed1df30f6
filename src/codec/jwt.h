/* jwt.h - JSON Web Tokens signed with RS256, as service accounts want them. */
#pragma once
#include "base/buf.h"

/* Is it a PEM text with an RSA private key that needs no pass phrase? */
bool jwt_key_is_usable(str pem);
/* Adds header.claims.signature to `to`, whose limit must hold it.  claims is a JSON
 * object; key_id goes into the header, or is empty.  False: pem is not usable. */
must_check bool jwt_sign(str pem, str key_id, str claims, struct buf *to);
