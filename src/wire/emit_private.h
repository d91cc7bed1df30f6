/* emit_private.h - between the emitter's two halves: what happens (emit.c), and in which
 * order it is written (emit_order.c). */
#pragma once
#include "wire/emit.h"

/* Is the kind in a set of 1 << chat_kind? */
bool emit_has_kind(unsigned set, enum chat_kind kind);
/* What lives as long as the emitter; NULL, and e->why, when that is too much. */
void *emit_keep_new(struct emitter *e, size_t size);
str emit_keep_copy(struct emitter *e, str s);
/* Adds to a text of a block; e->why when all of them are too much. */
void emit_hold(struct emitter *e, struct buf *to, str text);
/* The beginning of the answer, once. */
void emit_start(struct emitter *e);
/* May the citation be told before its block is whole? */
bool emit_cites_now(const struct emitter *e, const struct chat_citation *cite);
void emit_write_piece(struct emitter *e, struct emit_block *b, jstr text,
                      struct json_value logprobs);
/* Is its text given to the format only when all of it is there? */
bool emit_is_held_whole(const struct emitter *e, const struct emit_block *b);
/* Nothing more comes for what waits before others: closed, and the next one opened. */
void emit_advance(struct emitter *e, struct emit_choice *c);
/* The block is whole: it is closed when its turn comes. */
void emit_finish_block(struct emitter *e, struct emit_choice *c, struct emit_block *b);
/* Blocks that end because another one begins: all but calls still in their middle. */
void emit_end_for_next(struct emitter *e, struct emit_choice *c);
