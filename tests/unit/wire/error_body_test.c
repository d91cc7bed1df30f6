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
