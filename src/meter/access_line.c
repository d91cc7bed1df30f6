/* access_line.c - see access_line.h.
 *
 * A line has a fixed shape and there is room for the longest, so it is put together from
 * literals with a bare pointer.  A text is copied first and looked at in its new place,
 * sixteen bytes at a time; only one with something to escape goes the long way. */
#include "meter/access_line.h"

#include "base/assert.h"
#include "base/digits.h"
#include "codec/json_write.h"
#include "codec/text.h"

static char *put(char *at, const char *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

/* The size is known to the compiler: a few stores, no call. */
#define LITERAL(at, text) put(at, text, sizeof(text) - 1)

/* ---- values ---- */

/* Spans and statuses are never negative; a lie among them must not look huge. */
static char *put_signed(char *at, int64_t value)
{
	if (value < 0)
		*at++ = '-';
	return digits_put(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Nothing to escape?  Looked at in pieces of sixteen; behind the text stand blanks. */
static bool is_plain(const char *bytes, size_t size)
{
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
	const __m128i blank = _mm_set1_epi8(' '), del = _mm_set1_epi8(0x7f);
	__m128i special = _mm_setzero_si128();

	for (size_t i = 0; i < size; i += sizeof(special)) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));

		/* Compared with their sign, bytes above 127 are below the blank too. */
		special = _mm_or_si128(special, _mm_cmplt_epi8(x, blank));
		special = _mm_or_si128(special, _mm_cmpeq_epi8(x, quote));
		special = _mm_or_si128(special, _mm_cmpeq_epi8(x, slash));
		special = _mm_or_si128(special, _mm_cmpeq_epi8(x, del));
	}
	return _mm_movemask_epi8(special) == 0;
}

/* The length of a control character that JSON lets pass: DEL, and those between U+0080
 * and U+009F, which some terminals obey.  0: none stands there. */
static size_t control_at(str s)
{
	if (s.ptr[0] == 0x7f)
		return 1;
	return s.len > 1 && s.ptr[0] == '\xc2' && (uint8_t)s.ptr[1] < 0xa0 ? 2 : 0;
}

static char *put_escaped(char *at, str s)
{
	struct buf escaped = { .ptr = at, .cap = 6 * s.len, .limit = 6 * s.len };
	size_t from = 0, control;

	for (size_t i = 0; i < s.len; i += control ? control : 1) {
		control = control_at(str_from(s, i));
		if (!control)
			continue;
		json_escape(&escaped, str_of(s.ptr + from, i - from));
		/* Not with printf, whose NUL a text of these alone has no room for. */
		buf_add(&escaped, STR("\\u"));
		buf_add_hex(&escaped, (unsigned char)s.ptr[i + control - 1], 4);
		from = i + control;
	}
	json_escape(&escaped, str_from(s, from));
	assert(escaped.ptr == at && !escaped.over);
	return at + escaped.len;
}

static char *put_quoted(char *at, str s)
{
	s = str_first(s, ACCESS_TEXT_MOST);
	*at++ = '"';
	memcpy(at, s.ptr, s.len);
	memset(at + s.len, ' ', 16);
	at = likely(is_plain(at, s.len)) ? at + s.len : put_escaped(at, s);
	*at++ = '"';
	return at;
}

#define TEXT(at, name, value)                                                            \
	((value).len ? put_quoted(LITERAL(at, ",\"" name "\":"), (value)) : (at))
#define NUMBER(at, name, value)                                                          \
	put_signed(LITERAL(at, ",\"" name "\":"), (int64_t)(value))
#define NUMBER_IF_ANY(at, name, value) ((value) ? NUMBER(at, name, value) : (at))

/* ---- the line ---- */

static char *put_time(char *at, struct access_memory *clock, usec wall)
{
	usec second = wall / USEC_SEC, ms = wall % USEC_SEC / 1000;

	if (second != clock->second || !clock->text[0]) {
		struct buf text = BUF_LIMIT(64);

		rfc3339_write(&text, second * USEC_SEC);
		assert(text.len >= 19);
		memcpy(clock->text, text.ptr, 19);
		clock->second = second;
		buf_free(&text);
	}
	at = put(at, clock->text, 19);
	*at++ = '.';
	*at++ = (char)('0' + ms / 100);
	*at++ = (char)('0' + ms / 10 % 10);
	*at++ = (char)('0' + ms % 10);
	*at++ = 'Z';
	return at;
}

static char *put_request(char *at, const struct attempt_row *row)
{
	if (row->key) {
		at = LITERAL(at, "\",\"key\":\"");
		at = digits_put_hex(at, row->key, 12);
	}
	*at++ = '"';
	at = TEXT(at, "operation", row->operation);
	at = TEXT(at, "asked", row->asked);
	at = TEXT(at, "route", row->route);
	at = TEXT(at, "provider", row->provider);
	at = TEXT(at, "model", row->model);
	return row->stream ? LITERAL(at, ",\"stream\":true")
	                   : LITERAL(at, ",\"stream\":false");
}

