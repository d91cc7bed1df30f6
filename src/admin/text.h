/* text.h - figures and rows of the ledger as people and programs read them. */
#pragma once
#include "codec/json_write.h"
#include "store/row.h"

/* "$0.000123", exact, six decimals at least; "?" when unknown. */
void text_money(struct buf *to, nanousd amount);
/* "850 us", "12 ms", "2.10 s", "3m 05s"; "-" for 0. */
void text_span(struct buf *to, usec span);
/* The local time: "11-23 12:34:56". */
void text_time(struct buf *to, usec wall);
/* USD per million tokens: "0.25"; "-" when unknown. */
void text_price(struct buf *to, picousd per_token);
/* "12 % of the last attempts failed", by the average of a target's health (of a
 * thousand), which begins at nothing and moves by a sixteenth: of a few attempts it shows
 * less than there was.  Nothing when there were none. */
void text_failing(struct buf *to, uint64_t per_mille, uint64_t attempts);
/* Characters that would steer a terminal become '?', and so do bytes that are none. */
void text_safe(struct buf *to, str s);

/* Did the provider say that another model answered than the one it was asked for? */
bool answered_by_another(const struct attempt_row *row);
/* An attempt as an object, named as in the access log; its cost with its corrections. */
void row_json(struct json_writer *w, const struct attempt_row *row);
/* Names of a row's flags (store/row.h), with `between` between them. */
void row_flags(struct buf *to, unsigned flags, char between);
/* One line for an exchange: the row that closes it. */
void row_line(struct buf *to, const struct attempt_row *row);
