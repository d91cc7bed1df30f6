/* facts.h - the file $data/catalog: newer facts about models than the program's own.
 *
 * It is replaced whole or not at all: written beside, synced, renamed. What it replaces
 * stays as $data/catalog.previous, so `mv` is the way back; without the file the
 * program's own facts are in force again. */
#pragma once
#include "wire/catalog_file.h"

/* *ret is NULL when there is no such file. False: there is, and *why says why it cannot
 * be used. */
must_check bool facts_load(str dir, struct catalog **ret, struct buf *why);
/* text: of catalog_file.h. False: nothing was changed, *why. */
must_check bool facts_save(str dir, str text, struct buf *why);
