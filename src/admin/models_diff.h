/* models_diff.h - what a catalogue says that another one does not. */
#pragma once
#include "codec/json_write.h"
#include "wire/catalog.h"

struct models_diff {
	unsigned added, gone, changed;
};

/* Walks both (NULL: the program's own), writing one line for each model that is new,
 * gone, or has other prices, limits or features; with `w` as objects into the open array
 * instead. */
struct models_diff models_diff(const struct catalog *old, const struct catalog *now,
                               struct buf *to, struct json_writer *w);
