/* json_walk.c - finding values in text that json_check has passed.
 *
 * What was checked once is not checked again: a string ends at its quote, a container
 * where its braces are even, anything else where a delimiter stands.  On text that was
 * never checked the answers mean nothing, but no byte outside it is read. */
#include "codec/json.h"

#include "codec/json_marks.h"

/* From the opening quote to behind the closing one; NULL when there is none. */
static const char *string_end(const char *at, const char *end)
{
	at = json_quote_end(at + 1, end);
	return at < end ? at + 1 : NULL;
}

/* ---- the end of a container, sixty-four bytes at a look ----
 *
 * Of a block four words are made, a bit for each byte: quotes, backslashes, and brackets
 * that open and that close.  What stands behind a backslash is no quote; what stands
 * between quotes is no bracket.  A block whose closing brackets are fewer than those that
 * are open cannot hold the end, and is only counted. */

struct block {
	uint64_t quotes, slashes, opening, closing;
};

typedef void look_fn(const char *at, struct block *ret);

#ifdef __SSE2__
inlined void look_sse2(const char *at, struct block *ret)
{
	*ret = (struct block){ 0 };
	for (int i = 0; i < BLOCK; i += 16) {
		__m128i bytes = load16(at + i);
		/* '[' and '{', ']' and '}' differ in one bit. */
		__m128i folded = _mm_or_si128(bytes, _mm_set1_epi8('{' ^ '['));

		ret->quotes |= (uint64_t)_mm_movemask_epi8(equals16(bytes, '"')) << i;
		ret->slashes |= (uint64_t)_mm_movemask_epi8(equals16(bytes, '\\')) << i;
		ret->opening |= (uint64_t)_mm_movemask_epi8(equals16(folded, '{')) << i;
		ret->closing |= (uint64_t)_mm_movemask_epi8(equals16(folded, '}')) << i;
	}
}

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

AVX2 static inline uint64_t mask32(__m256i bytes, char c)
{
	return (unsigned)_mm256_movemask_epi8(
	        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c)));
}

AVX2 static inline void look_avx2(const char *at, struct block *ret)
{
	*ret = (struct block){ 0 };
	for (int i = 0; i < BLOCK; i += 32) {
		__m256i bytes =
		        _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
		__m256i folded = _mm256_or_si256(bytes, _mm256_set1_epi8('{' ^ '['));

		ret->quotes |= mask32(bytes, '"') << i;
		ret->slashes |= mask32(bytes, '\\') << i;
		ret->opening |= mask32(folded, '{') << i;
		ret->closing |= mask32(folded, '}') << i;
	}
}
#else
inlined void look_portable(const char *at, struct block *ret)
{
	*ret = (struct block){ 0 };
	for (int i = 0; i < BLOCK; i++) {
		ret->quotes |= (uint64_t)(at[i] == '"') << i;
		ret->slashes |= (uint64_t)(at[i] == '\\') << i;
		ret->opening |= (uint64_t)(at[i] == '{' || at[i] == '[') << i;
		ret->closing |= (uint64_t)(at[i] == '}' || at[i] == ']') << i;
	}
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

/* Each bit: how many are set up to here, odd or even. */
inlined uint64_t parity_up_to(uint64_t bits)
{
	for (unsigned i = 1; i < BLOCK; i *= 2)
		bits ^= bits << i;
	return bits;
}

/* From behind the opening bracket to behind its closing one; NULL when there is none. */
inlined const char *find_end(const char *at, const char *end, look_fn *look)
{
	uint64_t carry = 0, inside = 0; /* all bits: the block begins in a string */
	size_t open = 1;
	char copy[BLOCK];
	struct block b;

	for (; at < end; at += BLOCK) {
		bool is_last = end - at < BLOCK;

		if (is_last) {
			memset(copy, 0, sizeof(copy));
			memcpy(copy, at, (size_t)(end - at));
		}
		look(is_last ? copy : at, &b);
		b.quotes &= ~protected_by(b.slashes, &carry);
		inside ^= parity_up_to(b.quotes);
		b.opening &= ~inside;
		b.closing &= ~inside;
		inside = (uint64_t)((int64_t)inside >> (BLOCK - 1));

		size_t closing = (size_t)__builtin_popcountll(b.closing);
		if (open > closing) {
			open += (size_t)__builtin_popcountll(b.opening) - closing;
			continue;
		}
		for (uint64_t bits = b.opening | b.closing; bits; bits &= bits - 1) {
			unsigned i = (unsigned)__builtin_ctzll(bits);

			if (b.opening >> i & 1)
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
	return find_end(at, end, look_avx2);
}

static apart const char *find_end_sse2(const char *at, const char *end)
{
	return find_end(at, end, look_sse2);
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
	return find_end(at + 1, end, look_portable);
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
