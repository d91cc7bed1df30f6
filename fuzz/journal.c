/* journal.c - whatever stands in a segment, reading ends, and gives only what was
 * written; whatever stands in a record, the ledger and the log take it or leave it.
 *
 * The first byte chooses: bytes behind a good header; records with one byte changed;
 * payloads with a good CRC, on their way through a batch. */
#include "meter/access_log.h"
#include "meter/batch.h"
#include "meter/record.h"

#include "fuzz/fuzz.h"

#include "store/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *work_dir(void)
{
	const char *tmp = getenv("TMPDIR"); /* of tools/fuzz, which removes it */
	static char dir[256];

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "%s/sluice-fuzz-XXXXXX", tmp ? tmp : "/tmp");
		assert(mkdtemp(dir));
	}
	return dir;
}

static void read_all(struct journal *j)
{
	struct attempt_row row = { .id = 0 };
	struct price price;
	struct journal_record record;
	size_t bytes = 0;

	while (journal_next(j, &record)) {
		bytes += record.payload.len;
		if (record_read(&record, &row, &price))
			assert(record_id(&record) == row.id);
	}
	assert(bytes <= JOURNAL_SEGMENT);
}

static void open_segment(str bytes)
{
	struct segment_place place = { .worker = 0 };
	struct segment *s;
	char path[128], dir[64];

	snprintf(dir, sizeof(dir), "%s", work_dir());
	place.dir = dir;
	segment_unlink(&place, 1, "");
	assert(segment_create(&place, 1, &s) == 0);
	memcpy(s->base + SEGMENT_HEADER, bytes.ptr,
	       min_of(bytes.len, (size_t)SEGMENT_ROOM));
	segment_free(&s);
	struct journal *j = journal_open(dir, 0, 2, 0, NULL, NULL);
	read_all(j);
	journal_close(&j);
	snprintf(path, sizeof(path), "%s/00-00000001.bad", dir);
	unlink(path);
}

struct piece {
	uint32_t kind;
	str bytes;
};

/* Of the input: a byte for half the length, one for the kind and the odd byte. */
static bool next_piece(str *rest, struct piece *ret)
{
	if (rest->len < 3)
		return false;
	str head = str_take(rest, 2);
	size_t size = (size_t)(unsigned char)head.ptr[0] * 2;
	ret->kind = (unsigned char)head.ptr[1] & 7;
	ret->bytes = str_take(rest, size + ((unsigned char)head.ptr[1] >> 7));
	return true;
}

static bool is_same(const struct piece *piece, const struct journal_record *record)
{
	return piece->kind == record->kind && str_eq(piece->bytes, record->payload);
}

static void write_pieces(struct journal *j, str rest)
{
	struct piece piece;

	while (next_piece(&rest, &piece)) {
		/* A copy, so that ASan sees a step too far. */
		char *bytes = malloc(piece.bytes.len + 1);
		struct iovec iov = { .iov_base = bytes, .iov_len = piece.bytes.len };

		memcpy(bytes, piece.bytes.ptr, piece.bytes.len);
		assert(journal_write(j, piece.kind, &iov, 1));
		free(bytes);
	}
}

static void change_one_byte(str rest, unsigned behind)
{
	struct journal *j = journal_open_memory(2);
	struct journal_record record;
	struct piece piece;

	write_pieces(j, rest);
	/* The first record tells where the mapping is. */
	if (journal_next(j, &record)) {
		union {
			const char *in;
			char *out;
		} at = { .in = record.payload.ptr + record.payload.len + behind };

		assert(next_piece(&rest, &piece) && is_same(&piece, &record));
		*at.out = (char)(*at.out ^ 0x10);
	}
	while (journal_next(j, &record))
		assert(next_piece(&rest, &piece) && is_same(&piece, &record));
	journal_close(&j);
}

static void apply_pieces(str rest)
{
	static struct ledger *ledger;
	static struct access_log *log;
	struct buf why = BUF_LIMIT(1 * KiB);
	struct journal *j = journal_open_memory(2);
	struct batch b = { .is_replay = true };
	char path[128];
	bool all = false;

	if (!ledger) {
		snprintf(path, sizeof(path), "%s/ledger.db", work_dir());
		ledger = ledger_open(path, &why);
		log = access_log_open("/dev/null", &why);
		assert(ledger && log);
	}
	write_pieces(j, rest);
	while (!all) {
		all = batch_read(&b, j);
		assert(batch_apply(&b, ledger, log));
	}
	batch_done(&b);
	journal_close(&j);
	ledger_checkpoint(ledger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = fuzz_input(data, size);

	if (size < 2 || size > 64 * KiB)
		return 0;
	str rest = str_from(text, 2);
	switch (data[0] % 4) {
	case 0:
		open_segment(rest);
		break;
	case 1:
		change_one_byte(rest, data[1]);
		break;
	default:
		apply_pieces(rest);
		break;
	}
	return 0;
}
