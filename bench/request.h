/* request.h - the one request the load client sends, written once. */
#pragma once
#include "net.h"

struct request_options {
	const char *model;
	const char *key;
	bool stream;
	bool include_usage;
};

/* Head and body in one piece, good for the life of the process. */
struct bytes request_write(const struct request_options *o);
