/* openai_fold.h - chat and text completions changed between their two shapes, for
 * providers that answer in the shape they were not asked for (U18, U19).  For wire/
 * alone.
 *
 * Both add to `to`, whose limit bounds the result (UPSTREAM_LARGE), and leave it as it
 * was when they fail. */
#pragma once
#include "base/buf.h"
#include "base/fault.h"

/* A whole answer becomes the stream a client expects; a client that wants usage gets it
 * in its own chunk.  UPSTREAM_MALFORMED when body has no choices. */
must_check fault_t openai_unfold(str body, bool with_usage, struct buf *to);

/* A whole stream (at most 8 MiB) becomes one answer.
 *	STREAM_ERROR        the provider reports a failure in it
 *	UPSTREAM_CUT        a choice has no finish reason, or nothing came at all
 *	EMPTY_ANSWER        it ends properly and has no choices
 *	UPSTREAM_MALFORMED  no JSON, or more choices or tool calls than can be
 * Only the caller knows how many choices it wants; one that never began is no fault. */
must_check fault_t openai_fold(str stream, struct buf *to);