static char *put_outcome(char *at, const struct attempt_row *row)
{
	at = NUMBER(at, "status", row->status);
	at = NUMBER(at, "client_status", row->client_status);
	at = TEXT(at, "fault", row->fault);
	at = TEXT(at, "detail", row->detail);
	at = TEXT(at, "finish", row->finish);
	return TEXT(at, "answered_model", row->answered_model);
}

/* What stands before the figures. */
static char *put_head(char *at, const struct attempt_row *row)
{
	static const str kinds[] = {
		[USAGE_NONE] = STR_INIT("none"),
		[USAGE_REPORTED] = STR_INIT("reported"),
		[USAGE_ESTIMATED] = STR_INIT("estimated"),
		[USAGE_UNKNOWN] = STR_INIT("unknown"),
	};

	at = put_request(at, row);
	at = put_outcome(at, row);
	return TEXT(at, "usage_kind", kinds[row->usage_kind]);
}

static char *put_usage(char *at, const struct attempt_row *row)
{
	const struct token_usage *usage = &row->usage;

	at = NUMBER(at, "input_tokens", usage->input);
	at = NUMBER(at, "output_tokens", usage->output);
	at = NUMBER_IF_ANY(at, "cache_read_tokens", usage->cache_read);
	at = NUMBER_IF_ANY(at, "cache_write_tokens", usage->cache_write);
	at = NUMBER_IF_ANY(at, "reasoning_tokens", usage->reasoning);
	at = NUMBER_IF_ANY(at, "audio_input_tokens", usage->audio_input);
	at = NUMBER_IF_ANY(at, "audio_output_tokens", usage->audio_output);
	at = NUMBER_IF_ANY(at, "cache_write_1h_tokens", usage->cache_write_1h);
	at = NUMBER_IF_ANY(at, "searches", usage->searches);
	return row->cost == COST_UNKNOWN ? LITERAL(at, ",\"cost_nano\":null")
	                                 : NUMBER(at, "cost_nano", row->cost);
}

static char *put_course(char *at, const struct attempt_row *row)
{
	at = NUMBER_IF_ANY(at, "connect_us", row->connect);
	at = NUMBER_IF_ANY(at, "first_byte_us", row->first_byte);
	at = NUMBER_IF_ANY(at, "first_token_us", row->first_token);
	at = NUMBER(at, "total_us", row->total);
	at = NUMBER(at, "exchange_total_us", row->exchange_total);
	at = NUMBER(at, "overhead_us", row->overhead);
	at = NUMBER(at, "request_bytes", row->request_bytes);
	at = NUMBER(at, "answer_bytes", row->answer_bytes);
	return NUMBER(at, "attempts", row->attempts);
}

/* What stands behind them. */
static char *put_tail(char *at, const struct attempt_row *row)
{
	at = TEXT(at, "client", row->client);
	at = TEXT(at, "agent", row->agent);
	return LITERAL(at, "}\n");
}

/* Keeps what was put for the next row of its kind, unless it is too long. */
static void remember(struct access_kind *k, uint64_t kind, str head, str tail)
{
	if (!kind || head.len > sizeof(k->head) || tail.len > sizeof(k->tail))
		return;
	k->kind = kind;
	k->head_len = (uint16_t)head.len;
	k->tail_len = (uint16_t)tail.len;
	memcpy(k->head, head.ptr, head.len);
	memcpy(k->tail, tail.ptr, tail.len);
}

void access_line_add(struct buf *to, struct access_memory *memory,
                     const struct attempt_row *row)
{
	struct access_kind *k = &memory->kinds[row->kind % countof(memory->kinds)];
	bool is_known = row->kind && k->kind == row->kind;
	char *begin = to->ptr + to->len, *at = LITERAL(begin, "{\"time\":\"");
	usec took = row->number ? row->total : row->exchange_total;

	assert(to->cap - to->len >= ACCESS_LINE_MOST);
	at = put_time(at, memory, row->began_wall + took);
	at = LITERAL(at, "\",\"id\":\"");
	at = digits_put_hex(at, row->exchange, 16);
	char *head = at;
	at = is_known ? put(at, k->head, k->head_len) : put_head(at, row);
	str said = str_of(head, (size_t)(at - head));
	at = put_usage(at, row);
	at = put_course(at, row);
	char *tail = at;
	at = is_known ? put(at, k->tail, k->tail_len) : put_tail(at, row);
	if (!is_known)
		remember(k, row->kind, said, str_of(tail, (size_t)(at - tail)));
	to->len = (size_t)(at - to->ptr);
	assert(at - begin <= ACCESS_LINE_MOST);
}
