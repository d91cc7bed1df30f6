/* Images, whose type clients say in many ways and Anthropic in four. */
#include "tests/unit/wire/form.h"

#define IMAGE(url)                                                                       \
	"{'model':'m','messages':[{'role':'user','content':[{'type':'image_url',"        \
	"'image_url':{'url':'data:" url "'}}]}]}"

TEST(anthropic_images_are_of_a_type_it_takes)
{
	static const struct {
		const char *body, *type;
	} rows[] = {
		{ IMAGE("image/jpg;base64,/9j/4AAQ"), "'media_type':'image/jpeg'" },
		{ IMAGE("image/PNG;base64,iVBORw0KGgoA"), "'media_type':'image/png'" },
		{ IMAGE("image/x-png;base64,iVBORw0KGgoA"), "'media_type':'image/png'" },
		{ IMAGE("image/gif;base64,AAAA"), "'media_type':'image/gif'" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		FORM_SOME(&wire_openai_chat, rows[i].body, &wire_anthropic,
		          "claude-sonnet-4-5", rows[i].type, "");
	FORM_REFUSED(&wire_openai_chat, IMAGE("image/svg+xml;base64,PHN2"),
	             &wire_anthropic, "an image that is no JPEG, PNG, GIF or WebP");
	FORM_SOME(&wire_openai_chat, IMAGE("image/jpg;base64,/9j/4AAQ"), &wire_gemini,
	          "gemini-2.5-flash", "'mimeType':'image/jpeg'", "");
}
