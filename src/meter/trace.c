/* trace.c - see trace.h. */
#include "meter/trace.h"

/* splitmix64's finisher: each input has its own output, and they look like chance. */
static uint64_t scatter(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void put_u64(uint8_t *to, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(to, &value, sizeof(value));
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return any == 0;
}

/* Small letters alone: capitals are not allowed in a traceparent. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(str *rest, uint8_t *to, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int high, low;

		if (rest->len < 2)
			return false;
		high = hex_value(rest->ptr[0]);
		low = hex_value(rest->ptr[1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
		*rest = str_from(*rest, 2);
	}
	return true;
}

bool trace_parse(str text, struct trace_parent *ret)
{
	const str dash = STR("-");
	struct trace_parent p;
	uint8_t version;

	if (!take_hex(&text, &version, 1) || version == 0xff || !str_skip(&text, dash) ||
	    !take_hex(&text, p.trace, TRACE_ID) || !str_skip(&text, dash) ||
	    !take_hex(&text, p.span, SPAN_ID) || !str_skip(&text, dash) ||
	    !take_hex(&text, &p.flags, 1) || is_zero(p.trace, TRACE_ID) ||
	    is_zero(p.span, SPAN_ID))
		return false;
	/* A later version may have more behind another dash. */
	if (text.len && (version == 0 || text.ptr[0] != '-'))
		return false;
	*ret = p;
	return true;
}

void trace_id(str carried, uint64_t exchange, uint8_t ret[TRACE_ID])
{
	if (carried.len == TRACE_PARENT) {
		memcpy(ret, carried.ptr, TRACE_ID);
		return;
	}
	put_u64(ret, exchange);
	/* What samplers of others look at is the second half. */
	put_u64(ret + 8, scatter(exchange));
}

void trace_span(enum span_kind kind, uint64_t id, uint8_t ret[SPAN_ID])
{
	uint64_t span = scatter(id ^ (kind == SPAN_SERVER ? 0x5e : 0xc1));

	put_u64(ret, span ? span : 1);
}

static void add_hex(struct buf *to, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buf_add_hex(to, bytes[i], 2);
}

static uint64_t get_u64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return __builtin_bswap64(value);
}

bool trace_is_sampled(str carried, uint64_t exchange, unsigned sample)
{
	const uint64_t all = (uint64_t)1 << 56;
	uint8_t id[TRACE_ID];

	if (carried.len == TRACE_PARENT)
		return carried.ptr[TRACE_PARENT - 1] & 1;
	trace_id(carried, exchange, id);
	/* The last 56 bits against a threshold: as OpenTelemetry's samplers do. */
	return (get_u64(id + 8) & (all - 1)) >= all - all / SAMPLE_ALL * sample ||
	       sample >= SAMPLE_ALL;
}

void trace_write(struct buf *to, str carried, uint64_t exchange, uint64_t attempt,
                 unsigned sample)
{
	uint8_t trace[TRACE_ID], span[SPAN_ID];
	bool sampled = trace_is_sampled(carried, exchange, sample);

	trace_id(carried, exchange, trace);
	trace_span(SPAN_CLIENT, attempt, span);
	buf_add(to, STR("00-"));
	add_hex(to, trace, TRACE_ID);
	buf_add_char(to, '-');
	add_hex(to, span, SPAN_ID);
	buf_add(to, sampled ? STR("-01") : STR("-00"));
}
