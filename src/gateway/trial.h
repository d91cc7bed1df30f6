/* trial.h - exchanges that take part in a trial (policy/trial.h).
 *
 * Split: a share of a route's exchanges go to the candidate route, with the targets of
 * the control behind its own, so that a candidate that fails hurts nobody.  Shadow: the
 * control answers, and the same request goes to the candidate as an exchange of its own
 * that has no client:
 *
 *	x->client        a connection with nobody at its end (http_conn_init_deaf)
 *	bounds           SHADOWS_MOST of a worker at a time; body and answer within a
 *	                 quarter of `memory`; neither resumed nor hedged nor queued
 *	never            for what changes something at the provider or speaks of what it
 *	                 keeps: files, stored responses, conversations, remote tools
 *
 * A shadow is begun after the turn in which its control was sent. */
#pragma once
#include "gateway/exchange.h"

enum { SHADOWS_MOST = 64 };

/* ROUTE has found the candidates of the route, not yet in order: they may become those of
 * the trial's candidate and of the route behind them. */
void trial_route(struct exchange *x);
/* They are in order: the candidate's come first. */
void trial_order(struct exchange *x);
/* What the request speaks of is kept by somebody who is not among the candidates
 * (PINNED): true when the other side of the trial may be asked, whose candidates it has
 * now. */
must_check bool trial_other_side(struct exchange *x);
/* The candidates are final, and the exchange will be sent: a shadow may be begun. */
void trial_begin(struct exchange *x);
/* ROW_CANDIDATE, ROW_SHADOW of an attempt at that candidate; 0. */
unsigned trial_flags(const struct exchange *x, const struct target *t);
/* An attempt there has cost that, or COST_UNKNOWN. */
void trial_add_cost(struct exchange *x, const struct target *t, nanousd cost);
/* "x-sluice-trial: NAME/SIDE\r\n", or nothing. */
void trial_add_header(const struct exchange *x, struct buf *to);
/* The exchange is over. */
void trial_end(struct exchange *x);
