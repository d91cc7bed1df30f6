/* record.c - different outcomes, each written once. */
#include "tests/enum/record.h"

#include "base/mem.h"

#include <inttypes.h>

/* The id of that text; *ret_is_new: it was not known. */
static unsigned id_of(struct ids *ids, str text, bool *ret_is_new)
{
	uint64_t key = str_hash(text) | 1;
	size_t at;

	if (ids->count * 2 >= ids->room) {
		struct ids old = *ids;

		ids->room = old.room ? old.room * 2 : 1024;
		ids->keys = mem_new(ids->room * sizeof(*ids->keys));
		ids->values = mem_new(ids->room * sizeof(*ids->values));
		for (size_t i = 0; i < old.room; i++) {
			if (!old.keys[i])
				continue;
			at = old.keys[i] >> 1 & (ids->room - 1);
			while (ids->keys[at])
				at = (at + 1) & (ids->room - 1);
			ids->keys[at] = old.keys[i];
			ids->values[at] = old.values[i];
		}
		free(old.keys);
		free(old.values);
	}
	at = key >> 1 & (ids->room - 1);
	while (ids->keys[at] && ids->keys[at] != key)
		at = (at + 1) & (ids->room - 1);
	*ret_is_new = !ids->keys[at];
	if (*ret_is_new) {
		ids->keys[at] = key;
		ids->values[at] = (unsigned)ids->count++;
	}
	return ids->values[at];
}

static unsigned write_answer(struct record *r, const struct answer *a)
{
	struct buf json = BUF_LIMIT(256 * KiB);
	bool is_new;
	unsigned id;

	answer_describe(a, &json);
	id = id_of(&r->answers, buf_str(&json), &is_new);
	if (is_new)
		fprintf(r->to, "answer %u %.*s\n", id, STR_ARG(buf_str(&json)));
	buf_free(&json);
	return id;
}

static unsigned write_body(struct record *r, str body)
{
	bool is_new;
	unsigned id = id_of(&r->bodies, body, &is_new);

	if (is_new) {
		fprintf(r->to, "body %u %zu\n", id, body.len);
		fwrite(body.ptr, 1, body.len, r->to);
		fputc('\n', r->to);
	}
	return id;
}

static void add_case(struct record *r, const struct scene *s, const struct transcript *t,
                     struct buf *to)
{
	static const char *const endings[] = { "whole", "cut", "reset", "open",
		                               "garbled" };
	const struct answer *oracle = answer_of(s->providers[0], s->shape, 0);

	buf_addf(to,
	         "{\"client\":\"%s\",\"shape\":\"%s\",\"cut\":\"%s\",\"second\":\"%s\","
	         "\"third\":\"%s\",\"providers\":[\"%s\",\"%s\",\"%s\"],\"prefills\":%d,"
	         "\"slow\":%d,\"status\":%d,\"ending\":\"%s\",\"body\":%u,\"continued\":%"
	         "u,"
	         "\"attempts\":%u,\"as_sent\":%d,\"oracle\":%u,\"accepts\":[",
	         format_names[s->client], shape_names[s->shape], cut_names[s->cut],
	         continuer_names[s->second], continuer_names[s->third],
	         format_names[s->providers[0]], format_names[s->providers[1]],
	         format_names[s->providers[2]], s->prefills, s->slow, t->status,
	         endings[t->ending], write_body(r, t->body), t->continued, t->attempts,
	         t->as_sent, write_answer(r, oracle));
	for (unsigned i = 0; i < t->accept_count; i++)
		buf_addf(to, "%s%u", i ? "," : "", write_answer(r, &t->accepts[i]));
	buf_add(to, STR("]"));
}

void record_run(struct record *r, const struct scene *s, const struct transcript *t)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	bool is_new;
	unsigned id;

	r->runs++;
	add_case(r, s, t, &text);
	id = id_of(&r->cases, buf_str(&text), &is_new);
	if (is_new) {
		buf_add(&text, STR(",\"scene\":\""));
		scene_describe(s, &text);
		buf_add(&text, STR("\"}"));
		fprintf(r->to, "case %u %.*s\n", id, STR_ARG(buf_str(&text)));
		if ((id & (id - 1)) == 0)
			r->counts = mem_resize(r->counts,
			                       2 * (id ? id : 1) * sizeof(*r->counts));
		r->counts[id] = 0;
	}
	r->counts[id]++;
	buf_free(&text);
}

