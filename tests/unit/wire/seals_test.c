#include "wire/seals.h"

#include "tests/check.h"

/* Quotes are written ' in what is tested here. */
static void quote(struct buf *to, const char *text)
{
	for (; *text; text++)
		buf_add_char(to, *text == '\'' ? '"' : *text);
}

static void check(enum wire_format format, const char *body, enum seals found,
                  const char *want)
{
	struct buf json = BUF_LIMIT(4 * KiB), out = BUF_LIMIT(4 * KiB),
	           wanted = BUF_LIMIT(4 * KiB);

	quote(&json, body);
	quote(&wanted, want);
	CHECK_INT(seals_cut(format, buf_str(&json), &out), found);
	if (found == SEALS_CUT)
		CHECK_STR_EQ(buf_str(&out), buf_str(&wanted));
	buf_free(&json);
	buf_free(&out);
	buf_free(&wanted);
}

static void cuts(enum wire_format format, const char *body, const char *want)
{
	check(format, body, SEALS_CUT, want);
}

static void has_none(enum wire_format format, const char *body)
{
	check(format, body, SEALS_NONE, "");
}

static void leaves(enum wire_format format, const char *body)
{
	check(format, body, SEALS_LEFT, "");
}

/* base64 of "sluice1.anthropic.QUJD" and of the same of a redacted thought */
#define CODED "c2x1aWNlMS5hbnRocm9waWMuUVVKRA=="
#define REDACTED "c2x1aWNlMS5hbnRocm9waWMtcmVkYWN0ZWQuUVVKRA=="
#define MESSAGES(turns)                                                                  \
	"{'model':'m', 'messages':[{'role':'user','content':'a'}" turns "] , 'x':1e1}"
#define TURN(blocks) ",{'role':'assistant','content':[" blocks "]}"
#define GO_ON ",{'role':'user','content':'go on'}"
#define TEXT "{'type':'text', 'text':'b'}"
#define CONTENTS(turns) "{'contents':[{'role':'user','parts':[{'text':'a'}]}" turns "]}"
#define MODEL(parts) ",{'role':'model','parts':[" parts "]}"

TEST(details_of_others_go_out_of_chat_completions)
{
#define OURS "[{'type':'reasoning.encrypted','data':'sluice1.anthropic.QUI='}]"
#define SIGNED "[{'text':'h'},{'signature':'sluice1.gemini.QUI='}]"
#define THEIRS "[{'type':'reasoning.encrypted','data':'gAAA'}]"
	cuts(WIRE_OPENAI_CHAT,
	     "{'messages':[{'role':'assistant' , 'reasoning_details': " OURS
	     ", 'x':1e1}, {'reasoning_details':" SIGNED " ,'role':'assistant'},"
	     "{'reasoning_details':" OURS " },{'reasoning_details':" THEIRS "}],'y':[ ]}",
	     "{'messages':[{'role':'assistant', 'x':1e1}, {'role':'assistant'},{ },"
	     "{'reasoning_details':" THEIRS "}],'y':[ ]}");
	has_none(WIRE_OPENAI_CHAT,
	         "{'messages':[{'content':'sluice1.'},{'reasoning_details':"
	         "['sluice1.']},1,[]],'reasoning_details':" OURS "}");
	has_none(WIRE_OPENAI_CHAT, "{'messages':[{'reasoning_details':" THEIRS "}]}");
}

TEST(thoughts_of_others_go_out_of_messages)
{
#define FOREIGN "{'type':'thinking','thinking':'h','signature':'sluice1.gemini.QUJD'}"
#define OWN "{'type':'thinking','thinking':'h','signature':'EqQB'}"
#define CALL "{'type':'tool_use','id':'t','name':'f','input':{}}"
	cuts(WIRE_ANTHROPIC, MESSAGES(TURN(FOREIGN " , " TEXT) GO_ON),
	     MESSAGES(TURN(TEXT) GO_ON));
	cuts(WIRE_ANTHROPIC,
	     MESSAGES(TURN(OWN "," TEXT ", {'type':'redacted_thinking','data':"
	                       "'sluice1.gemini-redacted.QUJD'} ," CALL)),
	     MESSAGES(TURN(OWN "," TEXT " ," CALL)));
	/* A turn of nothing else goes with them. */
	cuts(WIRE_ANTHROPIC, MESSAGES(TURN(FOREIGN "," FOREIGN) GO_ON), MESSAGES(GO_ON));
	/* Bedrock's models are Anthropic's. */
	cuts(WIRE_ANTHROPIC,
	     MESSAGES(TURN("{'type':'thinking','thinking':'h','signature':"
	                   "'sluice1.bedrock.QUJD'},{'type':'redacted_thinking',"
	                   "'data':'sluice1.bedrock-redacted.QUJD'}")),
	     MESSAGES(TURN("{'type':'thinking','thinking':'h','signature':"
	                   "'QUJD'},{'type':'redacted_thinking','data':'QUJD'}")));
}

