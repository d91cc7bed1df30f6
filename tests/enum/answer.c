/* answer.c - the shapes. */
#include "tests/enum/answer.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>

const char *const shape_names[SHAPES] = { "plain",   "emoji", "code",
	                                  "call",    "calls", "reasoning",
	                                  "refusal", "agent", "long" };
const char *const format_names[FORMATS] = { "openai-chat", "openai-responses",
	                                    "anthropic",   "gemini",
	                                    "bedrock",     "cohere" };

/* Three voices each: they begin alike, so that a few characters prove nothing. */
enum { VOICES = 3 };

static const char *const plain[VOICES] = {
	"The harbour wakes before the town does. First the ropes, which creak, then the "
	"gulls, which complain, and then the men who pretend that they have slept. By "
	"six "
	"the fish are sorted: cod here, plaice there, and in a box of its own the one "
	"that "
	"nobody can name. \"It looks at me,\" says the boy. It does; it has for an hour. "
	"At seven the auction begins, and what was silver is money by eight.",
	"The harbour sleeps longer than it used to. Nobody sorts fish any more; the "
	"boats "
	"carry tourists, and the tourists carry cameras. Only the gulls have kept the "
	"old "
	"hours, and they complain about it all morning long, to everybody who listens.",
	"The harbour is closed today, says the sign, and nobody knows who has hung it "
	"there. So we sit on the wall, eat the bread, and wait for the boat that is "
	"late.",
};

static const char *const emoji[VOICES] = {
	"Familie: "
	"\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 "
	"und \xF0\x9F\x8F\xB4\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xB3\xF3\xA0\x81"
	"\xA3\xF3\xA0\x81\xB4\xF3\xA0\x81\xBF; \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD7\xA2"
	"\xD7\x95\xD7\x9C\xD7\x9D, \xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7 \xD8\xA8\xD8"
	"\xA7\xD9\x84\xD8\xB9\xD8\xA7\xD9\x84\xD9\x85. e\xCC\x81 o\xCC\x88 n\xCC\x83 "
	"Z\xCD\x91\xCC\xAB a\xCC\x8A, \xE6\xBC\xA2\xE5\xAD\x97\xE3\x81\x8B\xE3\x81\xAA "
	"\xF0\x9F\x98\x80\xF0\x9F\x98\x83\xF0\x9F\x98\x84\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD"
	" "
	"\xE2\x80\xA8line\xC2\x85next, \xF0\x9D\x94\x98\xF0\x9D\x94\xAB\xF0\x9D\x94\xA6"
	"\xF0\x9D\x94\xA0 na\xC3\xAFve caf\xC3\xA9 \xE2\x82\xAC 5,\xE2\x80\xAF\x30\x30 "
	"\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7 ende \xF0\x9F"
	"\x8E\x89\xF0\x9F\x8E\x89\xF0\x9F\x8E\x89\xF0\x9F\x8E\x89 "
	"\xE5\x90\xBE\xE8\xBC\xA9\xE3\x81\xAF\xE7\x8C\xAB\xE3\x81\xA7\xE3\x81\x82"
	"\xE3\x82\x8B\xE5\x90\x8D\xE5\x89\x8D\xE3\x81\xAF\xE3\x81\xBE\xE3\x81\xA0"
	"\xE7\x84\xA1\xE3\x81\x84\xE3\x81\xA9\xE3\x81\x93\xE3\x81\xA7\xE7\x94\x9F"
	"\xE3\x82\x8C\xE3\x81\x9F\xE3\x81\x8B\xE3\x81\xA8\xE3\x82\x93\xE3\x81\xA8"
	"\xE8\xA6\x8B\xE5\xBD\x93\xE3\x81\x8C\xE3\x81\xA4\xE3\x81\x8B\xE3\x81\xAC"
	"\xE4\xBD\x95\xE3\x81\xA7\xE3\x82\x82\xE8\x96\x84\xE6\x9A\x97\xE3\x81\x84"
	"\xE3\x81\x98\xE3\x82\x81\xE3\x81\x98\xE3\x82\x81\xE3\x81\x97\xE3\x81\x9F"
	"\xE6\x89\x80\xE3\x81\xA7\xE6\xB3\xA3\xE3\x81\x84\xE3\x81\xA6\xE3\x81\x84"
	"\xE3\x81\x9F"
	" fertig.",
	"Familie: \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA6 und \xF0\x9F\x90\x88; \xD7"
	"\x91\xD7\x95\xD7\xA7\xD7\xA8 \xD7\x98\xD7\x95\xD7\x91 und guten Morgen \xF0\x9F"
	"\x98\xB4\xF0\x9F\x98\xB4 bis sp\xC3\xA4ter.",
	"Familie: nur \xF0\x9F\x90\x95, und sonst niemand, a\xCC\x88hnlich wie gestern.",
};

