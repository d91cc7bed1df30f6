#include "codec/crc32c.h"
#include "tests/check.h"

static void check_both(str bytes, uint32_t want)
{
	CHECK_INT(crc32c(0, bytes), want);
	CHECK_INT(crc32c_portable(0, bytes), want);
	for (size_t cut = 0; cut <= bytes.len; cut++) {
		str head = str_first(bytes, cut), tail = str_from(bytes, cut);

		CHECK_INT(crc32c(crc32c(0, head), tail), want);
		CHECK_INT(crc32c_portable(crc32c(0, head), tail), want);
	}
}

/* RFC 3720 B.4. */
TEST(crc32c_gives_the_published_values)
{
	char bytes[32];

	check_both(STR(""), 0);
	check_both(STR("a"), 0xc1d04330);
	check_both(STR("123456789"), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	check_both(str_of(bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	check_both(str_of(bytes, sizeof(bytes)), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (char)i;
	check_both(str_of(bytes, sizeof(bytes)), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = (char)(31 - i);
	check_both(str_of(bytes, sizeof(bytes)), 0x113fdb5c);
}