TEST(a_seal_with_two_marks_is_nobodys)
{
	cuts(WIRE_ANTHROPIC,
	     MESSAGES(TURN(
	             "{'type':'thinking','signature':'sluice1.bedrock.sluice1.'}," TEXT)),
	     MESSAGES(TURN(TEXT)));
}

TEST(a_loop_of_tools_without_its_thoughts_is_written_anew)
{
#define LOOP                                                                             \
	TURN(FOREIGN "," CALL)                                                           \
	",{'role':'user','content':[{'type':'tool_result','tool_use_id':'t'}]}"
#define THINKS(kind) ",'thinking':{'type':'" kind "','budget_tokens':1024}}"
	leaves(WIRE_ANTHROPIC, "{'messages':[1" LOOP "]" THINKS("enabled"));
	cuts(WIRE_ANTHROPIC, "{'messages':[1" LOOP "]" THINKS("adaptive"),
	     "{'messages':[1" TURN(CALL) ",{'role':'user','content':[{'type':"
	                                 "'tool_result','tool_use_id':'t'}]}]" THINKS(
	                                         "adaptive"));
	/* One that is over is none. */
	cuts(WIRE_ANTHROPIC, "{'messages':[1" LOOP TURN(TEXT) GO_ON "]" THINKS("enabled"),
	     "{'messages':[1" TURN(CALL) ",{'role':'user','content':[{'type':"
	                                 "'tool_result','tool_use_id':'t'}]}" TURN(TEXT)
	                                         GO_ON "]" THINKS("enabled"));
	leaves(WIRE_ANTHROPIC, "{'messages':[{'content':[" FOREIGN "]}]}");
	leaves(WIRE_ANTHROPIC, "{'messages':[{'content':" FOREIGN "}]}");
}

TEST(citations_of_others_go_and_those_of_anthropic_stay)
{
#define NO_INDEX "{'url':'u','encrypted_index':'sluice1.'}"
#define REAL "{'url':'u','encrypted_index':'REAL'}"
	cuts(WIRE_ANTHROPIC,
	     MESSAGES(TURN("{'type':'text','citations':[" NO_INDEX "," REAL "," NO_INDEX
	                   "],'text':'b'}")),
	     MESSAGES(TURN("{'type':'text','citations':[" REAL "],'text':'b'}")));
	cuts(WIRE_ANTHROPIC,
	     MESSAGES(TURN("{'type':'text','citations':[" NO_INDEX "],'text':'b'}")),
	     MESSAGES(TURN("{'type':'text','text':'b'}")));
}

TEST(thoughts_of_others_go_out_of_responses)
{
#define ITEM(seal)                                                                       \
	"{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'" seal "'}"
	cuts(WIRE_OPENAI_RESPONSES,
	     "{'input':[" ITEM("sluice1.none.") ",{'role':'user'}," ITEM("gAAA") "]}",
	     "{'input':[{'role':'user'}," ITEM("gAAA") "]}");
	cuts(WIRE_OPENAI_RESPONSES,
	     "{'input':[" ITEM("sluice1.openai-responses.gAAA") "]}",
	     "{'input':[" ITEM("gAAA") "]}");
}

