#include "gateway/endpoint.h"

/* Who may is a part of each row: one that says nothing does not compile. */
#define MUST_SAY(class)                                                                  \
	((enum endpoint_auth)((int)(class) + 0 * (int)sizeof(struct {                    \
		                                     int said : (class) > 0 ? 1 : -1;    \
	                                     })))

/* clang-format off */
#define EXCHANGE(path_, format, op)                                                      \
	{ .path = STR_INIT(path_), .method = HTTP_POST, .kind = ENDPOINT_EXCHANGE,       \
	  .auth = MUST_SAY(AUTH_CLASS_KEY), .operation = op, .wire = &wire_##format }
#define IN_PATH(before, after, format, op, streams)                                      \
	{ .path = STR_INIT(before), .suffix = STR_INIT(after), .method = HTTP_POST,      \
	  .kind = ENDPOINT_EXCHANGE, .auth = MUST_SAY(AUTH_CLASS_KEY), .operation = op,            \
	  .wire = &wire_##format, .stream = streams }
#define BATCH_IN_PATH(before, after, format, op)                                         \
	{ .path = STR_INIT(before), .suffix = STR_INIT(after), .method = HTTP_POST,      \
	  .kind = ENDPOINT_EXCHANGE, .auth = MUST_SAY(AUTH_CLASS_KEY), .operation = op,            \
	  .wire = &wire_##format, .batch = true }
#define STORED(before, after, method_)                                                   \
	{ .path = STR_INIT(before), .suffix = STR_INIT(after), .method = method_,        \
	  .kind = ENDPOINT_EXCHANGE, .auth = MUST_SAY(AUTH_CLASS_KEY), .operation = OP_STORED,     \
	  .wire = &wire_openai_responses, .of_id = true }
#define OWN_OF(format, path_, method_, kind_, auth_)                                     \
	{ .path = STR_INIT(path_), .suffix = STR_INIT(""), .method = method_,            \
	  .kind = kind_, .auth = MUST_SAY(auth_), .operation = OP_CHAT,                            \
	  .wire = &wire_##format }
#define OWN(path_, method_, kind_, auth_)                                                \
	OWN_OF(openai_chat, path_, method_, kind_, auth_)

/* Behind a prefix and "/v1" or "/v1beta", both of which may be missing. */
static const struct endpoint endpoints[] = {
	EXCHANGE("/chat/completions",      openai_chat, OP_CHAT),
	EXCHANGE("/completions",           openai_chat, OP_COMPLETIONS),
	EXCHANGE("/embeddings",            openai_chat, OP_EMBEDDINGS),
	EXCHANGE("/moderations",           openai_chat, OP_MODERATIONS),
	EXCHANGE("/images/generations",    openai_chat, OP_IMAGES),
	EXCHANGE("/images/edits",          openai_chat, OP_IMAGE_EDITS),
	EXCHANGE("/images/variations",     openai_chat, OP_IMAGE_VARIATIONS),
	EXCHANGE("/audio/speech",          openai_chat, OP_SPEECH),
	EXCHANGE("/audio/transcriptions",  openai_chat, OP_TRANSCRIPTIONS),
	EXCHANGE("/audio/translations",    openai_chat, OP_TRANSLATIONS),
	EXCHANGE("/rerank",                openai_chat, OP_RERANK),
	EXCHANGE("/responses",             openai_responses, OP_CHAT),
	EXCHANGE("/messages",              anthropic, OP_CHAT),
	EXCHANGE("/messages/count_tokens", anthropic, OP_COUNT),
	EXCHANGE("/responses/input_tokens", openai_responses, OP_COUNT),
	STORED("/responses/", "",                HTTP_GET),
	STORED("/responses/", "",                HTTP_DELETE),
	STORED("/responses/", "/input_items",    HTTP_GET),
	STORED("/responses/", "/cancel",         HTTP_POST),
	IN_PATH("/models/", ":generateContent",       gemini, OP_CHAT, false),
	IN_PATH("/models/", ":streamGenerateContent", gemini, OP_CHAT, true),
	IN_PATH("/models/", ":countTokens",           gemini, OP_COUNT, false),
	IN_PATH("/models/", ":embedContent",          gemini, OP_EMBEDDINGS, false),
	BATCH_IN_PATH("/models/", ":batchEmbedContents", gemini, OP_EMBEDDINGS),
	IN_PATH("/model/", "/count-tokens",           bedrock, OP_COUNT, false),
	IN_PATH("/model/", "/converse",               bedrock, OP_CHAT, false),
	IN_PATH("/model/", "/converse-stream",        bedrock, OP_CHAT, true),
	EXCHANGE("/v2/chat",               cohere, OP_CHAT),
	EXCHANGE("/v2/embed",              cohere, OP_EMBEDDINGS),
	EXCHANGE("/v2/rerank",             cohere, OP_RERANK),
	OWN("/models", HTTP_GET, ENDPOINT_MODELS, AUTH_CLASS_KEY),
	OWN("/models/", HTTP_GET, ENDPOINT_MODEL, AUTH_CLASS_KEY),
	OWN("/responses", HTTP_GET, ENDPOINT_WEBSOCKET, AUTH_CLASS_NONE),
	OWN_OF(gemini, "/v1beta/models", HTTP_GET, ENDPOINT_MODELS, AUTH_CLASS_KEY),
	OWN_OF(gemini, "/v1beta/models/", HTTP_GET, ENDPOINT_MODEL, AUTH_CLASS_KEY),
};

/* Whole paths, without prefixes. */
static const struct endpoint own_endpoints[] = {
	OWN("/health", HTTP_GET, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/health", HTTP_HEAD, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/", HTTP_HEAD, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/", HTTP_GET, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
	OWN("/api/hello", HTTP_HEAD, ENDPOINT_ALIVE, AUTH_CLASS_NONE),
};
/* clang-format on */

const char endpoint_list[] =
        "POST /v1/chat/completions, /v1/responses, /v1/messages[/count_tokens], "
        "/v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, "
        ":embedContent, :batchEmbedContents, "
        "/model/{model}/converse[-stream], /count-tokens, /v2/chat, /v2/embed, "
        "/v2/rerank, "
        "/v1/completions, /v1/embeddings, /v1/moderations, "
        "/v1/images/*, /v1/audio/*, /v1/rerank; GET, DELETE /v1/responses/{id}; "
        "GET /v1/models, /v1beta/models, /health";

const str endpoint_prefixes[] = { STR_INIT("/openai"), STR_INIT("/anthropic"),
	                          STR_INIT("/gemini"), STR_INIT("/api"), STR_INIT("") };

/* What is asked of a model in Gemini's path is in the table without its version; to ask
 * for the model itself is not, for that has another shape there. */
static str without_prefix(enum http_method method, str path)
{
	for (const str *p = endpoint_prefixes; p->len; p++) {
		if (str_starts(path, *p) && path.len > p->len && path.ptr[p->len] == '/')
			path = str_from(path, p->len);
	}
	/* "/v1/v1": a base URL with /v1, and a client that adds its own. */
	for (int i = 0; i < 2; i++) {
		if (str_starts(path, STR("/v1/")))
			path = str_from(path, 3);
	}
	return method != HTTP_GET && str_starts(path, STR("/v1beta/models/"))
	               ? str_from(path, 7)
	               : path;
}

static bool is_at(const struct endpoint *e, str path, str *ret_rest)
{
	str rest;

	if (e->kind != ENDPOINT_MODEL && !e->suffix.len && !e->of_id)
		return str_eq(e->path, path);
	if (!str_starts(path, e->path) || !str_ends(path, e->suffix) ||
	    path.len <= e->path.len + e->suffix.len)
		return false;
	rest = str_of(path.ptr + e->path.len, path.len - e->path.len - e->suffix.len);
	if (e->of_id && str_find(rest, '/') < rest.len)
		return false;
	*ret_rest = rest;
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
		/* A misspelt verb is no model that could be asked for. */
		if (list[i].kind != ENDPOINT_MODEL || method != HTTP_POST ||
		    !str_has(*ret_rest, STR(":")))
			*ret_why = FAULT_HTTP_METHOD;
	}
	return NULL;
}

const struct endpoint *endpoint_find(enum http_method method, str path, str *ret_rest,
                                     fault_t *ret_why)
{
	const struct endpoint *e;

	*ret_why = FAULT_NO_SUCH_PATH;
	*ret_rest = STR_NONE;
	e = find(own_endpoints, countof(own_endpoints), method, path, ret_rest, ret_why);
	if (e)
		return e;
	return find(endpoints, countof(endpoints), method, without_prefix(method, path),
	            ret_rest, ret_why);
}

const struct endpoint *endpoint_at(unsigned i, bool *ret_is_own)
{
	*ret_is_own = i < countof(own_endpoints);
	if (*ret_is_own)
		return &own_endpoints[i];
	i -= (unsigned)countof(own_endpoints);
	return i < countof(endpoints) ? &endpoints[i] : NULL;
}

static void add_methods(const struct endpoint *list, size_t count, str path,
                        struct buf *to)
{
	static const char *const names[] = { [HTTP_GET] = "GET",
		                             [HTTP_HEAD] = "HEAD",
		                             [HTTP_POST] = "POST",
		                             [HTTP_DELETE] = "DELETE" };
	str rest;

	for (size_t i = 0; i < count; i++) {
		if (is_at(&list[i], path, &rest))
			buf_addf(to, "%s%s", to->len ? ", " : "", names[list[i].method]);
	}
}

void endpoint_methods(str path, struct buf *to)
{
	add_methods(own_endpoints, countof(own_endpoints), path, to);
	add_methods(endpoints, countof(endpoints), without_prefix(HTTP_POST, path), to);
}

/* Beginnings of paths that are of one format, whatever follows. */
static const struct {
	str begins;
	const struct wire *wire;
} families[] = {
	{ STR_INIT("/anthropic/"), &wire_anthropic },
	{ STR_INIT("/v1/messages"), &wire_anthropic },
	{ STR_INIT("/messages"), &wire_anthropic },
	{ STR_INIT("/gemini/"), &wire_gemini },
	{ STR_INIT("/v1beta/"), &wire_gemini },
	{ STR_INIT("/model/"), &wire_bedrock },
	{ STR_INIT("/v2/chat/"), &wire_openai_chat }, /* another version of OpenAI's */
	{ STR_INIT("/v2/"), &wire_cohere },
};

static const struct endpoint *first_of(const struct wire *wire)
{
	for (size_t i = 0; i < countof(endpoints); i++)
		if (endpoints[i].wire == wire)
			return &endpoints[i];
	return NULL;
}

const struct endpoint *endpoint_like(str path)
{
	str plain = without_prefix(HTTP_POST, path), rest;

	for (size_t i = 0; i < countof(endpoints); i++)
		if (is_at(&endpoints[i], plain, &rest) &&
		    endpoints[i].kind == ENDPOINT_EXCHANGE)
			return &endpoints[i];
	for (size_t i = 0; i < countof(families); i++)
		if (str_starts(path, families[i].begins))
			return first_of(families[i].wire);
	if (str_starts(plain, STR("/models/")) && str_has(plain, STR(":")))
		return first_of(&wire_gemini);
	return NULL;
}

/* ---- for records ---- */

unsigned endpoint_number(const struct endpoint *e)
{
	return e >= endpoints && e < endpoints + countof(endpoints)
	               ? (unsigned)(e - endpoints) + 1
	               : 0;
}

const char *endpoint_describe(unsigned number, struct buf *path)
{
	static const char *const methods[] = { [HTTP_GET] = "GET",
		                               [HTTP_HEAD] = "HEAD",
		                               [HTTP_POST] = "POST",
		                               [HTTP_DELETE] = "DELETE" };
	const struct endpoint *e;
	bool has_version;

	if (number == 0 || number > countof(endpoints))
		return NULL;
	e = &endpoints[number - 1];
	has_version = str_starts(e->path, STR("/v2/")) ||
	              str_starts(e->path, STR("/v1beta/")) ||
	              str_starts(e->path, STR("/model/"));
	if (!has_version)
		buf_add(path,
		        e->wire->format == WIRE_GEMINI ? STR("/v1beta") : STR("/v1"));
	buf_add(path, e->path);
	if (e->suffix.len || e->of_id)
		buf_addf(path, "%s%.*s", e->of_id ? "{id}" : "{model}",
		         STR_ARG(e->suffix));
	return e->method < countof(methods) ? methods[e->method] : NULL;
}
