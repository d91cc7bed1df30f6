/* tenant_json.h - an organisation, team, key or user as a JSON object, both ways.
 *
 *	{"id": "0123456789ab", "kind": "key", "name": "ci", "parent": "000000000001",
 *	 "parent_name": "default", "state": "active",
 *	 "created": "2026-11-26T05:00:00.000Z", "expires": null, "revoked": null,
 *"serial": 1, "limits": {"rpm": 60, "tpm": null, "concurrent": null, "budget": {"hour":
 *null, ..., "month": "500.00", "total": null}}, "user_limits": {the same: of every user
 *below it that has no limits of its own}, "allow": {"routes": null, "models": ["gpt-5*"],
 *"providers": null, "regions": null}, "tags": {"env": "prod"}, "metadata": {}, "soft":
 *false, "phi": false, "on_exhausted": "finish", "downgrade": null}
 *
 * Budgets are US dollars.  null: not bounded, all, never.  A key that is rotating also
 * has "previous_until". */
#pragma once
#include "base/arena.h"
#include "codec/json.h"
#include "codec/json_write.h"
#include "policy/tenant.h"

enum {
	TENANT_NAME_MOST = 128,
	TENANT_LIST_MOST = 2048, /* bytes of one list of patterns */
	TENANT_TAGS_MOST = 8,
	TENANT_TAGS_BYTES = 256, /* in all */
	TENANT_TAG_NAME_MOST = 32,
	TENANT_TAG_VALUE_MOST = 64,
	TENANT_METADATA_MOST = 4096,
	TENANT_METADATA_DEPTH =
	        8, /* it stands within other objects wherever it is told */
};

/* "organisation", "team", "key", "user". */
str tenant_kind_name(enum tenant_kind kind);
/* "hour", "day", "week", "month", "total". */
str tenant_window_name(enum budget_window window);
must_check bool tenant_kind_parse(str name, enum tenant_kind *ret);
/* "finish", "stop", "error". */
must_check bool tenant_ending_parse(str name, enum on_exhausted *ret);

/* "active", "expired", "revoked": by itself, whatever it belongs to. */
str tenant_state(const struct tenant_row *row, usec wall);
/* Writes the members above into the open object, as of then; parent_name where there is
 * one. */
void tenant_write(struct json_writer *to, const struct tenant_row *row,
                  const struct key_secret *secret, str parent_name, usec wall);

/* Members of what it has used: "used", when a key was used last (null: never), and with a
 * state, of a running gateway,
 *	"usage": {"requests": 3, "tokens": 800, "running": 1, "budget": {"month":
 *	          {"spent": "1.20", "reserved": "0.05", "resets":
 *"2026-12-01T00:00:00.000Z"}}} where requests and tokens are those of the last minute,
 *and a budget has what is bounded now. */
void tenant_write_use(struct json_writer *to, const struct tenant_row *row,
                      const struct tenant_state *state, usec used);

/* Takes over what `set` says: any of expires, limits, user_limits, allow, tags, metadata,
 * soft, phi, on_exhausted and downgrade, in the form above; what it does not name stays.
 * Beside a time of RFC 3339 `expires` may be a date (its first moment, UTC) or a span
 * from `wall` on ("30d"); a budget may be a number, or begin with '$'.  `set` is checked
 * JSON; texts are kept in `keep`.  False: *why says what is wrong, and *ret_param (a path
 * like "limits.rpm", in `keep`) with which member. */
must_check bool tenant_patch(struct tenant_row *row, struct json_value set, usec wall,
                             struct arena *keep, struct buf *why, str *ret_param);
/* False: *why says what is wrong with the name. */
must_check bool tenant_name_check(str name, struct buf *why);

/* "$50", "50", "0.25": dollars with at most nine decimals.  False: not of this form, or
 * beyond int64. */
must_check bool usd_parse(str text, nanousd *ret);
/* With two decimals at least, and as many as there are. */
void usd_write(struct buf *to, nanousd amount);