TEST(signatures_of_others_go_out_of_contents)
{
	cuts(WIRE_GEMINI,
	     CONTENTS(MODEL("{'text':'h','thought':true,'thoughtSignature':'" CODED
	                    "'},{'thoughtSignature':'" CODED
	                    "','text':'b'},{'functionCall':{'name':'f'} , "
	                    "'thought_signature':'" CODED "'}")),
	     CONTENTS(MODEL("{'text':'b'},{'functionCall':{'name':'f'}}")));
	/* A part that is there for it. */
	cuts(WIRE_GEMINI,
	     CONTENTS(MODEL(
	             "{'text':'b'},{'text':'','thoughtSignature':'sluice1.none.'}")),
	     CONTENTS(MODEL("{'text':'b'}")));
	cuts(WIRE_GEMINI, CONTENTS(MODEL("{'thoughtSignature':'" CODED "'}")),
	     CONTENTS());
	cuts(WIRE_GEMINI,
	     "{'generateContentRequest':{'contents':{'parts':{'thoughtSignature':'" CODED
	     "','text':'sluice1.'}}}}",
	     "{'generateContentRequest':{'contents':{'parts':{'text':'sluice1.'}}}}");
	leaves(WIRE_GEMINI, "{'contents':{'parts':{'thoughtSignature':'" CODED "'}}}");
}

TEST(thoughts_of_others_go_out_of_converse)
{
#define SEALED(seal)                                                                     \
	"{'reasoningContent':{'reasoningText':{'text':'h','signature':'" seal "'}}}"
#define BLOB(seal) "{'reasoningContent':{'redactedContent':'" seal "'}}"
#define USE "{'toolUse':{'name':'f'}}"
	cuts(WIRE_BEDROCK,
	     MESSAGES(TURN(SEALED("sluice1.gemini.QUJD") "," BLOB(CODED) "," BLOB(
	             "sluice1.none.") ",{'text':'b'}")),
	     MESSAGES(TURN("{'text':'b'}")));
	cuts(WIRE_BEDROCK,
	     MESSAGES(TURN(SEALED("sluice1.anthropic.QUJD") "," BLOB("QQ=="))),
	     MESSAGES(TURN(SEALED("QUJD") "," BLOB("QQ=="))));
	cuts(WIRE_BEDROCK,
	     "{'input':{'converse':" MESSAGES(TURN(USE "," BLOB(CODED))) "}}",
	     "{'input':{'converse':" MESSAGES(TURN(USE)) "}}");
	leaves(WIRE_BEDROCK, MESSAGES(TURN(BLOB(REDACTED) ",{'text':'b'}")));
	leaves(WIRE_BEDROCK, MESSAGES(TURN(BLOB(CODED)) GO_ON));
	leaves(WIRE_BEDROCK, "{'additionalModelRequestFields':{},'messages':[1" TURN(
	                             USE "," BLOB(CODED)) "]}");
}

TEST(texts_with_the_mark_are_no_seals)
{
	has_none(WIRE_ANTHROPIC,
	         "{'system':'sluice1.','messages':[{'content':'what is sluice1.?'},"
	         "{'content':'sluice1.gemini.QUJD'}]}");
	has_none(WIRE_ANTHROPIC,
	         MESSAGES(TURN("{'type':'text','text':'sluice1.gemini.QUJD'},{'type':"
	                       "'thinking','thinking':'sluice1.','signature':'EqQB "
	                       "sluice1.'},{'type':'tool_use','input':{'type':'thinking',"
	                       "'signature':'sluice1.gemini.QUJD'}},{'type':'text',"
	                       "'signature':'sluice1.gemini.QUJD'}")));
	has_none(WIRE_OPENAI_RESPONSES,
	         "{'input':'sluice1.none.','instructions':'sluice1.'}");
	has_none(WIRE_OPENAI_RESPONSES,
	         "{'input':[{'type':'message','encrypted_content':'sluice1.none.'},"
	         "{'type':'reasoning','encrypted_content':'gAAA','summary':"
	         "[{'type':'summary_text','text':'sluice1.none.'}]}]}");
	has_none(WIRE_GEMINI,
	         CONTENTS(MODEL("{'text':'" CODED " sluice1.'},{'functionCall':{'args':"
	                        "{'thoughtSignature':'" CODED "'}}}")));
	has_none(WIRE_BEDROCK, MESSAGES(TURN("{'text':'" CODED " sluice1.'},{'toolUse':"
	                                     "{'input':{'signature':'sluice1.'}}}")));
	has_none(WIRE_COHERE, MESSAGES(TURN("{'signature':'sluice1.none.'}")));
}
