/* quoted.c - sixty-four bytes at a look.
 *
 * Folding (| 0x20) makes one row of both cases of a letter, and '|' of the backslash.  A
 * byte is wanted when its lower half and its upper half have a row in common, which is
 * two looks into tables of sixteen, for 32 bytes at once with AVX2. */
#include "codec/quoted.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

enum { BLOCK = 64, FOLD = 0x20, NEVER = 0xff };

static void want(struct quoted *q, char c)
{
	unsigned folded = (unsigned char)c | FOLD;

	q->by_low[folded & 15] |= q->by_high[folded >> 4];
}

void quoted_begin(struct quoted *ret, str text, str letters)
{
	*ret = (struct quoted){ .text = text, .by_high = { [2] = 1, [6] = 2, [7] = 4 } };
	for (size_t i = 0; i < letters.len; i++)
		want(ret, letters.ptr[i]);
	want(ret, ' ');
	want(ret, '\\');
}

/* Among the BLOCK bytes at `at`; one more behind them is read. */
typedef uint64_t find_fn(const struct quoted *q, const char *at);

static inline uint64_t find_portable(const struct quoted *q, const char *at)
{
	uint64_t found = 0;

	for (unsigned i = 0; i < BLOCK; i++) {
		unsigned folded = (unsigned char)at[i + 1] | FOLD;

		if (at[i] == '"' && (q->by_low[folded & 15] & q->by_high[folded >> 4]))
			found |= UINT64_C(1) << i;
	}
	return found;
}

/* Nothing stands behind the last byte of a text. */
static inline __attribute__((always_inline)) uint64_t
find_in_rest(const struct quoted *q, str text, find_fn *find)
{
	char rest[BLOCK + 1];

	memset(rest, NEVER, sizeof(rest));
	memcpy(rest, text.ptr, text.len);
	return find(q, rest);
}

/* Up to the next block with something in it, or the end. */
static inline __attribute__((always_inline)) void scan(struct quoted *q, find_fn *find)
{
	while (!q->found && q->next < q->text.len) {
		str left = str_from(q->text, q->next);

		q->block = q->next;
		if (left.len > BLOCK) {
			q->found = find(q, left.ptr);
			q->next += BLOCK;
		} else {
			q->found = find_in_rest(q, left, find);
			q->next = q->text.len;
		}
	}
}

#ifdef __SSE2__
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load32(const char *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

AVX2 static inline __m256i table(const uint8_t rows[16])
{
	return _mm256_broadcastsi128_si256(
	        _mm_loadu_si128((const __m128i *)(const void *)rows));
}

/* A byte beyond ASCII finds nothing in a table: its upper bit says so. */
AVX2 static inline uint64_t find_avx2(const struct quoted *q, const char *at)
{
	const __m256i by_low = table(q->by_low), by_high = table(q->by_high);
	uint64_t found = 0;

	for (unsigned i = 0; i < BLOCK; i += 32) {
		__m256i quotes = _mm256_cmpeq_epi8(load32(at + i), _mm256_set1_epi8('"'));
		__m256i folded =
		        _mm256_or_si256(load32(at + i + 1), _mm256_set1_epi8(FOLD));
		__m256i upper = _mm256_and_si256(_mm256_srli_epi16(folded, 4),
		                                 _mm256_set1_epi8(15));
		__m256i rows = _mm256_and_si256(_mm256_shuffle_epi8(by_low, folded),
		                                _mm256_shuffle_epi8(by_high, upper));
		__m256i others = _mm256_cmpeq_epi8(rows, _mm256_setzero_si256());
		__m256i wanted = _mm256_andnot_si256(others, quotes);

		found |= (uint64_t)(unsigned)_mm256_movemask_epi8(wanted) << i;
	}
	return found;
}

AVX2 static void scan_avx2(struct quoted *q)
{
	scan(q, find_avx2);
}
#endif

static bool take_first(struct quoted *q, size_t *ret_at)
{
	if (!q->found)
		return false;
	*ret_at = q->block + (unsigned)__builtin_ctzll(q->found);
	q->found &= q->found - 1;
	return true;
}

bool quoted_next_portable(struct quoted *q, size_t *ret_at)
{
	scan(q, find_portable);
	return take_first(q, ret_at);
}

bool quoted_next(struct quoted *q, size_t *ret_at)
{
#ifdef __SSE2__
	if (__builtin_cpu_supports("avx2")) {
		scan_avx2(q);
		return take_first(q, ret_at);
	}
#endif
	return quoted_next_portable(q, ret_at);
}
