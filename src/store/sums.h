/* sums.h - what attempts add up to: counts, tokens, money, time.
 *
 * One list names them for the rollups, for reports and for JSON.  The money of a sum is
 * that of its rows to the nano-dollar: nothing is rounded twice. */
#pragma once
#include "store/row.h"

/* clang-format off */
#define SUMS_FIRST(SUM) SUM(ATTEMPTS, attempts) /* tries of a target */
#define SUMS_MORE(SUM)                                                                   \
	SUM(REQUESTS, requests)               /* that ended, whatever came of them */    \
	SUM(FAILED, failed_requests)          /* of them: the client got an error */     \
	SUM(REFUSED, refused_requests)        /* of those: before any attempt */         \
	SUM(RESCUED, rescued_requests)        /* good answers after a failed attempt */  \
	SUM(ERRORS, errors)                   /* attempts with a fault */                \
	SUM(UNSETTLED, unsettled)             /* attempts whose process died */          \
	SUM(UNPRICED, unpriced)               /* attempts of unknown cost */             \
	SUM(ESTIMATED, estimated)             /* attempts whose usage we counted */      \
	SUM(INPUT, input_tokens)                                                         \
	SUM(CACHE_READ, cache_read_tokens)                                               \
	SUM(CACHE_WRITE, cache_write_tokens)                                             \
	SUM(CACHE_WRITE_1H, cache_write_1h_tokens)                                       \
	SUM(OUTPUT, output_tokens)                                                       \
	SUM(REASONING, reasoning_tokens)                                                 \
	SUM(AUDIO_INPUT, audio_input_tokens)                                             \
	SUM(AUDIO_OUTPUT, audio_output_tokens)                                           \
	SUM(IMAGES, images)                                                              \
	SUM(SEARCHES, searches)                                                          \
	SUM(COST, cost_nano)                  /* what is known, corrections included */  \
	SUM(CHARGED, charged_nano)            /* and reservations where it is not */     \
	SUM(CORRECTED, corrected_nano)        /* of cost: by later entries */            \
	SUM(EMPTY, empty)                     /* attempts by flag of row.h */            \
	SUM(NO_FINISH, no_finish)                                                        \
	SUM(REFUSALS, refusals)                                                          \
	SUM(CUT, cut)                                                                    \
	SUM(ZERO_USAGE, zero_usage)                                                      \
	SUM(OVER_RESERVED, over_reserved)                                                \
	SUM(TOTAL_US, total_us)               /* of attempts, as the next two */         \
	SUM(FIRST_TOKEN_US, first_token_us)                                              \
	SUM(FIRST_TOKENS, first_tokens)       /* so many had one */
/* What plain answers add to, besides; the others stay zero for most of them. */
#define SUMS_USUAL(SUM)                                                                  \
	SUM(REQUESTS, requests)                                                          \
	SUM(UNPRICED, unpriced)                                                          \
	SUM(INPUT, input_tokens)                                                         \
	SUM(CACHE_READ, cache_read_tokens)                                               \
	SUM(OUTPUT, output_tokens)                                                       \
	SUM(REASONING, reasoning_tokens)                                                 \
	SUM(COST, cost_nano)                                                             \
	SUM(CHARGED, charged_nano)                                                       \
	SUM(TOTAL_US, total_us)                                                          \
	SUM(FIRST_TOKEN_US, first_token_us)                                              \
	SUM(FIRST_TOKENS, first_tokens)
/* clang-format on */
#define SUMS(SUM) SUMS_FIRST(SUM) SUMS_MORE(SUM)

enum sum {
#define SUM(id, name) SUM_##id,
	SUMS(SUM)
#undef SUM
	        SUM_COUNT,
};

struct sums {
	int64_t of[SUM_COUNT];
};

extern const char *const sum_names[SUM_COUNT];

/* A row that is settled, or whose process died. */
void sums_add_row(struct sums *to, const struct attempt_row *row);
void sums_add(struct sums *to, const struct sums *more);
