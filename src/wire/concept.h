/* concept.h - everything a request can say, in the words of each format: one table.
 *
 * The rows of concept.def feed readers and writers of plain options, decide what happens
 * where a format has no word for it (x-sluice-dropped, or a refusal), and are printed as
 * docs/formats.md. */
#pragma once
#include "base/str.h"
#include "wire/provider.h"

enum concept {
#define CONCEPT(name, chat, responses, anthropic, gemini, bedrock, cohere, kind, lost)   \
	CONCEPT_##name,
#include "wire/concept.def"
#undef CONCEPT
	CONCEPTS,
};

enum concept_kind {
	SCALAR, /* one value that is carried as it was written */
	SHAPED, /* readers and writers have code for it */
};

/* What happens where the target has no word for it. */
enum concept_lost {
	DROP,   /* it goes, and is named */
	REFUSE, /* it changes what the client relies on: 400 */
	QUIET,  /* its absence changes nothing that anybody can see */
	OURS,   /* we do it instead of the provider */
};

struct concept_row {
	str name;
	str path[WIRE_FORMATS]; /* empty: the format has no word for it */
	enum concept_kind kind;
	enum concept_lost lost;
};
extern const struct concept_row concepts[CONCEPTS];
