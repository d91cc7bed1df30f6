#include "wire/frame.h"
#include "tests/check.h"

static str hole(str text, const char *inside)
{
	size_t at = str_find_str(text, str_from_z(inside));

	return str_of(text.ptr + at, strlen(inside));
}

TEST(frame_holds_what_differs_in_its_holes)
{
	str text = STR("{\"a\":\"one\",\"b\":\"two\",\"c\":3}"), said = STR_NONE;
	str holes[] = { hole(text, "one"), hole(text, "two") };
	struct frame f = { 0 };

	CHECK(!frame_holds(&f, text, &said));
	CHECK(!frame_holds(&f, STR_NONE, &said));
	frame_keep(&f, text, holes, 2);
	CHECK(frame_holds(&f, text, &said));
	CHECK_STR(said, "one");
	CHECK(frame_holds(&f, STR("{\"a\":\"\",\"b\":\"\\\"\",\"c\":3}"), &said));
	CHECK_STR(said, "");
	CHECK(!frame_holds(&f, STR("{\"a\":\"one\",\"b\":\"two\",\"c\":4}"), &said));
	CHECK(!frame_holds(&f, STR("{\"a\":\"one\",\"b\":\"two\",\"c\":3} "), &said));
	CHECK(!frame_holds(&f, STR("{\"a\":\"one\",\"b\":\"two\",\"c\":3"), &said));
	CHECK(!frame_holds(&f, STR("{\"a\":\"one\",\"b\":\"t\x01\",\"c\":3}"), &said));
	CHECK(!frame_holds(&f, STR("{\"a\":\"one"), &said));
	frame_keep(&f, text, holes, 1);
	CHECK(frame_holds(&f, STR("{\"a\":\"x\",\"b\":\"two\",\"c\":3}"), &said));
	CHECK_STR(said, "x");
	CHECK(!frame_holds(&f, STR("{\"a\":\"one\",\"b\":\"x\",\"c\":3}"), &said));
}

TEST(frame_of_a_long_event_is_none)
{
	char room[FRAME_ROOM + 8];
	struct frame f = { 0 };
	str text, said, inside;

	for (size_t len = FRAME_ROOM - 2; len < sizeof(room); len++) {
		memset(room, ' ', sizeof(room));
		memcpy(room, "\"x\"", 3);
		text = str_of(room, len);
		inside = str_of(room + 1, 1);
		frame_keep(&f, text, &inside, 1);
		CHECK_INT(frame_holds(&f, text, &said), len - 1 <= FRAME_ROOM);
	}
}
