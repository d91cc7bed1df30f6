/* json_walk.c - finding values in text that json_check has passed.
 *
 * What was checked once is not checked again: a string ends at its quote, a container
 * where its braces are even, anything else where a delimiter stands.  On text that was
 * never checked the answers mean nothing, but no byte outside it is read. */
#include "codec/json.h"

#include "codec/json_marks.h"
#include "codec/json_text.h"

#ifdef __SSE2__
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))
#endif

/* Is what stands at `at` behind an odd run of backslashes?  `first`: where the string
 * begins; nothing before it is read. */
inlined bool is_protected(const char *at, const char *first)
{
	const char *run = at;

	while (run > first && run[-1] == '\\')
		run--;
	return (at - run) & 1;
}

/* ---- the end of a string ----
 *
 * Only quotes are sought, and what stands before one decides whether it is the end: texts
 * have an escape in every line, and few of those protect a quote. */

/* The first quote, or the end. */
inlined const char *find_quote(const char *at, const char *end)
{
#ifdef __SSE2__
	for (; end - at >= 16; at += 16) {
		unsigned where = (unsigned)_mm_movemask_epi8(equals16(load16(at), '"'));

		if (where)
			return at + __builtin_ctz(where);
	}
#endif
	while (at < end && *at != '"')
		at++;
	return at;
}

/* `at` is where the search goes on, in a string that begins at `first`. */
static const char *string_end_from(const char *at, const char *first, const char *end)
{
	for (; (at = find_quote(at, end)) < end; at++) {
		if (likely(!is_protected(at, first)))
			return at + 1;
	}
	return NULL;
}

#ifdef __SSE2__
AVX2 static inline uint64_t equals_avx2(const char *at, char c, char fold)
{
	uint64_t found = 0;

	for (int i = 0; i < BLOCK; i += 32) {
		__m256i bytes =
		        _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
		__m256i folded = _mm256_or_si256(bytes, _mm256_set1_epi8(fold));

		found |= (uint64_t)(unsigned)_mm256_movemask_epi8(
		                 _mm256_cmpeq_epi8(folded, _mm256_set1_epi8(c)))
		         << i;
	}
	return found;
}

AVX2 static apart const char *long_string_end(const char *first, const char *end)
{
	const char *at = first;

	for (; end - at >= BLOCK; at += BLOCK) {
		uint64_t quotes = equals_avx2(at, '"', 0);

		for (; quotes; quotes &= quotes - 1) {
			const char *quote = at + __builtin_ctzll(quotes);

			if (!is_protected(quote, first))
				return quote + 1;
		}
	}
	return string_end_from(at, first, end);
}
#endif

/* From the opening quote to behind the closing one; NULL when there is none. */
static const char *string_end(const char *at, const char *end)
{
	const char *first = at + 1;

#ifdef __SSE2__
	/* A short one, as names are, is found at the first look. */
	if (end - first >= BLOCK) {
		unsigned where =
		        (unsigned)_mm_movemask_epi8(equals16(load16(first), '"'));

		if (!where && likely(json_has_avx2()))
			return long_string_end(first, end);
	}
#endif
	return string_end_from(first, first, end);
}

/* ---- the end of a container, sixty-four bytes at a look ----
 *
 * Of a block words are made with a bit for each byte: quotes, backslashes, and brackets
 * that open and that close.  What stands behind a backslash is no quote; what stands
 * between quotes is no bracket.  A block whose closing brackets are fewer than those that
 * are open cannot hold the end, and is only counted.
 *
 * Most of a long text is inside of strings, where nothing but the next quote matters:
 * blocks without one are passed over by a search for it alone.  With the strings' own
 * ends that is 16 to 30 % of the instructions a translated request of 200 KB takes. */

/* Bit i: byte i of the BLOCK bytes at `at`, with the bits of `fold` set, is c. */
typedef uint64_t equals_fn(const char *at, char c, char fold);
/* Each bit: how many are set up to here, odd or even. */
typedef uint64_t parity_fn(uint64_t bits);

inlined uint64_t parity_portable(uint64_t bits)
{
	for (unsigned i = 1; i < BLOCK; i *= 2)
		bits ^= bits << i;
	return bits;
}