static const char *const code[VOICES] = {
	"Use this:\r\n\r\n```c\r\nint main(int argc, char **argv)\r\n{\r\n\tif (argc > "
	"1) "
	"{\r\n\t\tprintf(\"%s\\n\", argv[1]);\r\n\t}\r\n\treturn "
	"'\\0';\r\n}\r\n```\r\n\r\n"
	"The `\\n` is two characters, \\\\ is two more; </script> & <b> stay.\n\n\n    "
	"indented by four\n\t\ttwo tabs\n   \ntrailing blanks   \n| a | b |\n|---|---|\n"
	"| \"x\" | \\\"y\\\" |\n\ndata: [DONE]\n\nevent: "
	"error\n\n{\"error\":null}\n\nEnd.\n",
	"Use that:\r\n\r\n```py\r\nimport sys\r\nif len(sys.argv) > "
	"1:\r\n\tprint(sys.argv"
	"[1])\r\n```\r\n\r\nIt is shorter, and \\ is one character.\n",
	"Use nothing.\r\n\r\n```sh\r\necho \"$1\"\r\n```\r\n",
};

static const char *const reasons[VOICES] = {
	"The user wants a story about a harbour. I should open with sound, then people, "
	"then "
	"the strange fish, and end with the auction. Keep it short; no moral at the end.",
	"The user wants something about a harbour. Tourists, gulls, a complaint. Short.",
	"The user waits. A closed harbour is a story as well.",
};

static const char *const refusals[VOICES] = {
	"I am sorry, but I cannot help with that request, because it could do harm to "
	"people "
	"who are not here to object. I can explain the general principles instead.",
	"I am sorry, this is something that I will not write about at all.",
	"I am sorry, no.",
};

/* Rows that are the same but for their end; long enough that any anchor comes again. */
static str long_text(unsigned voice)
{
	struct buf b = BUF_LIMIT(64 * KiB);

	buf_add(&b, STR("# Report\n\n| quarter | region | revenue | change "
	                "|\n|---|---|---|---|\n"));
	for (unsigned i = 0; i < 22 - 6 * voice; i++) {
		buf_add(&b,
		        STR("| Q1 | north and south together | 1,000,000 | +0.0 % |\n"));
		if (i % 7 == 6)
			buf_addf(&b, "\nSection %u of voice %u follows here.\n\n", i / 7,
			         voice);
	}
	buf_add(&b, STR("\nAll the rest is as it was before.\n"));
	return buf_str(&b);
}

static void add_part(struct answer *a, struct part p)
{
	assert(a->count < PARTS_MOST);
	a->parts[a->count++] = p;
}

static void add_calls(struct answer *a, unsigned count, unsigned voice)
{
	static const char weather[] =
	        "{\"city\":\"K\xC3\xB6ln\",\"days\":[1,2,3],\"unit\":\"celsius\","
	        "\"note\":\"a \\\"quoted\\\" word and a long one after it\"}";
	static const char file[] =
	        "{\"path\":\"C:\\\\temp\\\\x.txt\",\"lines\":{\"from\":10,\"to\":200}}";
	static const char query[] =
	        "{\"q\":\"\\ud83d\\ude00 "
	        "tab\\there\",\"limit\":5,\"deep\":[[[{\"a\":null}]]]}";
	static const char *const arguments[3] = { weather, file, query };
	static const char *const names[3] = { "get_weather", "read_file", "search" };

	for (unsigned i = 0; i < count; i++) {
		struct buf id = BUF_LIMIT(64);

		buf_addf(&id, "call_v%u_%u", voice, i);
		add_part(a,
		         (struct part){ .kind = PART_CALL,
		                        .id = buf_str(&id),
		                        .name = str_from_z(names[(i + voice) % 3]),
		                        .text = str_from_z(arguments[(i + voice) % 3]) });
	}
	a->finish = FINISH_CALLS;
	a->interleaved = count > 1;
}

static void add_text(struct answer *a, const char *text)
{
	add_part(a, (struct part){ .kind = PART_TEXT, .text = str_from_z(text) });
}

static str seal_of(unsigned voice)
{
	static const char *const seals[VOICES] = { "RXZlbiBhIHNlYWwgaXMgdGV4dCBoZXJl+A==",
		                                   "QW5vdGhlciBzZWFsIG9mIGFub3RoZXI/w==",
		                                   "VGhlIHRoaXJkIHNlYWwgaXMgc2hvcnQ=" };

	return str_from_z(seals[voice]);
}

/* Two formats know no seals. */
static void add_thoughts(struct answer *a, enum format f, unsigned voice)
{
	add_part(a, (struct part){ .kind = PART_REASONING,
	                           .text = str_from_z(reasons[voice]),
	                           .seal = f == CHAT || f == COHERE ? STR_NONE
	                                                            : seal_of(voice) });
}

unsigned answer_tokens(const struct answer *a)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < a->count; i++)
		bytes += a->parts[i].text.len;
	return (unsigned)bytes / 4 + 1;
}