void record_wrong(struct record *r, const struct scene *s, const char *what)
{
	struct buf text = BUF_LIMIT(8 * KiB);

	r->wrong++;
	scene_describe(s, &text);
	fprintf(r->to, "wrong {\"what\":\"%s\",\"scene\":\"%.*s\"}\n", what,
	        STR_ARG(buf_str(&text)));
	buf_free(&text);
}

static void ids_free(struct ids *ids)
{
	free(ids->keys);
	free(ids->values);
}

void record_end(struct record *r)
{
	for (size_t i = 0; i < r->cases.count; i++)
		fprintf(r->to, "count %zu %" PRIu64 "\n", i, r->counts[i]);
	fprintf(r->to, "runs %" PRIu64 "\n", r->runs);
	fflush(r->to);
	ids_free(&r->answers);
	ids_free(&r->bodies);
	ids_free(&r->cases);
	free(r->counts);
}

/* ---- a scene as text ---- */

void scene_describe(const struct scene *s, struct buf *to)
{
	buf_addf(to,
	         "client=%s p0=%s p1=%s p2=%s shape=%s cut=%s at=%zu second=%s third=%s "
	         "dies=%u most=%zu seed=%u slow=%d ascii=%d prefills=%d stop=%zu",
	         format_names[s->client], format_names[s->providers[0]],
	         format_names[s->providers[1]], format_names[s->providers[2]],
	         shape_names[s->shape], cut_names[s->cut], s->at,
	         continuer_names[s->second], continuer_names[s->third], s->dies_at,
	         s->read_most, s->seed, s->slow, s->ascii, s->prefills, s->stop_at);
}

static bool find_name(str name, const char *const *names, unsigned count, unsigned *ret)
{
	for (unsigned i = 0; i < count; i++) {
		if (str_eq(name, str_from_z(names[i]))) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool set(struct scene *s, str key, str value)
{
	static const char *const keys[] = { "client", "p0",    "p1",       "p2",
		                            "shape",  "cut",   "at",       "second",
		                            "third",  "dies",  "most",     "seed",
		                            "slow",   "ascii", "prefills", "stop" };
	unsigned which, n = 0;
	uint64_t number = 0;

	if (!find_name(key, keys, countof(keys), &which))
		return false;
	if (which < 4    ? !find_name(value, format_names, FORMATS, &n)
	    : which == 4 ? !find_name(value, shape_names, SHAPES, &n)
	    : which == 5 ? !find_name(value, cut_names, CUTS, &n)
	    : which == 7 || which == 8
	            ? !find_name(value, continuer_names, CONTINUERS, &n)
	            : !str_to_u64(value, &number))
		return false;
	switch (which) {
	case 0:
		s->client = n;
		break;
	case 1:
	case 2:
	case 3:
		s->providers[which - 1] = n;
		break;
	case 4:
		s->shape = n;
		break;
	case 5:
		s->cut = n;
		break;
	case 6:
		s->at = number;
		break;
	case 7:
		s->second = n;
		break;
	case 8:
		s->third = n;
		break;
	case 9:
		s->dies_at = (unsigned)number;
		break;
	case 10:
		s->read_most = number;
		break;
	case 11:
		s->seed = (unsigned)number;
		break;
	case 12:
		s->slow = number;
		break;
	case 13:
		s->ascii = number;
		break;
	case 14:
		s->prefills = number;
		break;
	default:
		s->stop_at = number;
		break;
	}
	return true;
}

bool scene_parse(str text, struct scene *ret)
{
	*ret = (struct scene){ 0 };
	while ((text = str_trim(text)).len) {
		str word = str_cut(&text, ' '), key = str_cut(&word, '=');

		if (!set(ret, key, word))
			return false;
	}
	return true;
}