#ifdef __SSE2__
inlined uint64_t equals_sse2(const char *at, char c, char fold)
{
	uint64_t found = 0;

	for (int i = 0; i < BLOCK; i += 16) {
		__m128i folded = _mm_or_si128(load16(at + i), _mm_set1_epi8(fold));

		found |= (uint64_t)_mm_movemask_epi8(equals16(folded, c)) << i;
	}
	return found;
}

/* A product without carries by all ones is every sum without carries from bit 0 on. */
AVX2 static inline uint64_t parity_avx2(uint64_t bits)
{
	return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(
	        _mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8(-1), 0));
}
#else
inlined uint64_t equals_portable(const char *at, char c, char fold)
{
	uint64_t found = 0;

	for (int i = 0; i < BLOCK; i++)
		found |= (uint64_t)((at[i] | fold) == c) << i;
	return found;
}
#endif

/* The bytes behind a backslash that protects them.  Runs of backslashes begin at an even
 * or an odd place; a sum carries each run to its end, and there the place tells whether
 * its last one is itself protected.  *carry: the block before ended in a backslash. */
inlined uint64_t protected_by(uint64_t slashes, uint64_t *carry)
{
	const uint64_t even = 0x5555555555555555;
	uint64_t behind, odd_runs, sum;

	if (likely(!slashes)) {
		behind = *carry;
		*carry = 0;
		return behind;
	}
	slashes &= ~*carry;
	behind = slashes << 1 | *carry;
	odd_runs = slashes & ~even & ~behind;
	*carry = __builtin_add_overflow(odd_runs, slashes, &sum);
	return (even ^ sum << 1) & behind;
}

/* Inside a string: over whole blocks without a quote. */
inlined const char *skip_unquoted(const char *at, const char *end, uint64_t *carry,
                                  equals_fn *equals)
{
	const char *from = at, *run;

	while (end - at >= BLOCK && !equals(at, '"', 0))
		at += BLOCK;
	for (run = at; run > from && run[-1] == '\\';)
		run--;
	if (run > from) /* a run over all of it is even, and leaves the carry as it was */
		*carry = (at - run) & 1;
	return at;
}

/* From behind the opening bracket to behind its closing one; NULL when there is none. */
inlined const char *find_end(const char *at, const char *end, equals_fn *equals,
                             parity_fn *parity)
{
	uint64_t carry = 0, inside = 0; /* all bits: the block begins in a string */
	size_t open = 1;
	char copy[BLOCK];

	for (; at < end; at += BLOCK) {
		const char *block;
		uint64_t quotes, opening, closing;

		if (inside)
			at = skip_unquoted(at, end, &carry, equals);
		block = at;
		if (end - at < BLOCK) {
			memset(copy, 0, sizeof(copy));
			block = memcpy(copy, at, (size_t)(end - at));
		}
		quotes = equals(block, '"', 0);
		quotes &= ~protected_by(equals(block, '\\', 0), &carry);
		if (inside && !quotes)
			continue;
		inside ^= parity(quotes);
		/* '[' and '{', ']' and '}' differ in one bit. */
		opening = equals(block, '{', '{' ^ '[') & ~inside;
		closing = equals(block, '}', '{' ^ '[') & ~inside;
		inside = (uint64_t)((int64_t)inside >> (BLOCK - 1));

		size_t count = (size_t)__builtin_popcountll(closing);
		if (open > count) {
			open += (size_t)__builtin_popcountll(opening) - count;
			continue;
		}
		for (uint64_t bits = opening | closing; bits; bits &= bits - 1) {
			unsigned i = (unsigned)__builtin_ctzll(bits);

			if (opening >> i & 1)
				open++;
			else if (--open == 0)
				return at + i + 1;
		}
	}
	return NULL;
}

#ifdef __SSE2__
AVX2 static apart const char *find_end_avx2(const char *at, const char *end)
{
	return find_end(at, end, equals_avx2, parity_avx2);
}

static apart const char *find_end_sse2(const char *at, const char *end)
{
	return find_end(at, end, equals_sse2, parity_portable);
}
#endif

