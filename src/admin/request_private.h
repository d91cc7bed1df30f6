/* request_private.h - between request.c and the files with its handlers. */
#pragma once
#include "admin/request.h"
#include "codec/json.h"

struct request {
	const struct clerk_options *options;
	unsigned uid; /* who asks */
	struct json_value object;
	struct json_writer *to;
	struct buf *why; /* what is wrong, for people */
};

/* A member's text; empty when there is none. */
str text_member(const struct request *r, const char *name, char *room, size_t size);

/* A handler: writes members into the open answer; false: r->why. (request_reprice.c) */
bool answer_reprice(struct request *r);
