#include "wire/seals.h"

#include "tests/check.h"

/* Quotes are written ' in what is tested here. */
static bool are_in(enum wire_format format, const char *body)
{
	struct buf json = BUF_LIMIT(4 * KiB);
	bool found;

	for (const char *c = body; *c; c++)
		buf_add_char(&json, *c == '\'' ? '"' : *c);
	found = seals_are_in(format, buf_str(&json));
	buf_free(&json);
	return found;
}

/* base64 of "sluice1.anthropic.QUJD" */
#define CODED "c2x1aWNlMS5hbnRocm9waWMuUVVKRA=="
#define MESSAGES(blocks)                                                                 \
	"{'model':'m','messages':[{'content':'a'},{'content':[" blocks "]}]}"
#define PARTS(parts) "{'contents':[{'parts':[{'text':'a'}]},{'parts':[" parts "]}]}"

TEST(seals_are_found_where_they_can_stand)
{
	CHECK(are_in(WIRE_ANTHROPIC, MESSAGES("{'type':'thinking','signature':"
	                                      "'sluice1.gemini.QUJD'}")));
	CHECK(are_in(WIRE_ANTHROPIC, MESSAGES("1,{'type':'redacted_thinking','data':"
	                                      "'sluice1.gemini-redacted.QUJD'}")));
	CHECK(are_in(WIRE_ANTHROPIC,
	             MESSAGES("{'type':'text','citations':[{'encrypted_index':'QQ=='},"
	                      "{'encrypted_index':'sluice1.'}]}")));
	CHECK(are_in(WIRE_OPENAI_RESPONSES,
	             "{'input':['a',{'type':'reasoning','encrypted_content':"
	             "'sluice1.none.'}]}"));
	CHECK(are_in(WIRE_GEMINI, PARTS("{'thoughtSignature':'" CODED "'}")));
	CHECK(are_in(WIRE_GEMINI, PARTS("{'thought_signature':'" CODED "'}")));
	CHECK(are_in(WIRE_GEMINI, PARTS("{'thoughtSignature':'sluice1.none.'}")));
	CHECK(are_in(WIRE_GEMINI,
	             "{'contents':{'parts':{'thoughtSignature':'" CODED "'}}}"));
	CHECK(are_in(WIRE_GEMINI, "{'generateContentRequest':" PARTS(
	                                  "{'thoughtSignature':'" CODED "'}") "}"));
	CHECK(are_in(WIRE_BEDROCK, MESSAGES("{'reasoningContent':{'reasoningText':"
	                                    "{'signature':'sluice1.gemini.QUJD'}}}")));
	CHECK(are_in(WIRE_BEDROCK,
	             MESSAGES("{'reasoningContent':{'redactedContent':'" CODED "'}}")));
	CHECK(are_in(WIRE_BEDROCK,
	             "{'input':{'converse':" MESSAGES(
	                     "{'reasoningContent':{'redactedContent':'" CODED
	                     "'}}") "}}"));
}

TEST(texts_with_the_mark_are_no_seals)
{
	CHECK(!are_in(WIRE_ANTHROPIC,
	              "{'system':'sluice1.','messages':[{'content':'what is sluice1.?'},"
	              "{'content':'sluice1.gemini.QUJD'}]}"));
	CHECK(!are_in(WIRE_ANTHROPIC,
	              MESSAGES("{'type':'text','text':'sluice1.gemini.QUJD'},"
	                       "{'type':'thinking','thinking':'sluice1.','signature':"
	                       "'EqQB sluice1.'},{'type':'tool_use','input':"
	                       "{'type':'thinking','signature':'sluice1.gemini.QUJD'}},"
	                       "{'type':'text','signature':'sluice1.gemini.QUJD'}")));
	CHECK(!are_in(WIRE_OPENAI_RESPONSES,
	              "{'input':'sluice1.none.','instructions':'sluice1.'}"));
	CHECK(!are_in(WIRE_OPENAI_RESPONSES,
	              "{'input':[{'type':'message','encrypted_content':'sluice1.none.'},"
	              "{'type':'reasoning','encrypted_content':'gAAA','summary':"
	              "[{'type':'summary_text','text':'sluice1.none.'}]}]}"));
	CHECK(!are_in(WIRE_GEMINI,
	              PARTS("{'text':'" CODED " sluice1.'},{'functionCall':{'args':"
	                    "{'thoughtSignature':'" CODED "'}}}")));
	CHECK(!are_in(WIRE_BEDROCK, MESSAGES("{'text':'" CODED " sluice1.'},{'toolUse':"
	                                     "{'input':{'signature':'sluice1.'}}}")));
	CHECK(!are_in(WIRE_COHERE, MESSAGES("{'signature':'sluice1.none.'}")));
}
