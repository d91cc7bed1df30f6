#include "http/head.h"
#include "tests/check.h"

#include <stdio.h>

/* Where a head ends, and what is wrong before that; step: how many bytes come at a time.
 */
static fault_t find_end(str bytes, size_t step, size_t *ret_end)
{
	size_t seen = 0, have = 0;
	fault_t why = NULL;

	*ret_end = 0;
	while (!why && *ret_end == 0 && have < bytes.len) {
		have = min_of(have + step, bytes.len);
		why = http_head_end(str_first(bytes, have), &http_limits_default, true,
		                    &seen, ret_end);
	}
	return why;
}

/* A head that is there at once is looked at 64 bytes at a time.  Of every length, with a
 * CR, an LF or something else at each place, it ends where it does byte by byte. */
TEST(sixty_four_bytes_at_a_time_find_the_same_end)
{
	static const char odd[] = { '\r', '\n', 'a' };
	char head[256];

	for (int pad = 0; pad <= 130; pad++) {
		int n = snprintf(head, sizeof(head),
		                 "GET / HTTP/1.1\r\nHost: h\r\nN: %0*d\r\n\r\nb\n\n\r",
		                 pad, 0);
		for (int place = 0; place < n; place += pad % 16 ? 7 : 1) {
			char was = head[place];

			for (size_t i = 0; i < sizeof(odd); i++) {
				str bytes = str_of(head, (size_t)n);
				size_t end, end_slow;

				head[place] = odd[i];
				fault_t why = find_end(bytes, 256, &end);
				CHECK(why == find_end(bytes, 1, &end_slow));
				CHECK(why || end == end_slow);
			}
			head[place] = was;
		}
	}
}
