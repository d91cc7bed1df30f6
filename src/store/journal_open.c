/* journal_open.c - what lies in the directory becomes a journal, and is left behind as
 * one (journal.c). */
#include "store/journal_private.h"

#include "base/assert.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>

static struct journal *new_journal(unsigned number, unsigned ahead, uint64_t floor_id)
{
	struct journal *j = aligned_alloc(_Alignof(struct journal), sizeof(*j));

	assert(j && number < 64);
	memset(j, 0, sizeof(*j));
	j->worker = j->place.worker = number;
	j->ahead = min_of(max_of(ahead, 2u), (unsigned)JOURNAL_RING);
	j->limit = (uint64_t)1024 * MiB;
	j->next_sequence = 1;
	j->retired_end = &j->retired;
	journal_raise_floor(j, floor_id);
	return j;
}

/* Into the order of the sequence numbers. */
static void insert(struct journal *j, struct segment *s)
{
	struct segment **at = &j->first;

	while (*at && (*at)->sequence < s->sequence)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	if (!s->next)
		j->last = s;
	j->count++;
	j->next_sequence = max_of(j->next_sequence, s->sequence + 1);
}

static int load(struct journal *j, const char *file)
{
	struct segment *s;
	unsigned worker;
	uint64_t name;
	str suffix;
	int error;

	if (!segment_parse_name(file, &worker, &name, &suffix) || worker != j->worker)
		return 0;
	j->next_sequence = max_of(j->next_sequence, name + 1);
	if (str_eq(suffix, STR(".new")))
		segment_unlink(&j->place, name, ".new");
	if (suffix.len)
		return 0;
	error = segment_load(&j->place, name, &s);
	if (!error)
		insert(j, s);
	if (error == -EBADMSG)
		j->bad++;
	return error == -EBADMSG || error == -ENODATA ? 0 : error;
}

static int load_all(struct journal *j)
{
	DIR *d = opendir(j->place.dir);
	struct dirent *entry;
	int error = 0;

	if (!d)
		return -errno;
	while (!error && (entry = readdir(d)))
		error = load(j, entry->d_name);
	closedir(d);
	j->reading = j->retired_in = j->first;
	j->read_at = j->retired_at = SEGMENT_HEADER;
	return error;
}

struct journal *journal_open(const char *dir, unsigned number, unsigned ahead,
                             uint64_t floor_id, void (*nudge)(void *), void *arg)
{
	struct journal *j = new_journal(number, ahead, floor_id);

	j->place.dir = mem_copy_z(str_from_z(dir));
	j->nudge = nudge;
	j->nudge_arg = arg;
	int error = load_all(j);
	if (error) {
		/* Nothing was read, so nothing is marked as retired. */
		j->retired_in = NULL;
		journal_close(&j);
		errno = -error;
	}
	return j;
}

struct journal *journal_open_memory(unsigned segments)
{
	struct journal *j = new_journal(0, segments, 0);

	j->limit = (uint64_t)segments * JOURNAL_SEGMENT;
	int error = journal_prepare(j);
	assert(!error || j->count == segments);
	return j;
}

static void free_chain(struct journal *j, struct segment *s, bool remove)
{
	while (s) {
		struct segment *next = s->next;

		if (!remove)
			segment_free(&s);
		else if (s->bad)
			segment_set_aside(&j->place, &s);
		else
			segment_remove(&j->place, &s);
		s = next;
	}
}

/* Has the ledger all of the segment being read?  A bad one keeps what it has. */
static bool is_all_retired(const struct journal *j)
{
	struct segment *s = j->reading;

	if (!s || s != j->retired_in || s->bad)
		return false;
	uint64_t word = atomic_load_explicit(segment_word(s, j->retired_at),
	                                     memory_order_acquire);
	return word == 0 || journal_is_end(s, word);
}

static void close_journal(struct journal **at, bool remove)
{
	struct journal *j = *at;

	if (!j)
		return;
	*at = NULL;
	if (is_all_retired(j))
		segment_wipe(j->reading);
	free_chain(j, j->first, remove);
	free_chain(j, j->retired, remove);
	free(j->place.dir);
	free(j);
}

void journal_close(struct journal **j)
{
	close_journal(j, false);
}

void journal_remove(struct journal **j)
{
	close_journal(j, true);
}

uint64_t journal_workers(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	uint64_t workers = 0;

	if (!d)
		return 0;
	while ((entry = readdir(d))) {
		unsigned worker;
		uint64_t sequence;
		str suffix;

		if (segment_parse_name(entry->d_name, &worker, &sequence, &suffix) &&
		    suffix.len == 0)
			workers |= (uint64_t)1 << worker;
	}
	closedir(d);
	return workers;
}
