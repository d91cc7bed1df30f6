/* facts.h - the file $data/catalog: newer facts about models than the program's own.
 *
 * It is replaced whole or not at all: written beside, synced, renamed. What it replaces
 * stays as $data/catalog.previous, so `mv` is the way back; without the file the
 * program's own facts are in force again, and so they are where a newer program has found
 * an older file. */
#pragma once
#include "wire/catalog_file.h"

/* *ret is NULL when there is no such file. False: there is, and *why says why it cannot
 * be used. */
must_check bool facts_load(str dir, struct catalog **ret, struct buf *why);
/* Is it older than the program in something? *said then says in what; c: NULL is not. */
bool facts_are_older(const struct catalog *c, struct buf *said);
/* What providers were found to list beyond the catalogue, as lines of provider TAB id, in
 * $data/discovered: false when there is nothing that could be read. */
must_check bool facts_found_load(str dir, struct buf *ret);
must_check bool facts_found_save(str dir, str text, struct buf *why);
/* The next line of it that is one, taken off the front of *rest. */
bool facts_found_next(str *rest, str *ret_provider, str *ret_id);

/* text: of catalog_file.h. False: nothing was changed, *why. */
must_check bool facts_save(str dir, str text, struct buf *why);
