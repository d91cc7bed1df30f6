/* otlp_format.c - see otlp_format.h. */
#include "meter/otlp_format.h"

#include "codec/json.h"
#include "meter/span.h"

void otlp_open(struct json_writer *w, const struct otlp_settings *settings)
{
	json_open(w, '{');
	json_key(w, STR("resourceSpans"));
	json_open(w, '[');
	json_open(w, '{');
	span_resource_write(w, settings->service, settings->attributes);
	json_key(w, STR("scopeSpans"));
	json_open(w, '[');
	json_open(w, '{');
	json_key(w, STR("scope"));
	json_open(w, '{');
	json_key_str(w, STR("name"), STR("sluice"));
	json_key_str(w, STR("version"), STR(SLUICE_VERSION));
	json_close(w, '}');
	json_key(w, STR("spans"));
	json_open(w, '[');
}

void otlp_close(struct json_writer *w)
{
	json_close(w, ']');
	json_key_str(w, STR("schemaUrl"), STR(SPAN_SCHEMA));
	json_close(w, '}');
	json_close(w, ']');
	json_key_str(w, STR("schemaUrl"), STR(SPAN_SCHEMA));
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
}

bool otlp_may_repeat(const struct otlp_reply *r)
{
	switch (r->status) {
	case 0: /* the connection was lost, or there was none */
		return r->why != FAULT_ADDRESS_FORBIDDEN;
	case 429:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

uint64_t otlp_rejected(str body, uint64_t most)
{
	static const struct json_limits limits = { 16, 1000, 1024, 64 };
	struct json_value root, v;
	char room[32];
	uint64_t count = 0;

	if (json_check(body, &limits, &root))
		return 0;
	v = json_get(json_get(root, STR("partialSuccess")), STR("rejectedSpans"));
	if (v.type == JSON_STRING && v.raw.len <= sizeof(room)) {
		if (!str_to_u64(json_text(v, room), &count))
			return 0;
	} else if (v.type != JSON_NUMBER || !json_u64(v, &count)) {
		return 0;
	}
	return min_of(count, most);
}
