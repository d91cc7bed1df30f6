/* client_name.c - see client_name.h.  The longer beginning stands before the shorter. */
#include "meter/client_name.h"

/* How the header begins (upper and lower case alike), and the name. */
static const struct {
	str agent, name;
} rows[] = {
	{ STR_INIT("claude-cli/"), STR_INIT("claude-code") },
	{ STR_INIT("codex"), STR_INIT("codex") },
	{ STR_INIT("GeminiCLI"), STR_INIT("gemini-cli") },
	{ STR_INIT("google-genai-sdk/"), STR_INIT("google-genai") },
	{ STR_INIT("QwenCode/"), STR_INIT("qwen-code") },
	{ STR_INIT("opencode/"), STR_INIT("opencode") },
	{ STR_INIT("Cline"), STR_INIT("cline") },
	{ STR_INIT("RooCode"), STR_INIT("roo-code") },
	{ STR_INIT("continue"), STR_INIT("continue") },
	{ STR_INIT("aider"), STR_INIT("aider") },
	{ STR_INIT("OpenAI/Python"), STR_INIT("openai-python") },
	{ STR_INIT("AsyncOpenAI/Python"), STR_INIT("openai-python") },
	{ STR_INIT("OpenAI/JS"), STR_INIT("openai-js") },
	{ STR_INIT("OpenAI/Go"), STR_INIT("openai-go") },
	{ STR_INIT("OpenAI/Java"), STR_INIT("openai-java") },
	{ STR_INIT("OpenAI/"), STR_INIT("openai-sdk") },
	{ STR_INIT("Anthropic/Python"), STR_INIT("anthropic-python") },
	{ STR_INIT("AsyncAnthropic/Python"), STR_INIT("anthropic-python") },
	{ STR_INIT("Anthropic/JS"), STR_INIT("anthropic-js") },
	{ STR_INIT("Anthropic/"), STR_INIT("anthropic-sdk") },
	{ STR_INIT("ai-sdk/"), STR_INIT("ai-sdk") },
	{ STR_INIT("ai/"), STR_INIT("ai-sdk") },
	{ STR_INIT("mistral-client"), STR_INIT("mistral") },
	{ STR_INIT("litellm/"), STR_INIT("litellm") },
	{ STR_INIT("LibreChat"), STR_INIT("librechat") },
	{ STR_INIT("Open WebUI"), STR_INIT("open-webui") },
	{ STR_INIT("langchain"), STR_INIT("langchain") },
	{ STR_INIT("aws-sdk"), STR_INIT("aws-sdk") },
	{ STR_INIT("Boto3/"), STR_INIT("aws-sdk") },
	{ STR_INIT("sluice/"), STR_INIT("sluice") },
	{ STR_INIT("sluice-try/"), STR_INIT("sluice") },
	{ STR_INIT("curl/"), STR_INIT("curl") },
	{ STR_INIT("python-requests/"), STR_INIT("python-requests") },
	{ STR_INIT("python-httpx/"), STR_INIT("python-httpx") },
	{ STR_INIT("Python/"), STR_INIT("python") },
	{ STR_INIT("Python-urllib/"), STR_INIT("python") },
	{ STR_INIT("node"), STR_INIT("node") },
	{ STR_INIT("undici"), STR_INIT("node") },
	{ STR_INIT("axios/"), STR_INIT("axios") },
	{ STR_INIT("Bun/"), STR_INIT("bun") },
	{ STR_INIT("Deno/"), STR_INIT("deno") },
	{ STR_INIT("Go-http-client/"), STR_INIT("go") },
	{ STR_INIT("okhttp/"), STR_INIT("okhttp") },
	{ STR_INIT("Java-http-client/"), STR_INIT("java") },
	{ STR_INIT("PostmanRuntime/"), STR_INIT("postman") },
	{ STR_INIT("Mozilla/"), STR_INIT("browser") },
};

str client_name(str agent)
{
	if (!agent.len)
		return STR("none");
	for (unsigned i = 0; i < countof(rows); i++) {
		/* Most rows differ in their first letter. */
		if (char_lower(rows[i].agent.ptr[0]) == char_lower(agent.ptr[0]) &&
		    str_starts_nocase(agent, rows[i].agent))
			return rows[i].name;
	}
	return STR("other");
}

str client_name_at(unsigned i)
{
	return i < countof(rows) ? rows[i].name : STR_NONE;
}
