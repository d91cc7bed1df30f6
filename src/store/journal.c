/* journal.c - one writer, one reader, no lock between them.
 *
 * The segments of a journal form a chain in the order of their sequence numbers, which
 * only the recorder walks and changes:
 *
 *	first ... reading ... (the writer's) ... ready ... ready
 *	retire -->|  next -->                    given to the writer through `ring`
 *
 * Two counters are all that is shared: `given`, of the recorder, and `taken`, of the
 * writer; the segments between are ready.  The writer is in segment taken - 1, so all
 * before it are finished.  What a segment's file goes through is segment.c's. */
#include "store/journal_private.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/crc32c.h"

#include <errno.h>
#include <sys/mman.h>

enum { PROMISES_PER_SEGMENT = SEGMENT_ROOM / JOURNAL_PROMISE };

/* ---- writer ---- */

static uint64_t ready_segments(const struct journal *j)
{
	return atomic_load_explicit(&j->given, memory_order_acquire) -
	       atomic_load_explicit(&j->taken, memory_order_relaxed);
}

/* Is there room for `need` bytes and, behind them, for all promises? */
static bool has_room(const struct journal *j, size_t need, bool *ret_here)
{
	size_t rest = j->writing ? JOURNAL_SEGMENT - SEGMENT_WORD - j->at : 0;
	uint64_t ready = ready_segments(j);

	*ret_here = need <= rest;
	if (!*ret_here) {
		if (ready == 0)
			return false;
		ready--;
		rest = SEGMENT_ROOM;
	}
	return (rest - need) / JOURNAL_PROMISE + ready * PROMISES_PER_SEGMENT >=
	       atomic_load_explicit(&j->promised, memory_order_relaxed);
}

/* Leaves the segment in use for the oldest ready one. */
static void take_segment(struct journal *j)
{
	uint64_t taken = atomic_load_explicit(&j->taken, memory_order_relaxed);
	struct segment *used = j->writing;

	if (used)
		atomic_store_explicit(segment_word(used, j->at),
		                      (uint64_t)used->seed << 32 | SEGMENT_END,
		                      memory_order_release);
	j->writing = j->ring[taken % JOURNAL_RING];
	j->at = SEGMENT_HEADER;
	atomic_store_explicit(&j->taken, taken + 1, memory_order_release);
	if (used && j->nudge)
		j->nudge(j->nudge_arg);
}

static size_t record_size(size_t payload)
{
	return (SEGMENT_WORD + SEGMENT_KIND + payload + 7) & ~(size_t)7;
}

bool journal_write(struct journal *j, uint32_t kind, const struct iovec *iov, int count)
{
	size_t payload = 0;
	bool here;

	for (int i = 0; i < count; i++)
		payload += iov[i].iov_len;
	assert(payload <= JOURNAL_RECORD_MOST);
	if (unlikely(!has_room(j, record_size(payload), &here))) {
		atomic_fetch_add_explicit(&j->refused, 1, memory_order_relaxed);
		return false;
	}
	if (unlikely(!here))
		take_segment(j);

	unsigned char *body = j->writing->base + j->at + SEGMENT_WORD, *to = body;
	memcpy(to, &kind, SEGMENT_KIND);
	to += SEGMENT_KIND;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	uint64_t crc = crc32c(j->writing->seed,
	                      str_of((const char *)body, SEGMENT_KIND + payload));
	size_t next = j->at + record_size(payload);

	/* What stands behind may be of the segment's earlier life. */
	atomic_store_explicit(segment_word(j->writing, next), 0, memory_order_relaxed);
	atomic_store_explicit(segment_word(j->writing, j->at), crc << 32 | payload,
	                      memory_order_release);
	j->at = next;
	return true;
}

bool journal_roll(struct journal *j)
{
	uint64_t ready = ready_segments(j);

	if (!j->writing || j->at == SEGMENT_HEADER)
		return true;
	if (ready == 0 ||
	    SEGMENT_ROOM / JOURNAL_PROMISE + (ready - 1) * PROMISES_PER_SEGMENT <
	            atomic_load_explicit(&j->promised, memory_order_relaxed))
		return false;
	take_segment(j);
	return true;
}