static void fill(struct answer *a, enum format f, enum shape s, unsigned voice)
{
	switch (s) {
	case SHAPE_PLAIN:
		add_text(a, plain[voice]);
		break;
	case SHAPE_EMOJI:
		add_text(a, emoji[voice]);
		break;
	case SHAPE_CODE:
		add_text(a, code[voice]);
		break;
	case SHAPE_CALL:
		add_text(a, "I will look at the weather of the next three days for you.");
		add_calls(a, 1, voice);
		break;
	case SHAPE_CALLS:
		add_calls(a, 3, voice);
		break;
	case SHAPE_REASONING:
		add_thoughts(a, f, voice);
		add_text(a, plain[voice]);
		break;
	case SHAPE_AGENT:
		add_thoughts(a, f, voice);
		add_text(a, "I will look at the weather of the next three days for you.");
		add_calls(a, 1, voice);
		break;
	case SHAPE_REFUSAL:
		add_part(a,
		         (struct part){ .kind = f == CHAT || f == RESPONSES ? PART_REFUSAL
		                                                            : PART_TEXT,
		                        .text = str_from_z(refusals[voice]) });
		if (f == COHERE) /* it has no word for it */
			a->finish = FINISH_LENGTH;
		else if (f != CHAT && f != RESPONSES)
			a->finish = FINISH_FILTER;
		break;
	case SHAPE_LONG:
		add_part(a, (struct part){ .kind = PART_TEXT, .text = long_text(voice) });
		a->piece = 16;
		break;
	case SHAPES:
		break;
	}
	a->given = 40 + voice;
	a->made = answer_tokens(a) + (unsigned)s;
}

const struct answer *answer_of(enum format f, enum shape s, unsigned voice)
{
	static struct answer all[FORMATS][SHAPES][VOICES];
	struct answer *a = &all[f][s][voice % VOICES];

	if (a->count == 0)
		fill(a, f, s, voice % VOICES);
	return a;
}

void answer_text(const struct answer *a, struct buf *to)
{
	for (unsigned i = 0; i < a->count; i++) {
		if (a->parts[i].kind == PART_TEXT)
			buf_add(to, a->parts[i].text);
	}
}

void answer_describe(const struct answer *a, struct buf *to)
{
	static const char *const kinds[] = { "text", "reasoning", "call", "refusal" };
	static const char *const finishes[] = { "stop", "length", "calls", "filter" };

	buf_addf(to, "{\"finish\":\"%s\",\"given\":%u,\"made\":%u,\"parts\":[",
	         finishes[a->finish], a->given, a->made);
	for (unsigned i = 0; i < a->count; i++) {
		const struct part *p = &a->parts[i];

		buf_addf(to, "%s{\"kind\":\"%s\",\"text\":\"", i ? "," : "",
		         kinds[p->kind]);
		add_escaped(to, p->text, true);
		buf_addf(to, "\",\"seal\":\"%.*s\",\"id\":\"%.*s\",\"name\":\"%.*s\"}",
		         STR_ARG(p->seal), STR_ARG(p->id), STR_ARG(p->name));
	}
	buf_add(to, STR("]}"));
}

/* ---- text ---- */

static size_t point_length(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t code_points(str text, size_t n)
{
	size_t at = 0;

	while (n-- > 0 && at < text.len)
		at += point_length((unsigned char)text.ptr[at]);
	return at < text.len ? at : text.len;
}

size_t last_points(str text, size_t n)
{
	size_t at = text.len;

	while (n > 0 && at > 0) {
		at--;
		if (((unsigned char)text.ptr[at] & 0xc0) != 0x80)
			n--;
	}
	return text.len - at;
}

static void add_unit(struct buf *to, unsigned unit)
{
	buf_addf(to, "\\u%04x", unit);
}

static size_t add_point(struct buf *to, str text, bool ascii)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = point_length((unsigned char)text.ptr[0]);
	unsigned point = (unsigned char)text.ptr[0] & masks[n];

	assert(n <= text.len);
	if (!ascii) {
		buf_add(to, str_first(text, n));
		return n;
	}
	for (size_t i = 1; i < n; i++)
		point = point << 6 | ((unsigned char)text.ptr[i] & 0x3f);
	if (point < 0x10000) {
		add_unit(to, point);
	} else {
		add_unit(to, 0xd7c0 + (point >> 10));
		add_unit(to, 0xdc00 + (point & 0x3ff));
	}
	return n;
}

void add_escaped(struct buf *to, str text, bool ascii)
{
	while (text.len) {
		unsigned char c = (unsigned char)text.ptr[0];
		size_t n = 1;

		if (c == '"' || c == '\\')
			buf_addf(to, "\\%c", c);
		else if (c == '\n')
			buf_add(to, STR("\\n"));
		else if (c == '\r')
			buf_add(to, STR("\\r"));
		else if (c == '\t')
			buf_add(to, STR("\\t"));
		else if (c < 0x20)
			add_unit(to, c);
		else if (c < 0x80)
			buf_add_char(to, (char)c);
		else
			n = add_point(to, text, ascii);
		text = str_from(text, n);
	}
}
