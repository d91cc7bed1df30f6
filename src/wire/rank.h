/* rank.h - documents to be put in order by how well they answer a query, in the neutral
 * form.  Cohere's /v2/rerank and what Jina, Voyage and others made of it differ in
 * little.
 */
#pragma once
#include "wire/work.h"

enum { RANK_MOST = 10000 };

struct rank {
	jstr query;
	jstr *documents;
	unsigned count;
	uint64_t top;         /* 0: not said */
	uint64_t most_tokens; /* of a document that are looked at; 0: not said */
	bool returns;         /* the answer repeats the documents */
};

struct ranked {
	uint64_t index;
	str score; /* a JSON number */
};

/* The search units that a request of any format is billed as at most, 1 at least: one for
 * each hundred documents, of which a long one counts as several. */
uint64_t rank_units_most(str body);
