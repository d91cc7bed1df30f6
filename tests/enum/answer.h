/* answer.h - what a scripted provider means to say, before any format.
 *
 * A *shape* is a whole answer that is known beforehand: the enumeration cuts the streams
 * made of it, and the judge compares what the client put together with it. */
#pragma once
#include "base/buf.h"

enum part_kind { PART_TEXT, PART_REASONING, PART_CALL, PART_REFUSAL };

struct part {
	enum part_kind kind;
	str text;     /* of a call: its arguments, JSON */
	str seal;     /* of reasoning: its signature, or empty */
	str id, name; /* of a call */
};

enum finish { FINISH_STOP, FINISH_LENGTH, FINISH_CALLS, FINISH_FILTER };

enum { PARTS_MOST = 6 };

struct answer {
	struct part parts[PARTS_MOST];
	unsigned count;
	enum finish finish;
	unsigned given, made; /* tokens, as the provider reports them */
	bool interleaved;     /* its calls come in turns, where the format has that */
	unsigned piece;       /* code points of a delta, about; 0: 9 */
};

enum shape {
	SHAPE_PLAIN,
	SHAPE_EMOJI, /* ZWJ, right to left, combining marks */
	SHAPE_CODE,  /* a fence with tabs, CR LF, quotes, backslashes */
	SHAPE_CALL,
	SHAPE_CALLS, /* three, in turns where the format has that */
	SHAPE_REASONING,
	SHAPE_REFUSAL,
	SHAPE_AGENT, /* thinks, says so, calls */
	SHAPE_LONG,  /* the same rows many times, usage asked for */
	SHAPES,
};

enum format { CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK, COHERE, FORMATS };

extern const char *const shape_names[SHAPES];
extern const char *const format_names[FORMATS];

/* The answer of that shape in that format; `voice` 0 is the oracle's, each other number
 * is another answer of the same shape.  The texts are kept for ever. */
const struct answer *answer_of(enum format f, enum shape s, unsigned voice);
/* All its text parts joined, into `to`. */
void answer_text(const struct answer *a, struct buf *to);
/* How many tokens it has, at four bytes each. */
unsigned answer_tokens(const struct answer *a);
/* As JSON, for the judge. */
void answer_describe(const struct answer *a, struct buf *to);

/* The inside of a JSON string; ascii: everything beyond is escaped. */
void add_escaped(struct buf *to, str text, bool ascii);
/* Bytes of the first n code points. */
size_t code_points(str text, size_t n);
/* Bytes of the last n code points. */
size_t last_points(str text, size_t n);
