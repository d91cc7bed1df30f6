/* models.c - the tables of the mock provider: its models and its errors. */
#include "base/assert.h"
#include "mock/call.h"

#define REFUSAL(name_, status_, type_, code_, headers_, text_)                           \
	const struct refusal REFUSE_##name_[1] = { {                                     \
		.status = (status_),                                                     \
		.type = STR_INIT(type_),                                                 \
		.code = STR_INIT(code_),                                                 \
		.headers = STR_INIT(headers_),                                           \
		.text = STR_INIT(text_),                                                 \
	} };
#include "mock/refusals.def"
#undef REFUSAL

#define ONLY(op) (1u << (op))
#define TEXT (ONLY(OP_CHAT) | ONLY(OP_COMPLETIONS))
#define IMAGES (ONLY(OP_IMAGES) | ONLY(OP_IMAGE_EDITS) | ONLY(OP_IMAGE_VARIATIONS))
#define HEARS (ONLY(OP_TRANSCRIPTIONS) | ONLY(OP_TRANSLATIONS))
#define ANY ((1u << OP_COUNT) - 1)

#define MODEL(id_, does_, says_, first_, pace_, refuses_, every_, ends_, after_)         \
	{ .id = STR_INIT(id_),                                                           \
	  .does = (does_),                                                               \
	  .says = SAYS_##says_,                                                          \
	  .first_ms = (first_),                                                          \
	  .pace_ms = (pace_),                                                            \
	  .refuses = (refuses_),                                                         \
	  .every = (every_),                                                             \
	  .ends = ENDS_##ends_,                                                          \
	  .after = (after_) },
static const struct model models[] = {
#include "mock/models.def"
};
_Static_assert(countof(models) <= MODELS_MOST, "struct mock has no room for these");

const struct model *models_find(str id)
{
	str_skip(&id, STR("mock/"));
	for (size_t i = 0; i < countof(models); i++) {
		if (str_eq(models[i].id, id))
			return &models[i];
	}
	return NULL;
}

unsigned models_index(const struct model *m)
{
	assert(m >= models && m < models + countof(models));
	return (unsigned)(m - models);
}

static const struct mock_fault faults[] = {
#define MOCKFAULT(name_, refuses_, silent_, ends_, share_)                               \
	{ STR_INIT(name_), (refuses_), (silent_), ENDS_##ends_, (share_) },
#include "mock/faults.def"
#undef MOCKFAULT
};

static const struct mock_fault *find_fault(str name)
{
	for (size_t i = 0; i < countof(faults); i++) {
		if (str_eq(faults[i].name, name))
			return &faults[i];
	}
	return NULL;
}

/* MOCK, or MOCK/MODEL. */
static bool is_meant(str whom, str mock, str model)
{
	if (!whom.len)
		return true;
	if (!str_skip(&whom, mock))
		return false;
	return !whom.len || (str_skip(&whom, STR("/")) && str_eq(whom, model));
}

bool models_fault(str value, str mock, str model, const struct mock_fault **ret)
{
	*ret = NULL;
	while (value.len) {
		str whom = str_trim(str_cut(&value, ',')), name = str_cut(&whom, '@');
		const struct mock_fault *f = find_fault(name);

		if (!f)
			return false;
		if (is_meant(whom, mock, model))
			*ret = f;
	}
	return true;
}

static void model_write(const struct model *m, struct json_writer *w)
{
	json_open(w, '{');
	json_key_str(w, STR("id"), m->id);
	json_key_str(w, STR("object"), STR("model"));
	json_key_int(w, STR("created"), 1767225600); /* 2026-01-01 */
	json_key_str(w, STR("owned_by"), STR("mock"));
	json_close(w, '}');
}

void models_write(const struct model *one, struct buf *to)
{
	struct json_writer w = { .to = to };

	if (one) {
		model_write(one, &w);
		return;
	}
	json_open(&w, '{');
	json_key_str(&w, STR("object"), STR("list"));
	json_key(&w, STR("data"));
	json_open(&w, '[');
	for (size_t i = 0; i < countof(models); i++)
		model_write(&models[i], &w);
	json_close(&w, ']');
	json_close(&w, '}');
}
