#include "wire/anthropic_model.h"

/* Do the words stand in the id, as whole words? */
static bool has_words(str id, str words)
{
	if (words.len == 0)
		return true;
	for (size_t at = 0; at + words.len <= id.len; at++) {
		size_t n = 0;

		while (n < words.len) {
			char c = char_lower(id.ptr[at + n]);
			if ((c == '.' ? '-' : c) != words.ptr[n])
				break;
			n++;
		}
		if (n == words.len &&
		    (at + n == id.len || !char_is_digit(id.ptr[at + n])))
			return true;
	}
	return false;
}

unsigned anthropic_model_bits(str model)
{
	/* The rows are written in short words. */
	enum {
		SAMPLING = CLAUDE_SAMPLING,
		ONE_OF_TWO = CLAUDE_ONE_OF_TWO,
		BUDGET = CLAUDE_BUDGET,
		ADAPTIVE = CLAUDE_ADAPTIVE,
		EFFORT = CLAUDE_EFFORT,
		XHIGH = CLAUDE_XHIGH,
		UTMOST = CLAUDE_UTMOST,
		SCHEMA = CLAUDE_SCHEMA,
		SYSTEM = CLAUDE_SYSTEM,
		OMITS = CLAUDE_OMITS,
		UNFORCED = CLAUDE_UNFORCED,
		OFF_CAPS = CLAUDE_OFF_CAPS,
	};
	static const struct {
		str words;
		unsigned bits;
	} rows[] = {
#define MODEL(words, bits) { STR_INIT(words), bits },
#include "wire/anthropic_models.def"
#undef MODEL
	};

	for (size_t i = 0; i < countof(rows); i++) {
		if (has_words(model, rows[i].words))
			return rows[i].bits;
	}
	return 0;
}
