/* Words in error bodies. */
#include "tests/check.h"
#include "wire/error_body.h"

TEST(an_error_body_is_searched_for_its_words)
{
	static const char *const paths[] = { "error.message", "message", "error" };

	CHECK_STR(error_body_words(
	                  STR("{\"message\":\"b\",\"error\":{\"message\":\"a\\n\"}}"),
	                  paths, 3),
	          "a\\n");
	CHECK_STR(error_body_words(STR("{\"error\":\"c\",\"message\":\"\"}"), paths, 3),
	          "c");
	CHECK_STR(error_body_words(STR("[{\"error\":{\"message\":\"d\"}}]"), paths, 3),
	          "d");
	CHECK_STR(error_body_words(STR("[]"), paths, 3), "");
	CHECK_STR(error_body_words(STR("<html>"), paths, 3), "");
}

#define WRONG                                                                            \
	"[{\"type\":\"missing\",\"loc\":[\"body\",\"messages\",0],\"msg\":\"Field "      \
	"required\"},{\"loc\":[],\"msg\":\"b\"}]"

TEST(an_error_body_lists_what_is_wrong)
{
	static const char *const paths[] = { "message", "detail" };
	static const str bodies[] = {
		STR_INIT("{\"detail\":" WRONG "}"),
		STR_INIT("{\"object\":\"error\",\"message\":{\"detail\":" WRONG "}}"),
	};

	for (size_t i = 0; i < countof(bodies); i++) {
		CHECK_STR(error_body_words(bodies[i], paths, 2), "Field required");
		CHECK_STR(error_body_place(bodies[i]), "[\"body\",\"messages\",0]");
	}
	CHECK_STR(error_body_words(STR("{\"detail\":[]}"), paths, 2), "");
	CHECK_STR(error_body_place(STR("{\"detail\":\"a\"}")), "");
	CHECK_STR(error_body_place(STR("<html>")), "");
}
