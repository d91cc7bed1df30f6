#include "wire/operation.h"

/* clang-format off */
const struct operation_row operations[OPERATIONS] = {
	/*                        name                          path                               multipart stream image  chat */
	[OP_CHAT]             = { STR_INIT("chat"),             STR_INIT("/chat/completions"),     false,    true,  false, true },
	[OP_COMPLETIONS]      = { STR_INIT("completions"),      STR_INIT("/completions"),          false,    true,  false, true },
	[OP_EMBEDDINGS]       = { STR_INIT("embeddings"),       STR_INIT("/embeddings"),           false,    false, false, false },
	[OP_MODERATIONS]      = { STR_INIT("moderations"),      STR_INIT("/moderations"),          false,    false, false, false },
	[OP_IMAGES]           = { STR_INIT("images"),           STR_INIT("/images/generations"),   false,    true,  true,  false },
	[OP_IMAGE_EDITS]      = { STR_INIT("image_edits"),      STR_INIT("/images/edits"),         true,     true,  true,  false },
	[OP_IMAGE_VARIATIONS] = { STR_INIT("image_variations"), STR_INIT("/images/variations"),    true,     false, true,  false },
	[OP_SPEECH]           = { STR_INIT("speech"),           STR_INIT("/audio/speech"),         false,    true,  false, false },
	[OP_TRANSCRIPTIONS]   = { STR_INIT("transcriptions"),   STR_INIT("/audio/transcriptions"), true,     true,  false, false },
	[OP_TRANSLATIONS]     = { STR_INIT("translations"),     STR_INIT("/audio/translations"),   true,     false, false, false },
	[OP_RERANK]           = { STR_INIT("rerank"),           STR_INIT("/rerank"),               false,    false, false, false },
	[OP_COUNT]            = { STR_INIT("count_tokens"),     STR_INIT(""),                      false,    false, false, false },
	[OP_STORED]           = { STR_INIT("stored_response"),  STR_INIT(""),                      false,    true,  false, false },
};
/* clang-format on */
