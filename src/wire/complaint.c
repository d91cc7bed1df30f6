#include "wire/complaint.h"

#include "codec/json.h"
#include "codec/text.h"

enum {
	CODES_MOST = 16,
	TEXT_MOST = 16 * KiB, /* as far as words are looked for */
};

enum where { CODE, BEGINS, WORDS, ALWAYS };

#define EVERY WIRE_NONE
#define BEDROCK WIRE_BEDROCK

static const struct row {
	int from, to;
	enum wire_format format;
	enum where where;
	str what;
	const struct fault *fault;
} rows[] = {
#define SAID(from, to, format, where, what, fault)                                       \
	{ from, to, format, where, STR_INIT(what), FAULT_##fault },
#include "wire/complaint.def"
#undef SAID
};

/* ---- what it says ---- */

struct said {
	int status;
	str codes[CODES_MOST];
	unsigned count;
	str message; /* raw JSON text without its quotes, or the text as it is */
	str text;
};

static str inside(struct json_value v)
{
	return json_has_text(v) ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}

static void add_code(struct said *s, str code)
{
	uint64_t number;

	if (code.len == 0 || s->count == CODES_MOST)
		return;
	s->codes[s->count++] = code;
	/* OpenRouter, Gemini and vLLM write the status they mean as the code. */
	if (s->status == 0 && str_to_u64(code, &number) && number >= 300 && number < 600)
		s->status = (int)number;
}

static void add_codes(struct said *s, struct json_value error)
{
	static const char *const places[] = { "code",
		                              "type",
		                              "status",
		                              "__type",
		                              "error_type",
		                              "innererror.code",
		                              "metadata.error_type" };
	struct json_member m;

	for (size_t i = 0; i < countof(places); i++) {
		struct json_value v = json_path(error, places[i]);

		add_code(s, v.type == JSON_NUMBER ? v.raw : inside(v));
	}
	for (struct json_iter it = json_iter(json_get(error, STR("details")));
	     json_next(&it, &m);)
		add_code(s, inside(json_get(m.value, STR("reason"))));
}

/* The object that tells of the error: somewhere inside the root, or the root. */
static struct json_value error_of(struct json_value root)
{
	static const char *const places[] = { "error.error", "error", "response.error" };

	for (size_t i = 0; i < countof(places); i++) {
		struct json_value v = json_path(root, places[i]);

		if (v.type == JSON_OBJECT)
			return v;
	}
	return root;
}

static str message_of(struct json_value root, struct json_value error)
{
	static const char *const places[] = { "message",          "Message",
		                              "delta.error",      "error",
		                              "detail",           "originalMessage",
		                              "fault.faultstring" };
	str found = inside(json_get(error, STR("message")));

	for (size_t i = 0; !found.len && i < countof(places); i++)
		found = inside(json_path(root, places[i]));
	return found;
}

static struct said listen(const struct complaint *c)
{
	struct said s = { .status = c->status >= 200 && c->status < 300 ? 0 : c->status,
		          .text = str_first(c->text, TEXT_MOST),
		          .message = str_trim(str_first(c->text, TEXT_MOST)) };
	struct json_value root, error;
	struct json_member first;
	str kind = c->kind;

	add_code(&s, str_cut(&kind, ':')); /* Bedrock's has a URL behind it */
	if (json_check(c->text, &json_limits_default, &root))
		return s;
	if (root.type == JSON_ARRAY) { /* Gemini's, without alt=sse */
		struct json_iter it = json_iter(root);

		if (json_next(&it, &first))
			root = first.value;
	}
	error = error_of(root);
	s.message = message_of(root, error);
	add_codes(&s, error);
	if (error.raw.ptr != root.raw.ptr)
		add_codes(&s, root);
	return s;
}

/* ---- the table ---- */

static size_t find_nocase(str haystack, str needle)
{
	for (size_t i = 0; i + needle.len <= haystack.len; i++) {
		if (char_lower(haystack.ptr[i]) == char_lower(needle.ptr[0]) &&
		    str_starts_nocase(str_from(haystack, i), needle))
			return i;
	}
	return haystack.len;
}

static bool has_code(const struct said *s, str code)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (str_eq_nocase(s->codes[i], code))
			return true;
	}
	return false;
}

static bool fits(const struct row *row, enum wire_format format, const struct said *s)
{
	if (s->status < row->from || s->status > row->to ||
	    (row->format != EVERY && row->format != format))
		return false;
	switch (row->where) {
	case CODE:
		return has_code(s, row->what);
	case BEGINS:
		return str_starts_nocase(s->message, row->what);
	case WORDS:
		return find_nocase(s->text, row->what) < s->text.len;
	case ALWAYS:
		return true;
	}
	return false;
}

static fault_t fault_by_table(enum wire_format format, const struct said *s)
{
	for (size_t i = 0; i < countof(rows); i++) {
		if (fits(&rows[i], format, s))
			return rows[i].fault;
	}
	return FAULT_UPSTREAM_MALFORMED;
}

