/* operation.h - what a client can ask for, whatever the format it asks in. */
#pragma once
#include "base/str.h"

enum operation {
	OP_CHAT,
	OP_COMPLETIONS,
	OP_EMBEDDINGS,
	OP_MODERATIONS,
	OP_IMAGES,           /* generations */
	OP_IMAGE_EDITS,      /* multipart */
	OP_IMAGE_VARIATIONS, /* multipart */
	OP_SPEECH,
	OP_TRANSCRIPTIONS, /* multipart */
	OP_TRANSLATIONS,   /* multipart */
	OP_RERANK,
	OP_COUNT,  /* tokens of a chat's request; in the formats that have it */
	OP_STORED, /* a response that its provider keeps: read, cancelled, deleted */
	OPERATIONS,
};

struct operation_row {
	str name;        /* in records, logs and metrics */
	str path;        /* behind the provider's url in the openai formats */
	bool multipart;  /* the body is multipart/form-data, else JSON */
	bool may_stream; /* the answer may be an event stream */
	bool makes_images;
	bool is_chat; /* meaningful events, empty answers and finish reasons are known */
};
extern const struct operation_row operations[OPERATIONS];
