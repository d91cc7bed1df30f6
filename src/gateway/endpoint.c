#include "gateway/endpoint.h"

#define EXCHANGE(text, op)                                                               \
	{                                                                                \
		STR_INIT(text), HTTP_POST, ENDPOINT_EXCHANGE, AUTH_CLASS_KEY, op,        \
		        &wire_openai_chat                                                \
	}
#define OWN(text, method, kind, auth)                                                    \
	{                                                                                \
		STR_INIT(text), method, kind, auth, OP_CHAT, &wire_openai_chat           \
	}

/* Behind a prefix and "/v1", both of which may be missing. */
static const struct endpoint endpoints[] = {
	EXCHANGE("/chat/completions", OP_CHAT),
	EXCHANGE("/completions", OP_COMPLETIONS),
	EXCHANGE("/embeddings", OP_EMBEDDINGS),
	EXCHANGE("/moderations", OP_MODERATIONS),
	EXCHANGE("/images/generations", OP_IMAGES),
	EXCHANGE("/images/edits", OP_IMAGE_EDITS),
	EXCHANGE("/images/variations", OP_IMAGE_VARIATIONS),
	EXCHANGE("/audio/speech", OP_SPEECH),
	EXCHANGE("/audio/transcriptions", OP_TRANSCRIPTIONS),
	EXCHANGE("/audio/translations", OP_TRANSLATIONS),
	EXCHANGE("/rerank", OP_RERANK),
	OWN("/models", HTTP_GET, ENDPOINT_MODELS, AUTH_CLASS_KEY),
	OWN("/models/", HTTP_GET, ENDPOINT_MODEL, AUTH_CLASS_KEY),
	OWN("/responses", HTTP_GET, ENDPOINT_WEBSOCKET, AUTH_CLASS_NONE),
};

/* Whole paths, without prefixes. */
static const struct endpoint own_endpoints[] = {
	OWN("/health", HTTP_GET, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/health", HTTP_HEAD, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/", HTTP_HEAD, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/", HTTP_GET, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/api/hello", HTTP_HEAD, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
};

const char endpoint_list[] =
        "POST /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/moderations, "
        "/v1/images/*, /v1/audio/*, /v1/rerank; GET /v1/models, /health";

static str without_prefix(str path)
{
	static const str prefixes[] = { STR_INIT("/openai"), STR_INIT("/anthropic"),
		                        STR_INIT("/gemini"), STR_INIT("/api") };

	for (size_t i = 0; i < countof(prefixes); i++) {
		if (str_starts(path, prefixes[i]) && path.len > prefixes[i].len &&
		    path.ptr[prefixes[i].len] == '/')
			path = str_from(path, prefixes[i].len);
	}
	/* "/v1/v1": a base URL with /v1, and a client that adds its own. */
	for (int i = 0; i < 2; i++) {
		if (str_starts(path, STR("/v1/")))
			path = str_from(path, 3);
	}
	return path;
}

static bool is_at(const struct endpoint *e, str path, str *ret_rest)
{
	if (e->kind != ENDPOINT_MODEL)
		return str_eq(e->path, path);
	if (!str_starts(path, e->path) || path.len == e->path.len)
		return false;
	*ret_rest = str_from(path, e->path.len);
	return true;
}

static const struct endpoint *find(const struct endpoint *list, size_t count,
                                   enum http_method method, str path, str *ret_rest,
                                   fault_t *ret_why)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_at(&list[i], path, ret_rest))
			continue;
		if (list[i].method == method)
			return &list[i];
		*ret_why = FAULT_HTTP_METHOD;
	}
	return NULL;
}

const struct endpoint *endpoint_find(enum http_method method, str path, str *ret_rest,
                                     fault_t *ret_why)
{
	const struct endpoint *e;

	*ret_why = FAULT_NO_SUCH_PATH;
	e = find(own_endpoints, countof(own_endpoints), method, path, ret_rest, ret_why);
	if (e)
		return e;
	return find(endpoints, countof(endpoints), method, without_prefix(path), ret_rest,
	            ret_why);
}

static void add_methods(const struct endpoint *list, size_t count, str path,
                        struct buf *to)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD", [HTTP_POST] = "POST"
	};
	str rest;

	for (size_t i = 0; i < count; i++) {
		if (is_at(&list[i], path, &rest))
			buf_addf(to, "%s%s", to->len ? ", " : "", names[list[i].method]);
	}
}

void endpoint_methods(str path, struct buf *to)
{
	add_methods(own_endpoints, countof(own_endpoints), path, to);
	add_methods(endpoints, countof(endpoints), without_prefix(path), to);
}