void journal_promise(struct journal *j)
{
	atomic_store_explicit(&j->promised,
	                      atomic_load_explicit(&j->promised, memory_order_relaxed) +
	                              1,
	                      memory_order_relaxed);
}

void journal_keep_promise(struct journal *j)
{
	uint64_t promised = atomic_load_explicit(&j->promised, memory_order_relaxed);

	if (promised > 0)
		atomic_store_explicit(&j->promised, promised - 1, memory_order_relaxed);
}

/* A clock that was set back, and two ids in one microsecond, both make ids that run ahead
 * of the clock. */
uint64_t journal_next_id(struct journal *j, usec wall)
{
	usec last = atomic_load_explicit(&j->last_id, memory_order_relaxed);
	usec next = max_of(wall, last + 1);

	atomic_store_explicit(&j->last_id, next, memory_order_relaxed);
	return (uint64_t)next << 8 | j->worker;
}

uint64_t journal_last_id(const struct journal *j)
{
	usec last = atomic_load_explicit(&j->last_id, memory_order_relaxed);

	return (uint64_t)last << 8 | 0xff;
}

bool journal_has_room(const struct journal *j)
{
	bool here;

	return has_room(j, record_size(JOURNAL_RECORD_MOST), &here);
}

/* ---- reader ---- */

/* Will nothing more be written into it? */
static bool is_finished(const struct journal *j, const struct segment *s)
{
	return s->leftover ||
	       s->order + 1 < atomic_load_explicit(&j->taken, memory_order_acquire);
}

static bool is_valid(const struct segment *s, size_t at, uint64_t word)
{
	size_t length = (uint32_t)word;
	const char *body = (const char *)s->base + at + SEGMENT_WORD;

	return length <= JOURNAL_RECORD_MOST &&
	       at + record_size(length) <= JOURNAL_SEGMENT - SEGMENT_WORD &&
	       crc32c(s->seed, str_of(body, SEGMENT_KIND + length)) == word >> 32;
}

/* Is there nothing more to come from the segment being read? */
static bool is_read(struct journal *j, uint64_t word)
{
	struct segment *s = j->reading;

	if (journal_is_end(s, word))
		return true;
	if (word != 0 && !s->bad && !is_valid(s, j->read_at, word)) {
		s->bad = true;
		j->bad++;
	}
	if (s->bad)
		return is_finished(j, s);
	return word == 0 && s->leftover;
}

static uint64_t place_of(const struct segment *s, size_t at)
{
	return s->sequence * JOURNAL_SEGMENT + at;
}

bool journal_next(struct journal *j, struct journal_record *ret)
{
	while (j->reading) {
		struct segment *s = j->reading;
		uint64_t word = atomic_load_explicit(segment_word(s, j->read_at),
		                                     memory_order_acquire);

		if (is_read(j, word)) {
			if (!s->next)
				return false;
			j->reading = s->next;
			j->read_at = SEGMENT_HEADER;
			continue;
		}
		if (word == 0 || s->bad)
			return false;
		const unsigned char *body = s->base + j->read_at + SEGMENT_WORD;
		memcpy(&ret->kind, body, SEGMENT_KIND);
		ret->payload = str_of((const char *)body + SEGMENT_KIND, (uint32_t)word);
		j->read_at += record_size((uint32_t)word);
		ret->place = place_of(s, j->read_at);
		return true;
	}
	return false;
}

uint64_t journal_place(const struct journal *j)
{
	return j->retired_in ? place_of(j->retired_in, j->retired_at) : 0;
}

void journal_retire(struct journal *j)
{
	while (j->first != j->reading) {
		struct segment *s = j->first;

		j->first = s->next;
		if (s->bad) {
			segment_set_aside(&j->place, &s);
			j->count--;
			continue;
		}
		segment_wipe(s);
		s->next = NULL;
		*j->retired_end = s;
		j->retired_end = &s->next;
		j->retired_count++;
	}
	j->retired_in = j->reading;
	j->retired_at = j->read_at;
}

/* ---- segments ahead ---- */

static struct segment *take_retired(struct journal *j)
{
	struct segment *s = j->retired;

