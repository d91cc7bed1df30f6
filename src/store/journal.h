/* journal.h - the only path of a record: append-only segments mapped into memory.
 *
 * Each worker owns one journal.  A record is a store into mapped memory and costs no
 * system call; it survives the process (kill -9), because the kernel owns the pages.  The
 * recorder prepares segments ahead (1 MiB, written full of zeros, synced, mapped and
 * touched), so that a store can neither fault for space nor block, reads what was
 * committed, and retires segments once their records are in the ledger.
 *
 *   segment file  $data/journal/WW-SSSSSSSS   (worker, sequence number; both hex)
 *   header        magic, version, worker, sequence, CRC
 *   record        | commit: u32 length, u32 CRC32C of sequence, kind, payload | kind |
 * payload | end mark      a commit word of length 0xffffffff: the writer went on to the
 * next segment
 *
 * The commit word is stored last, with release order, after the next commit word was
 * zeroed; a reader stops at zero.  One writer, one reader, no locks. */
#pragma once
#include "base/fault.h"
#include "base/usec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum { JOURNAL_SEGMENT = 1024 * 1024, JOURNAL_RECORD_MOST = 8 * 1024 };
/* Room that one promise keeps free, commit word and kind included. */
enum { JOURNAL_PROMISE = 384, JOURNAL_OVERHEAD = 12 };
/* So many free segments at most are kept ready for a worker that uses them up quickly. */
enum { JOURNAL_BUSY = 24 };

struct journal;

struct journal_record {
	uint32_t kind;
	str payload;    /* in the mapping: good until journal_retire */
	uint64_t place; /* where it ends: see journal_place */
};

/* ---- writer: one worker's thread ---- */

/* False: there is no free segment (the disk is full, or the recorder has fallen behind);
 * nothing was written.  `nudge` below is called when a segment was used up. */
must_check bool journal_write(struct journal *j, uint32_t kind, const struct iovec *iov,
                              int count);
/* Goes on in the next segment, so that the one in use can be retired, which wipes it.
 * False: there is none, now. */
must_check bool journal_roll(struct journal *j);
/* Promises keep JOURNAL_PROMISE bytes each free for records that must not fail: a write
 * leaves room for all that are outstanding.  Keeping one, before the write that it was
 * made for, guarantees a record of that size; with none outstanding it does nothing. */
void journal_promise(struct journal *j);
void journal_keep_promise(struct journal *j);
/* Unique and rising: microseconds since 1970 << 8 | worker. */
uint64_t journal_next_id(struct journal *j, usec wall);
/* No id that it has given is above this one; any thread may ask. */
uint64_t journal_last_id(const struct journal *j);
/* Would a write succeed now? (of a record of up to 1 KiB) */
bool journal_has_room(const struct journal *j);

/* ---- reader: the recorder's thread ---- */

/* For worker `number` (< 64) in `dir`, which exists.  Continues behind segments found
 * there: their records come out of journal_next first.  floor_id: ids begin above it.
 * ahead: how many free segments are kept ready (2 at least; more while many promises are
 * outstanding, and while segments are used up quickly).  NULL and errno when dir cannot
 * be read or a segment not be mapped. */
struct journal *journal_open(const char *dir, unsigned number, unsigned ahead,
                             uint64_t floor_id, void (*nudge)(void *), void *arg);
/* In memory only, for tests and the simulation; `segments` in all. */
struct journal *journal_open_memory(unsigned segments);
/* The files stay; those whose records were all retired are left empty. */
void journal_close(struct journal **j);
/* Closes and removes the files: of a worker that is no more, after all was retired. */
void journal_remove(struct journal **j);

/* Ids begin above this one; before the writer starts. */
void journal_raise_floor(struct journal *j, uint64_t floor_id);
/* The most bytes of segments there may be; 1 GiB unless told. */
void journal_set_limit(struct journal *j, uint64_t bytes);

/* The next committed record not yet read. */
bool journal_next(struct journal *j, struct journal_record *ret);
/* All records read so far are in the ledger: segments wholly read are retired. */
void journal_retire(struct journal *j);
/* How far journal_retire came: rises from record to record, over restarts as well, as
 * long as the files are there.  0: nowhere yet. */
uint64_t journal_place(const struct journal *j);
/* Prepares segments until `ahead` are free. 0 or -errno (ENOSPC above all; EDQUOT at the
 * limit): tried again at the next call. */
int journal_prepare(struct journal *j);
/* The same, but one is enough: for a quick start. */
int journal_prepare_first(struct journal *j);
/* Makes what was written so far durable; for when the ledger cannot. 0 or -errno. */
int journal_sync(struct journal *j);
/* Numbers of the workers that have segments in dir, for start-up: a bit each. */
uint64_t journal_workers(const char *dir);

/* Bytes of the segments there are now. */
uint64_t journal_bytes(const struct journal *j);
/* Writes refused so far for lack of room. */
uint64_t journal_refused(const struct journal *j);
/* Segments with a record that failed its check. What follows in them cannot be read; they
 * are kept as NAME.bad. */
unsigned journal_bad(const struct journal *j);