static const char *container_end(const char *at, const char *end)
{
	if (end - at > 1 && (at[1] == '}' || at[1] == ']'))
		return at + 2;
#ifdef __SSE2__
	if (likely(json_has_avx2()))
		return find_end_avx2(at + 1, end);
	return find_end_sse2(at + 1, end);
#else
	return find_end(at + 1, end, equals_portable, parity_portable);
#endif
}

/* Numbers and words: they have no byte that could stand behind them. */
static const char *word_end(const char *at, const char *end)
{
	while (at < end && *at != ',' && *at != '}' && *at != ']' &&
	       !json_byte_is(*at, BYTE_SPACE))
		at++;
	return at;
}

static bool read_value(struct json_iter *it, struct json_value *ret)
{
	const char *first = it->at, *end = NULL;

	if (first >= it->end)
		return false;
	ret->type = json_type_at(*first);
	switch (ret->type) {
	case JSON_STRING:
		end = string_end(first, it->end);
		break;
	case JSON_OBJECT:
	case JSON_ARRAY:
		end = container_end(first, it->end);
		break;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		end = word_end(first, it->end);
		break;
	case JSON_NONE:
		break;
	}
	if (!end)
		return false;
	ret->raw = str_of(first, (size_t)(end - first));
	it->at = end;
	return true;
}

struct json_iter json_iter(struct json_value container)
{
	bool is_object = container.type == JSON_OBJECT;
	str raw = container.raw;

	if ((!is_object && container.type != JSON_ARRAY) || raw.len < 2)
		return (struct json_iter){ .is_object = false };
	return (struct json_iter){ raw.ptr + 1, raw.ptr + raw.len - 1, is_object };
}

static const char *skip_to(const char *at, const char *end, char mark)
{
	/* Mostly one mark and nothing else. */
	if (likely(at < end && *at == mark))
		at++;
	if (likely(at < end && (unsigned char)*at > ' ' && *at != mark))
		return at;
	while (at < end && (*at == mark || json_byte_is(*at, BYTE_SPACE)))
		at++;
	return at;
}

bool json_next(struct json_iter *it, struct json_member *ret)
{
	str key = STR("");

	it->at = skip_to(it->at, it->end, ',');
	if (it->is_object) {
		const char *name = it->at, *behind;

		if (name >= it->end || *name != '"')
			return false;
		behind = string_end(name, it->end);
		if (!behind)
			return false;
		key = str_of(name + 1, (size_t)(behind - name - 2));
		it->at = skip_to(behind, it->end, ':');
	}
	if (!read_value(it, &ret->value))
		return false;
	ret->key = key;
	return true;
}

fault_t json_object_members(struct json_value object, struct json_member *ret,
                            size_t most, size_t *ret_count)
{
	struct json_iter it = json_iter(object);
	struct json_member m;
	size_t count = 0;
	fault_t why;

	while (it.is_object && json_next(&it, &m)) {
		if (count == most)
			return FAULT_JSON_LIMIT;
		ret[count++] = m;
	}
	why = json_distinct(ret, count, false);
	if (!why)
		*ret_count = count;
	return why;
}

struct json_value json_get(struct json_value object, str key)
{
	struct json_iter it = json_iter(object);
	struct json_member m;

	while (it.is_object && json_next(&it, &m)) {
		if (json_inside_is(m.key, key))
			return m.value;
	}
	return (struct json_value){ .type = JSON_NONE, .raw = STR("") };
}

struct json_value json_path(struct json_value v, const char *dotted)
{
	str rest = str_from_z(dotted);

	do {
		v = json_get(v, str_cut(&rest, '.'));
	} while (rest.len > 0);
	return v;
}

bool json_long_u64(str digits, uint64_t *ret)
{
	uint64_t value;

	if (!str_to_u64(digits, &value) || value > INT64_MAX)
		return false;
	*ret = value;
	return true;
}

bool json_i64(struct json_value v, int64_t *ret)
{
	int64_t value;

	if (v.type != JSON_NUMBER || !str_to_i64(v.raw, &value))
		return false;
	if (value == 0 && v.raw.ptr[0] == '-') /* -0 is a float to some readers */
		return false;
	*ret = value;
	return true;
}