	if (s) {
		j->retired = s->next;
		if (!j->retired)
			j->retired_end = &j->retired;
		j->retired_count--;
	}
	return s;
}

static void chain(struct journal *j, struct segment *s)
{
	if (j->first)
		j->last->next = s;
	else
		j->first = s;
	j->last = s;
	if (!j->reading) {
		j->reading = j->first;
		j->read_at = SEGMENT_HEADER;
	}
}

static void hand_over(struct journal *j, struct segment *s)
{
	uint64_t given = atomic_load_explicit(&j->given, memory_order_relaxed);

	s->order = given;
	chain(j, s);
	j->ring[given % JOURNAL_RING] = s;
	atomic_store_explicit(&j->given, given + 1, memory_order_release);
}

static int prepare_one(struct journal *j)
{
	struct segment *s = take_retired(j);
	int error;

	if (s) {
		error = segment_recycle(&j->place, s, j->next_sequence);
		if (error) {
			segment_remove(&j->place, &s);
			j->count--;
			return error;
		}
	} else {
		if (journal_bytes(j) + JOURNAL_SEGMENT > j->limit)
			return -EDQUOT;
		error = segment_create(&j->place, j->next_sequence, &s);
		if (error)
			return error;
		j->count++;
	}
	j->next_sequence++;
	hand_over(j, s);
	return 0;
}

static int prepare_until(struct journal *j, uint64_t want)
{
	uint64_t taken = atomic_load_explicit(&j->taken, memory_order_acquire);
	int error = 0;

	while (!error &&
	       atomic_load_explicit(&j->given, memory_order_relaxed) - taken < want)
		error = prepare_one(j);
	return error;
}

int journal_prepare_first(struct journal *j)
{
	return prepare_until(j, 1);
}

/* How many segments the last sixteen calls or so have seen used up, which is what a
 * second or two of a busy worker are: a disk may keep the recorder waiting that long. */
static unsigned pace_of(struct journal *j)
{
	uint64_t taken = atomic_load_explicit(&j->taken, memory_order_acquire);
	unsigned used = (unsigned)min_of(taken - j->taken_before, (uint64_t)JOURNAL_RING);

	j->taken_before = taken;
	j->pace = j->pace - j->pace / 16 + used * 16;
	return j->pace / 16;
}

int journal_prepare(struct journal *j)
{
	uint64_t promised = atomic_load_explicit(&j->promised, memory_order_relaxed);
	unsigned busy = j->place.dir ? min_of(2 * pace_of(j), (unsigned)JOURNAL_BUSY) : 0;
	int error = prepare_until(j, min_of((uint64_t)JOURNAL_RING,
	                                    j->ahead + promised / PROMISES_PER_SEGMENT));

	/* Who has no room for more than that is in no trouble yet. */
	if (!error && prepare_until(j, busy) < 0)
		busy = 0;
	/* A few are kept for the next burst, the rest of an old one goes back to the
	 * disk. */
	while (j->place.dir && j->retired_count > max_of(j->ahead, busy)) {
		struct segment *s = take_retired(j);

		segment_remove(&j->place, &s);
		j->count--;
	}
	return error;
}

int journal_sync(struct journal *j)
{
	if (!j->place.dir)
		return 0;
	for (struct segment *s = j->first; s; s = s->next) {
		if (msync(s->base, JOURNAL_SEGMENT, MS_SYNC) < 0)
			return -errno;
		if (!is_finished(j, s))
			break;
	}
	return 0;
}

/* ---- figures ---- */

void journal_raise_floor(struct journal *j, uint64_t floor_id)
{
	usec last = atomic_load_explicit(&j->last_id, memory_order_relaxed);

	atomic_store_explicit(&j->last_id, max_of(last, (usec)(floor_id >> 8)),
	                      memory_order_relaxed);
}

void journal_set_limit(struct journal *j, uint64_t bytes)
{
	j->limit = bytes;
}

uint64_t journal_bytes(const struct journal *j)
{
	return (uint64_t)j->count * JOURNAL_SEGMENT;
}

uint64_t journal_refused(const struct journal *j)
{
	return atomic_load_explicit(&j->refused, memory_order_relaxed);
}

unsigned journal_bad(const struct journal *j)
{
	return j->bad;
}
