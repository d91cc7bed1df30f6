/* gemini_model.c - how generations of Gemini differ in what a request may say.
 *
 * Facts: wire-formats 6.2, 6.3 and 13.6.  A name that no row knows is taken for the
 * newest generation when it is a Gemini, else for a model without thinking. */
#include "wire/gemini.h"

enum { MINIMAL = 1, LOW = 2, MEDIUM = 4, HIGH = 8, ALL = 15 };

/* The longest prefix counts. */
static const struct gemini_model models[] = {
	{ STR_INIT("gemini-1"), 1, THINKS_NOT, 0, 0, true, 0 },
	{ STR_INIT("gemini-2"), 2, THINKS_NOT, 0, 0, true, 0 },
	{ STR_INIT("gemini-2.5-flash"), 2, THINKS_BUDGET, 1, 24576, true, 0 },
	{ STR_INIT("gemini-2.5-flash-lite"), 2, THINKS_BUDGET, 512, 24576, true, 0 },
	{ STR_INIT("gemini-2.5-flash-image"), 2, THINKS_NOT, 0, 0, true, 0 },
	{ STR_INIT("gemini-2.5-flash-preview-tts"), 2, THINKS_NOT, 0, 0, true, 0 },
	{ STR_INIT("gemini-2.5-pro"), 2, THINKS_BUDGET, 128, 32768, false, 0 },
	{ STR_INIT("gemini-2.5-pro-preview-tts"), 2, THINKS_NOT, 0, 0, true, 0 },
	{ STR_INIT("gemini-3-pro"), 3, THINKS_LEVEL, 0, 0, false, LOW | HIGH },
	{ STR_INIT("gemini-3-pro-image"), 3, THINKS_NOT, 0, 0, true, 0 },
	{ STR_INIT("gemini-3.1-pro"), 3, THINKS_LEVEL, 0, 0, false, LOW | MEDIUM | HIGH },
	{ STR_INIT("gemini-3.7-flash"), 3, THINKS_LEVEL, 0, 0, false,
	  LOW | MEDIUM | HIGH },
	{ STR_INIT("gemini-"), 3, THINKS_LEVEL, 0, 0, false, ALL },
	{ STR_INIT(""), 2, THINKS_NOT, 0, 0, true, 0 },
};

const struct gemini_model *gemini_model_of(str id)
{
	const struct gemini_model *found = &models[countof(models) - 1];

	id = str_from(id, str_find_str(id, STR("gemini-")));
	for (size_t i = 0; i < countof(models); i++) {
		if (models[i].prefix.len > found->prefix.len &&
		    str_starts(id, models[i].prefix))
			found = &models[i];
	}
	return found;
}

static const struct {
	str name;
	enum chat_effort effort;
} levels[] = {
	{ STR_INIT("MINIMAL"), EFFORT_MINIMAL },
	{ STR_INIT("LOW"), EFFORT_LOW },
	{ STR_INIT("MEDIUM"), EFFORT_MEDIUM },
	{ STR_INIT("HIGH"), EFFORT_HIGH },
};

/* The first level that is enough, else the highest there is. */
str gemini_level(const struct gemini_model *m, enum chat_effort effort)
{
	str found = levels[countof(levels) - 1].name;

	for (size_t i = 0; i < countof(levels); i++) {
		if (!(m->levels >> i & 1))
			continue;
		found = levels[i].name;
		if (levels[i].effort >= effort)
			break;
	}
	return found;
}

enum chat_effort gemini_level_effort(str level)
{
	for (size_t i = 0; i < countof(levels); i++) {
		if (str_eq_nocase(level, levels[i].name))
			return levels[i].effort;
	}
	return EFFORT_UNSET;
}

uint64_t gemini_budget(const struct gemini_model *m, const struct chat_request *r)
{
	static const uint32_t budgets[] = {
		[EFFORT_MINIMAL] = 128, [EFFORT_LOW] = 2048,    [EFFORT_MEDIUM] = 8192,
		[EFFORT_HIGH] = 24576,  [EFFORT_XHIGH] = 32768, [EFFORT_MAX] = 32768,
	};
	uint64_t budget = r->budget ? r->budget : budgets[r->effort];

	if (budget == 0 && m->can_stop)
		return 0;
	return max_of(min_of(budget, (uint64_t)m->most), (uint64_t)m->least);
}