/* A 404 that does not speak of the model is of what the request names, where it names
 * something: one client's old id is no reason to leave the model alone. */
fault_t complaint_fault(const struct complaint *c)
{
	struct said s = listen(c);
	fault_t why = fault_by_table(c->format, &s);

	if (why == FAULT_UPSTREAM_NO_MODEL && c->names_kept && s.status == 404 &&
	    find_nocase(s.text, STR("model")) == s.text.len)
		why = FAULT_UPSTREAM_LACKS;
	return why;
}

/* ---- figures in the text ---- */

/* A whole number at the front, thousands set off or not; 0: there is none. */
static uint64_t take_number(str s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len && n < UINT32_MAX; i++) {
		bool is_gap = (s.ptr[i] == ',' || s.ptr[i] == '_') && i + 1 < s.len &&
		              char_is_digit(s.ptr[i + 1]);

		if (char_is_digit(s.ptr[i]))
			n = n * 10 + (uint64_t)(s.ptr[i] - '0');
		else if (!n || !is_gap)
			break;
	}
	return n;
}

uint64_t complaint_limit(str text)
{
	/* What stands before the limit, what before that, and how much in between. */
	static const struct {
		str lead, then;
		unsigned gap;
	} places[] = {
		{ STR_INIT("for model with "), STR_INIT(""), 0 }, /* Mistral */
		{ STR_INIT("exceed context limit"), STR_INIT("> "), 0 },
		{ STR_INIT("prompt is too long"), STR_INIT("tokens > "), 0 },
		{ STR_INIT("maximum context length"), STR_INIT(""), 6 },
		{ STR_INIT("maximum number of tokens allowed"), STR_INIT(""), 3 },
		{ STR_INIT("maximum number of input tokens allowed"), STR_INIT(""), 3 },
		{ STR_INIT("maximum prompt length"), STR_INIT(""), 6 },
		{ STR_INIT("maximum model length"), STR_INIT(""), 6 },
		{ STR_INIT("model token limit"), STR_INIT(""), 3 },
		{ STR_INIT("length should be [1,"), STR_INIT(""), 2 },
		{ STR_INIT("`max_new_tokens` must be"), STR_INIT("<= "), 0 },
		{ STR_INIT("limit for this model is"), STR_INIT(""), 2 },
		{ STR_INIT("max input tokens"), STR_INIT(""), 3 },
		{ STR_INIT("while limit is"), STR_INIT(""), 2 },
		{ STR_INIT("available context size"), STR_INIT(""), 3 },
		{ STR_INIT("context window of"), STR_INIT(""), 2 },
		{ STR_INIT("\"n_ctx\""), STR_INIT(""), 3 },
	};

	text = str_first(text, TEXT_MOST);
	for (size_t i = 0; i < countof(places); i++) {
		str rest = str_from(text, find_nocase(text, places[i].lead));
		uint64_t n = 0;

		rest = str_from(rest, places[i].lead.len);
		if (places[i].then.len)
			rest = str_from(rest, find_nocase(rest, places[i].then) +
			                              places[i].then.len);
		for (unsigned skip = 0; !n && skip <= places[i].gap; skip++)
			n = take_number(str_from(rest, skip));
		if (n)
			return n;
	}
	return 0;
}

/* "5.289s", "6m0s.", "26 seconds", "200 milliseconds" */
static usec take_wait(str s)
{
	static const struct {
		str name, unit;
	} units[] = { { STR_INIT("millisecond"), STR_INIT("ms") },
		      { STR_INIT("second"), STR_INIT("s") },
		      { STR_INIT("minute"), STR_INIT("m") } };
	str number = str_first(s, str_find_any(s, STR(" \",;)\\")));
	str unit = str_from(s, number.len + 1);
	char room[64];
	usec wait;

	if (number.len && number.ptr[number.len - 1] == '.')
		number.len--;
	if (go_duration_parse(number, &wait))
		return wait;
	for (size_t i = 0; i < countof(units); i++) {
		size_t len = number.len + units[i].unit.len;

		if (!number.len || len > sizeof(room) ||
		    !str_starts_nocase(unit, units[i].name))
			continue;
		memcpy(room, number.ptr, number.len);
		memcpy(room + number.len, units[i].unit.ptr, units[i].unit.len);
		return go_duration_parse(str_of(room, len), &wait) ? wait : 0;
	}
	return 0;
}

usec complaint_wait(str text)
{
	static const str leads[] = { STR_INIT("\"retryDelay\":\""),
		                     STR_INIT("\"retryDelay\": \""),
		                     STR_INIT("try again in "), STR_INIT("retry in "),
		                     STR_INIT("retry after ") };

	text = str_first(text, TEXT_MOST);
	for (size_t i = 0; i < countof(leads); i++) {
		str rest = str_from(text, find_nocase(text, leads[i]));
		usec wait = take_wait(str_from(rest, leads[i].len));

		if (wait)
			return wait;
	}
	return 0;
}
