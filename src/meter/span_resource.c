/* span_resource.c - the process that spans are of, as attributes: what we know of it, and
 * what the configuration says, which has the last word. */
#include "codec/text.h"
#include "meter/span.h"
#include "meter/span_private.h"

#include <unistd.h>

/* The next of a list that the configuration has checked. */
static str next_pair(str *list, str *ret_value)
{
	str value = str_trim(str_cut(list, ',')), name = str_trim(str_cut(&value, '='));

	*ret_value = str_trim(value);
	return name;
}

/* What the list says of its own counts. */
static bool is_ours(str list, str name)
{
	str value;

	while (list.len > 0) {
		if (str_eq(next_pair(&list, &value), name))
			return false;
	}
	return true;
}

static void add_process(struct json_writer *w, str list)
{
	char host[256] = "";
	struct buf pid = BUF_LIMIT(32);

	if (is_ours(list, STR("host.name")) && gethostname(host, sizeof(host) - 1) == 0 &&
	    host[0])
		span_text(w, STR("host.name"), str_from_z(host));
	if (!is_ours(list, STR("process.pid")))
		return;
	span_open_value(w, STR("process.pid"), STR("intValue"));
	buf_add_i64(&pid, getpid());
	json_str(w, buf_str(&pid));
	buf_free(&pid);
	span_close_value(w);
}

void span_resource_write(struct json_writer *w, str service, str list)
{
	static const str ours[][2] = {
		{ STR_INIT("service.version"), STR_INIT(SLUICE_VERSION) },
		{ STR_INIT("telemetry.sdk.name"), STR_INIT("sluice") },
		{ STR_INIT("telemetry.sdk.language"), STR_INIT("c") },
	};
	str rest = list;

	json_key(w, STR("resource"));
	json_open(w, '{');
	json_key(w, STR("attributes"));
	json_open(w, '[');
	span_text(w, STR("service.name"), service);
	for (unsigned i = 0; i < countof(ours); i++) {
		if (is_ours(list, ours[i][0]))
			span_text(w, ours[i][0], ours[i][1]);
	}
	add_process(w, list);
	while (rest.len > 0) {
		struct buf room = BUF_LIMIT(64 * KiB);
		str value, text, name = next_pair(&rest, &value);

		if (buf_reserve(&room, value.len + 1) &&
		    url_decode(value, room.ptr, &text))
			span_text(w, name, text);
		buf_free(&room);
	}
	json_close(w, ']');
	json_close(w, '}');
}
