/* bodies_private.h - between bodies.c (writing, erasing) and bodies_read.c. */
#pragma once
#include "store/bodies.h"

enum { BODIES_USER_MAC = 16, BODIES_VERSION = 1 };

/* An entry of an index: all zeros when it was erased. */
struct body_index {
	uint64_t exchange, key;
	int64_t wall;
	uint64_t at; /* in the segment */
	uint32_t len, spare;
	uint8_t user[BODIES_USER_MAC]; /* zeros: nobody was named */
};
_Static_assert(sizeof(struct body_index) == 56, "layout of version 1");

/* What is compressed: this, the request, the answer. */
struct body_head {
	uint32_t version, flags;
	uint64_t key;
	int64_t wall;
	uint64_t request_len, answer_len;
};

struct body_files {
	usec *list; /* ascending */
	size_t count;
};

/* *why: what failed, and errno's words.  False. */
bool bodies_say(struct buf *why, const char *what, const char *path);
/* "dir/TTTTTTTTTTTTTTTT.ending" in to (PATH_MAX bytes).  False: it is too long. */
bool bodies_path(const char *dir, usec begun, const char *ending, char *to);
/* The key of a segment, and what a record in it is sealed about. */
void bodies_derive(const struct seal_key *master, usec begun, struct seal_key *ret);
/* The master key of that id; NULL: it is not among them. */
const struct seal_key *bodies_key(const struct body_keys *keys, uint32_t id);
str bodies_about(uint64_t exchange, char room[32]);
/* When each segment was begun, by the names of the indexes; ret->list is for free().
 * Without a directory there is none. False: *why. */
bool bodies_files(const char *dir, struct body_files *ret, struct buf *why);
/* "seg" or "idx" of a segment; -1 and errno. */
int bodies_file(const char *dir, usec begun, const char *ending, int flags);
bool bodies_read_at(int fd, void *to, size_t len, uint64_t at);
/* All entries of an index, for free(); a torn last one is left out, and without a file
 * there is none.  False: it could not be read, and *ret_count is 0. */
bool bodies_index(const char *dir, usec begun, struct body_index **ret,
                  size_t *ret_count);
