/* usage_file.c - whatever a provider's export is: its lines are of days there are, no day
 * and model stands twice, and what is written of it is read as the same. */
#include "admin/usage_file.h"

#include "admin/usage_value.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct usage_file f, again;
	struct buf why = BUF_LIMIT(KiB), csv = BUF_LIMIT(16 * MiB),
	           twice = BUF_LIMIT(16 * MiB);

	if (usage_file_read(&f, fuzz_input(data, size), &why)) {
		for (unsigned i = 0; i < f.count; i++) {
			const struct usage_line *line = &f.lines[i];

			assert(line->day >= 0 && line->day < USAGE_DAYS_MOST);
			assert(usage_file_find(&f, line->day, line->model) == line);
		}
		usage_file_write(&f, &csv);
		assert(usage_file_read(&again, buf_str(&csv), &why));
		assert(again.count == f.count && again.skipped == 0);
		usage_file_write(&again, &twice);
		assert(str_eq(buf_str(&csv), buf_str(&twice)));
		usage_file_done(&again);
	}
	usage_file_done(&f);
	buf_free(&why);
	buf_free(&csv);
	buf_free(&twice);
	return 0;
}
