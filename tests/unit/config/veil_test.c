/* What of a wrong configuration is shown: enough to see the slip, never a credential. */
#include "config/veil.h"
#include "tests/unit/config/helper.h"

#define CANARY "sk-CANARY-0123456789abcdef"
#define PASS "correct horse-battery"
#define B "version: 1\nproviders:\n"

/* `hidden` is nowhere in what is said, `shown` is. */
static void check_said(const char *text, const char *hidden, const char *shown)
{
	struct buf said = BUF_LIMIT(64 * KiB);
	struct reading r;

	read_text(&r, str_from_z(text));
	config_notes_print(&r.notes, STR("sluice.yaml"), &said);
	config_notes_json(&r.notes, STR("sluice.yaml"), &said);
	CHECK(r.notes.count > 0);
	CHECK(!str_has(buf_str(&said), str_from_z(hidden)));
	CHECK(str_has(buf_str(&said), str_from_z(shown)));
	if (r.notes.count == 0 || str_has(buf_str(&said), str_from_z(hidden)) ||
	    !str_has(buf_str(&said), str_from_z(shown)))
		fprintf(stderr, "%s\n%.*s", text, STR_ARG(buf_str(&said)));
	buf_free(&said);
	reading_done(&r);
}

TEST(a_credential_is_not_shown_wherever_it_stands)
{
	static const char *const rows[][3] = {
		{ B "  openai:\n    keys:\n      - " CANARY "A\n     - " CANARY "B\n",
		  "CANARY", "- ***" },
		{ B "  openai: { kye: \"" CANARY "\" }\n", "CANARY",
		  "openai: { kye: \"***" },
		{ B "  openai: " CANARY "\n", "CANARY", "openai: ***" },
		{ B "  openai:\n    token: " CANARY "\n", "CANARY", "token: ***" },
		{ B "  openai: { API_KEY: " CANARY " }\n", "CANARY", "API_KEY" },
		{ B "  openai: { authorization: \"Bearer " CANARY "\" }\n", "CANARY",
		  "authorization" },
		{ "version: 1\nOPENAI_API_KEY: " CANARY "\n", "CANARY",
		  "OPENAI_API_KEY" },
		{ B "  openai:\n    keys:\n      - " CANARY ": x\n      - b: [\n",
		  "CANARY", "" },
		{ B "  x: { format: openai-chat, url: "
		    "\"https://user:hunter2@h.example/v1\", "
		    "key: none, bad: 1 }\n",
		  "hunter2", "@h.example/v1" },
		{ B "  x: { format: openai-chat, url: "
		    "\"https://h.example/v1?code=hunter2\", "
		    "key: none }\n",
		  "hunter2", "https://h.example/v1?code=***" },
		{ B "  x: { format: openai-chat, url: \"user:hunter2@h.example\", bad: 1 "
		    "}\n",
		  "hunter2", "@h.example" },
		{ B "  amazon-bedrock:\n    session_token: \"" CANARY
		    "\n    region: us\n",
		  "CANARY", "" },
		{ B "  openai:\n    key:\n       " CANARY " x: y\n", "CANARY", "" },
		{ B "  openai:\n    key: [\n       " CANARY " ]]\n", "CANARY", "" },
		{ B "  openai:\n    keys:\n      - secret: " CANARY "\n", "CANARY",
		  "secret" },
		{ B "  openai: { keys: [{secret: " CANARY "}] }\n", "CANARY", "secret" },
		{ B "  openai: { " CANARY ": x }\n", "CANARY", "unknown key" },
		{ B "  openai:{ key: " CANARY " }\n", "CANARY", "" },
		{ B "  openai: { key:" CANARY " }\n", "CANARY", "" },
		{ B "  openai: { key=" CANARY " }\n", "CANARY", "" },
		{ B "  openai: { kye: \"" PASS "\" }\n", "horse", "kye" },
		{ B "  openai: { kye: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY }\n",
		  "MDENG", "kye" },
		{ B "  openai: { region: \"" CANARY "\", bad: 1 }\n", "CANARY",
		  "region" },
		{ B "  openai: { key: \"${NOWHERE:-" CANARY "}\", bad: 1 }\n", "CANARY",
		  "${NOWHERE:-***" },
		{ B "  openai: { key: \"${" CANARY "}\" }\n", "CANARY", "malformed" },
		{ "version: 1\ntelemetry:\n  otlp:\n    headers: "
		  "\"authorization=Bearer " CANARY "\n",
		  "CANARY", "" },
		{ "version: 1\ntelemetry:\n  otlp:\n    endpoint: "
		  "http://127.0.0.1:4318\n    headers: { "
		  "authorization: \"Bearer " CANARY "\" }\n",
		  "CANARY", "" },
		{ "version: 1\ntelemetry:\n  otlp:\n    endpoint: http://127.0.0.1:4318\n"
		  "    headers: hunter2\n",
		  "hunter2", "\\\"...\\\" is not a header" },
		{ "version: 1\nroutes:\n  openai: { key: " CANARY " }\n", "CANARY",
		  "key" },
		{ "version: 1\nroutes:\n  a: { targets: "
		  "[0f3a9c1e5b7d48268ace0b1d2f3a4c5e] }\n",
		  "0f3a9c1e", "targets" },
		{ "version: 1\nroutes:\n  a: { api_token: my-own-words }\n", "my-own",
		  "api_token" },
		{ "version: 1\nlisten: https://me:hunter2@h\n", "hunter2", "listen" },
		{ "{ \"version\": 1, \"providers\": { \"openai\": { \"kye\": \"" CANARY
		  "\" } } }\n",
		  "CANARY", "\"kye\": \"***" },
		/* YAML has more ways to begin a section than people use. */
		{ "version: 1\n? providers\n: openai: { kee: hunter2horse }\n", "hunter2",
		  "openai: { kee: ***" },
		{ "version: 1\n'providers':\n  openai:\n    keey: correct-horse\n",
		  "horse", "keey: ***" },
		{ "version: 1\n&a providers:\n  openai: { kee: hunter2horse }\n",
		  "hunter2", "openai: { kee: ***" },
		{ "version: 1\n--- { providers: { openai: { kee: hunter2horse } } }\n",
		  "hunter2", "kee: ***" },
		{ "version: 1\n'routes':\n  fast: { frist: 3s, targets: [a/my-words] }\n",
		  "hunter2", "[a/my-words]" },
		{ "version: 1\nroutes:\n- { frist: my-words }\n", "hunter2",
		  "frist: my-words" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		check_said(rows[i][0], rows[i][1], rows[i][2]);
}

/* The wrong variable in the wrong place: its name says enough. */
TEST(what_is_in_a_variable_is_not_shown)
{
	static const char *const rows[] = {
		"openai: { discount: \"${MYPASS}\" }",
		"openai: { trace: \"${MYPASS}\" }",
		"openai: { format: \"${MYPASS}\" }",
		"openai: { limits: { rpm: \"${MYPASS}\" } }",
		"openai: { probe: \"${MYPASS}\" }",
		"openai: { api_version: \"${MYPASS}\" }",
		"openai: { prices: { x: { input: \"${MYPASS}\" } } }",
		"amazon-bedrock: { access_key: a, secret_key: b, region: \"${MYPASS}\" }",
		"amazon-bedrock: { auth: sigv4, aws_region: \"${MYPASS}\" }",
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char text[256];

		snprintf(text, sizeof(text), B "  %s\n", rows[i]);
		check_said(text, "Horse", "the value of MYPASS is not ");
	}
}

/* Masked before it is cut: the rest of a word at the margin says nothing. */
TEST(a_long_line_is_veiled_before_it_is_cut)
{
	for (unsigned pad = 0; pad < 1400; pad += pad < 160 ? 1 : 37) {
		struct buf text = BUF_LIMIT(8 * KiB);

		buf_add(&text,
		        STR(B "  openai: { kye: \"hunter2" CANARY "\", region: a"));
		for (unsigned i = 0; i < pad; i++)
			buf_add_char(&text, 'a');
		buf_add(&text, STR(", bad: 1, kee: \"hunter2" CANARY "-hunter2\" }\n"));
		check_said(buf_z(&text), "hunter2", "unknown key \\\"bad");
		check_said(buf_z(&text), "CANARY", "unknown key \\\"kee");
		buf_free(&text);
	}
}

TEST(what_helps_with_a_slip_is_shown)
{
	static const char *const rows[] = {
		"  openai: { region: eu-west-12, frist: 30s, key: \"${OPENAI_API_KEY}\" "
		"}",
		"  x: { format: openai-caht, url: \"http://127.0.0.1:9000/v1\", key: "
		"none }",
		"  x: { format: openai-chat, url: \"ftp://h.example/v1\", key: none }",
		"  openai: { tls: { ca: /nowhere/ca-2026.pem } }",
		"  openai: { key: { file: /nowhere/openai.key } }",
		"  openai: { limits: { rpm: many, tpm: 100000 } }",
		"routes:\n  fast:\n    targets: [openai/gpt-5-mini-2025-08-07, oen/"
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0]",
		"routes:\n  fast:\n    targets:\n      - "
		"oen/Llama-3.3-70B-Instruct-Turbo-v3p1",
		"routes:\n  fast: { frist_token: 30s, targets: [a/b] }",
		"tls: { cert: /nowhere/Cert.pem, key: /nowhere/Key.pem }",
		"listen: 127.0.0.1",
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf text = BUF_LIMIT(4 * KiB), said = BUF_LIMIT(16 * KiB);
		str line = str_from_z(rows[i]);
		struct reading r;

		buf_addf(&text, "version: 1\n%s%s\n",
		         rows[i][0] == ' ' ? "providers:\n" : "", rows[i]);
		read_text(&r, buf_str(&text));
		config_notes_print(&r.notes, STR("sluice.yaml"), &said);
		while (str_has(line, STR("\n")))
			str_cut(&line, '\n');
		CHECK(str_has(buf_str(&said), line));
		if (!str_has(buf_str(&said), line))
			fprintf(stderr, "%.*s", STR_ARG(buf_str(&said)));
		buf_free(&text);
		buf_free(&said);
		reading_done(&r);
	}
}
