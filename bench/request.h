/* request.h - the one request the load client sends, written once, in one of four
 * formats. */
#pragma once
#include "net.h"

enum request_format {
	REQUEST_CHAT,
	REQUEST_ANTHROPIC,
	REQUEST_RESPONSES,
	REQUEST_GEMINI,
	REQUEST_FORMATS
};
extern const char *const request_format_names[REQUEST_FORMATS];

struct request_options {
	enum request_format format;
	const char *model;
	const char *key;
	bool stream;
	bool include_usage;
};

/* Head and body in one piece, good for the life of the process. */
struct bytes request_write(const struct request_options *o);
