/* ledger_schema.c - every table.  The statements that use them are in ledger_sql.c.
 *
 * A migration is never changed once it was released; the next one is added below it.
 * `PRAGMA user_version` says how many a database has seen. */
#include "store/ledger_private.h"
#include "store/sums.h"

/* clang-format off */

#define TEXT_OF_STATE \
	"CASE a.state WHEN 0 THEN 'open' WHEN 1 THEN 'done' ELSE 'unknown' END"
#define TEXT_OF_USAGE_KIND \
	"CASE o.usage_kind WHEN 0 THEN 'none' WHEN 1 THEN 'reported' WHEN 2 THEN 'estimated' " \
	"ELSE 'unknown' END"

/* No index of all rows: ids are times, so a span of time is a span of rows.  The one below
 * holds only what is in flight; without it a start would look at every row there is. */
static const char version_1[] =
	/* Who asked for what; known when an attempt opens. */
	"CREATE TABLE request ("
	"  id INTEGER PRIMARY KEY,"
	"  key INTEGER NOT NULL,"
	"  operation TEXT NOT NULL,"
	"  asked TEXT NOT NULL,"
	"  route TEXT NOT NULL,"
	"  stream INTEGER NOT NULL,"
	"  provider TEXT NOT NULL,"
	"  model TEXT NOT NULL,"
	"  team INTEGER NOT NULL,"
	"  trial TEXT NOT NULL"
	") STRICT;"
	/* Whom it was for, as far as the request and its key say so: many more of these. */
	"CREATE TABLE subject ("
	"  id INTEGER PRIMARY KEY,"
	"  user TEXT NOT NULL,"
	"  tags TEXT NOT NULL"               /* name=value,name=value */
	") STRICT;"
	/* What came of it; known when it closes. */
	"CREATE TABLE outcome ("
	"  id INTEGER PRIMARY KEY,"
	"  status INTEGER NOT NULL,"
	"  fault TEXT NOT NULL,"
	"  answered_model TEXT NOT NULL,"
	"  finish TEXT NOT NULL,"
	"  usage_kind INTEGER NOT NULL,"     /* 0 none, 1 reported, 2 estimated, 3 unknown */
	"  client_status INTEGER NOT NULL,"
	"  flags INTEGER NOT NULL"           /* enum row_flag of store/row.h */
	") STRICT;"
	/* What a unit cost: pico-dollars, NULL where a class has no price of its own. */
	"CREATE TABLE price ("
	"  id INTEGER PRIMARY KEY,"
	"  version INTEGER NOT NULL,"
	"  since INTEGER NOT NULL,"          /* yyyymmdd, 0: not known */
	"  above INTEGER NOT NULL,"          /* prompt tokens */
	"  source INTEGER NOT NULL,"         /* 0 program, 1 catalogue, 2 configuration */
	"  discount INTEGER NOT NULL,"       /* parts per million, in the figures already */
	"  input_pico INTEGER,"
	"  cache_read_pico INTEGER,"
	"  cache_write_pico INTEGER,"
	"  cache_write_1h_pico INTEGER,"
	"  audio_input_pico INTEGER,"
	"  output_pico INTEGER,"
	"  reasoning_pico INTEGER,"
	"  audio_output_pico INTEGER,"
	"  image_pico INTEGER,"
	"  request_pico INTEGER,"
	"  search_pico INTEGER"
	") STRICT;"
	/* Who it was for; of the row that closes an exchange. */
	"CREATE TABLE caller ("
	"  id INTEGER PRIMARY KEY,"
	"  client TEXT NOT NULL,"
	"  agent TEXT NOT NULL"
	") STRICT;"
	/* What most rows have stands first, so that a statement for them can leave out the
	 * rest.  Zero of what may be NULL is NULL. */
	"CREATE TABLE attempt ("
	"  id INTEGER PRIMARY KEY,"          /* microseconds since 1970 << 8 | worker */
	"  request INTEGER NOT NULL REFERENCES request,"
	"  request_bytes INTEGER NOT NULL,"
	"  outcome INTEGER REFERENCES outcome," /* NULL until it is done, as what is measured */
	"  caller INTEGER REFERENCES caller,"   /* NULL: it does not close the exchange */
	"  first_byte_us INTEGER,"
	"  total_us INTEGER,"
	"  answer_bytes INTEGER,"
	"  input_tokens INTEGER,"
	"  output_tokens INTEGER,"
	"  exchange_total_us INTEGER,"
	"  overhead_us INTEGER,"
	"  cost_nano INTEGER,"               /* NULL: unknown */
	"  price INTEGER REFERENCES price,"  /* NULL: none is known */
	"  reserved_nano INTEGER,"           /* NULL: nothing */
	"  first_token_us INTEGER,"
	"  cache_read_tokens INTEGER,"
	"  reasoning_tokens INTEGER,"
	"  subject INTEGER REFERENCES subject," /* NULL: neither user nor tags */
	"  began INTEGER,"                   /* NULL: id >> 8 */
	"  exchange INTEGER,"                /* NULL: the id itself */
	"  number INTEGER NOT NULL DEFAULT 1,"
	"  state INTEGER NOT NULL DEFAULT 1," /* 0 open, 1 done, 2 unknown */
	"  detail TEXT,"                     /* while it is open: room for what will come */
	"  connect_us INTEGER,"
	"  cache_write_tokens INTEGER,"
	"  audio_input_tokens INTEGER,"
	"  audio_output_tokens INTEGER,"
	"  cache_write_1h_tokens INTEGER," /* of cache_write_tokens */
	"  searches INTEGER,"
	"  images INTEGER,"
	"  attempts INTEGER DEFAULT 1"
	") STRICT;"
	"CREATE INDEX attempt_open ON attempt (id) WHERE state = 0;"
	/* What was said of an attempt's cost later: rows are never changed. */
	"CREATE TABLE correction ("
	"  id INTEGER PRIMARY KEY,"
	"  attempt INTEGER NOT NULL,"
	"  delta_nano INTEGER NOT NULL,"     /* to be added to its cost */
	"  old_price INTEGER REFERENCES price,"
	"  new_price INTEGER REFERENCES price,"
	"  made INTEGER NOT NULL,"           /* microseconds since 1970 */
	"  why TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX correction_attempt ON correction (attempt);"
	/* Attempts that began in an earlier hour than this were deleted. */
	"CREATE TABLE kept (id INTEGER PRIMARY KEY CHECK (id = 1), hour INTEGER NOT NULL) STRICT;"
	/* Of what attempts are added up, in two families (ledger_rollup.c): members that a
	 * family does not tell apart are empty, those it no longer tells apart are '*'. */
	"CREATE TABLE usage_group ("
	"  id INTEGER PRIMARY KEY,"
	"  key INTEGER NOT NULL,"            /* 2^63 - 1: several */
	"  team INTEGER NOT NULL,"
	"  user TEXT NOT NULL,"
	"  provider TEXT NOT NULL,"
	"  model TEXT NOT NULL,"
	"  route TEXT NOT NULL,"
	"  operation TEXT NOT NULL,"
	"  tags TEXT NOT NULL,"
	"  client TEXT NOT NULL,"
	"  trial TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE rollup ("
	"  family INTEGER NOT NULL,"         /* 0 what was used, 1 by whom */
	"  span INTEGER NOT NULL,"           /* 0 hour, 1 day, 2 month; of UTC */
	"  period INTEGER NOT NULL,"         /* hours, days since 1970; months since year 0 */
	"  grp INTEGER NOT NULL REFERENCES usage_group,"
#define SUM(id, name) "  " #name " INTEGER NOT NULL,"
	SUMS(SUM)
#undef SUM
	"  PRIMARY KEY (family, span, period, grp)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE keys ("
	"  id INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL,"
	"  mac BLOB NOT NULL,"
	"  created INTEGER NOT NULL,"
	"  revoked INTEGER NOT NULL"         /* 0: active */
	") STRICT;"
	"CREATE VIEW attempts AS SELECT"
	"  a.id AS id, coalesce(a.exchange, a.id) AS exchange, a.number AS number,"
	"  " TEXT_OF_STATE " AS state,"
	"  r.key AS key, coalesce(a.began, a.id >> 8) AS began, r.operation AS operation,"
	"  r.asked AS asked, r.route AS route, r.provider AS provider, r.model AS model,"
	"  r.stream AS stream, a.request_bytes AS request_bytes,"
	"  r.team AS team, r.trial AS trial, coalesce(s.user, '') AS user,"
	"  coalesce(s.tags, '') AS tags, coalesce(a.reserved_nano, 0) AS reserved_nano,"
	"  coalesce(o.status, 0) AS status, coalesce(o.fault, '') AS fault,"
	"  iif(a.state = 1, coalesce(a.detail, ''), '') AS detail,"
	"  coalesce(o.answered_model, '') AS answered_model, coalesce(o.finish, '') AS finish,"
	"  coalesce(a.connect_us, 0) AS connect_us,"
	"  coalesce(a.first_byte_us, 0) AS first_byte_us,"
	"  coalesce(a.first_token_us, 0) AS first_token_us,"
	"  coalesce(a.total_us, 0) AS total_us, coalesce(a.answer_bytes, 0) AS answer_bytes,"
	"  " TEXT_OF_USAGE_KIND " AS usage_kind,"
	"  coalesce(a.input_tokens, 0) AS input_tokens,"
	"  coalesce(a.output_tokens, 0) AS output_tokens,"
	"  coalesce(a.cache_read_tokens, 0) AS cache_read_tokens,"
	"  coalesce(a.cache_write_tokens, 0) AS cache_write_tokens,"
	"  coalesce(a.reasoning_tokens, 0) AS reasoning_tokens,"
	"  coalesce(a.audio_input_tokens, 0) AS audio_input_tokens,"
	"  coalesce(a.audio_output_tokens, 0) AS audio_output_tokens,"
	"  coalesce(a.cache_write_1h_tokens, 0) AS cache_write_1h_tokens,"
	"  coalesce(a.searches, 0) AS searches, coalesce(a.images, 0) AS images,"
	"  a.cost_nano AS cost_nano,"
	"  coalesce(a.cost_nano + coalesce(k.delta, 0), k.delta, a.reserved_nano, 0)"
	"  AS charged_nano, coalesce(k.delta, 0) AS corrected_nano,"
	"  p.version AS price_version, coalesce(o.flags, 0) AS flags,"
	"  a.caller IS NOT NULL AS closes,"
	"  coalesce(o.client_status, 0) AS client_status,"
	"  coalesce(a.exchange_total_us, 0) AS exchange_total_us,"
	"  coalesce(a.overhead_us, 0) AS overhead_us, coalesce(a.attempts, 0) AS attempts,"
	"  coalesce(c.client, '') AS client, coalesce(c.agent, '') AS agent"
	"  FROM attempt a LEFT JOIN request r ON r.id = a.request"
	"  LEFT JOIN outcome o ON o.id = a.outcome LEFT JOIN caller c ON c.id = a.caller"
	"  LEFT JOIN subject s ON s.id = a.subject LEFT JOIN price p ON p.id = a.price"
	"  LEFT JOIN (SELECT attempt, sum(delta_nano) AS delta FROM correction"
	"  GROUP BY attempt) k ON k.attempt = a.id;";

/* What an account of a provider keeps: requests that speak of it have to go there. */
static const char version_2[] =
	"CREATE TABLE pin ("
	"  id BLOB PRIMARY KEY,"             /* a MAC of what clients call it */
	"  kind INTEGER NOT NULL,"           /* enum pin_kind: 0 response, 1 encrypted item, ... */
	"  key INTEGER NOT NULL,"            /* the virtual key it was made for */
	"  provider TEXT NOT NULL,"
	"  account INTEGER NOT NULL,"        /* a MAC of the provider's name and key */
	"  made INTEGER NOT NULL"            /* microseconds since 1970 */
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX pin_made ON pin (made);"
	/* What providers sent that is not of their format. */
	"CREATE TABLE odd ("
	"  provider TEXT NOT NULL,"
	"  name TEXT NOT NULL,"              /* '': all of them */
	"  count INTEGER NOT NULL,"
	"  first INTEGER NOT NULL,"          /* microseconds since 1970 */
	"  last INTEGER NOT NULL,"
	"  PRIMARY KEY (provider, name)"
	") STRICT, WITHOUT ROWID;";

/* Who may spend.  A key is a node with a MAC; keys of the first days get the default
 * organisation for a parent. */
static const char version_tenants[] =
	"CREATE TABLE tenant ("
	"  id INTEGER PRIMARY KEY,"
	"  kind INTEGER NOT NULL,"           /* 0 organisation, 1 team, 2 key, 3 user */
	"  parent INTEGER NOT NULL,"         /* 0: an organisation */
	"  name TEXT NOT NULL,"
	"  created INTEGER NOT NULL,"        /* microseconds since 1970, as all times here */
	"  revoked INTEGER NOT NULL DEFAULT 0," /* 0: active */
	"  expires INTEGER NOT NULL DEFAULT 0," /* 0: never */
	"  serial INTEGER NOT NULL DEFAULT 1,"
	"  rpm INTEGER NOT NULL DEFAULT 0,"  /* 0: not bounded, as the next */
	"  tpm INTEGER NOT NULL DEFAULT 0,"
	"  concurrent INTEGER NOT NULL DEFAULT 0,"
	"  budget_hour INTEGER,"             /* nano-dollars; NULL: not bounded */
	"  budget_day INTEGER,"
	"  budget_week INTEGER,"
	"  budget_month INTEGER,"
	"  budget_total INTEGER,"
	"  user_rpm INTEGER NOT NULL DEFAULT 0," /* of every user below it */
	"  user_tpm INTEGER NOT NULL DEFAULT 0,"
	"  user_concurrent INTEGER NOT NULL DEFAULT 0,"
	"  user_budget_hour INTEGER,"
	"  user_budget_day INTEGER,"
	"  user_budget_week INTEGER,"
	"  user_budget_month INTEGER,"
	"  user_budget_total INTEGER,"
	"  soft INTEGER NOT NULL DEFAULT 0,"
	"  phi INTEGER NOT NULL DEFAULT 0,"
	"  on_exhausted INTEGER NOT NULL DEFAULT 0," /* 0 finish, 1 stop, 2 error */
	"  downgrade TEXT NOT NULL DEFAULT '',"
	"  routes TEXT NOT NULL DEFAULT '',"   /* patterns with commas between; '': all */
	"  models TEXT NOT NULL DEFAULT '',"
	"  providers TEXT NOT NULL DEFAULT '',"
	"  regions TEXT NOT NULL DEFAULT '',"
	"  tags TEXT NOT NULL DEFAULT '',"     /* name=value, with commas between */
	"  metadata TEXT NOT NULL DEFAULT ''," /* a JSON object */
	"  mac BLOB,"                          /* of keys, as the next */
	"  previous BLOB,"                     /* what it was before the last rotation */
	"  previous_until INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE UNIQUE INDEX tenant_name ON tenant (kind, parent, name)"
	"  WHERE kind <> 2 AND revoked = 0;"
	"CREATE INDEX tenant_created ON tenant (kind, created, id);"
	"INSERT INTO tenant (id, kind, parent, name, created)"
	"  VALUES (1, 0, 0, 'default', 0);"
	"INSERT INTO tenant (id, kind, parent, name, created, revoked, mac)"
	"  SELECT id, 2, 1, name, created, revoked, mac FROM keys;"
	"DROP TABLE keys;";

/* What was said of trials, which the configuration does not know. */
static const char version_trial[] =
	"CREATE TABLE IF NOT EXISTS trial ("
	"  name TEXT PRIMARY KEY,"
	"  stopped INTEGER NOT NULL"         /* microseconds since 1970; by hand */
	") STRICT, WITHOUT ROWID;";

/* Who may use the admin API, what was changed through it, and what it answered. */
static const char version_admin[] =
	"CREATE TABLE admin_token ("
	"  id INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL,"
	"  scopes INTEGER NOT NULL,"         /* a bit each: read, keys, config, all */
	"  salt BLOB NOT NULL,"
	"  hash BLOB NOT NULL,"              /* scrypt of the whole text */
	"  created INTEGER NOT NULL,"        /* microseconds since 1970, as all below */
	"  expires INTEGER NOT NULL,"        /* 0: never */
	"  revoked INTEGER NOT NULL"         /* 0: active */
	") STRICT;"
	"CREATE TABLE audit ("
	"  seq INTEGER PRIMARY KEY,"         /* from 1, without gaps */
	"  at INTEGER NOT NULL,"
	"  who TEXT NOT NULL,"
	"  source TEXT NOT NULL,"            /* from where */
	"  action TEXT NOT NULL,"
	"  target TEXT NOT NULL,"
	"  before TEXT NOT NULL,"            /* JSON, or '' */
	"  after TEXT NOT NULL,"
	"  hash BLOB NOT NULL,"              /* SHA-256 of the hash before and the entry */
	"  mac BLOB NOT NULL"                /* HMAC-SHA-256 of seq and hash */
	") STRICT;"
	"CREATE TABLE audit_head ("
	"  id INTEGER PRIMARY KEY CHECK (id = 1),"
	"  seq INTEGER NOT NULL,"
	"  hash BLOB NOT NULL,"
	"  mac BLOB NOT NULL"
	") STRICT;"
	/* What was answered to a request with an Idempotency-Key. */
	"CREATE TABLE admin_replay ("
	"  id BLOB PRIMARY KEY,"             /* a MAC of who, what and the key */
	"  request BLOB NOT NULL,"           /* a MAC of the request */
	"  status INTEGER NOT NULL,"
	"  answer BLOB NOT NULL,"            /* sealed: only who asked can open it */
	"  made INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX admin_replay_made ON admin_replay (made);";

/* Of what is named in a request of which nothing is kept, nothing is kept. */
static const char version_phi[] =
	"ALTER TABLE pin ADD COLUMN phi INTEGER NOT NULL DEFAULT 0;";

/* What a trial has drawn for its side, so that what may depend on one another is told from
 * what does not: of attempts that are part of one. */
static const char version_conversation[] =
	"ALTER TABLE attempt ADD COLUMN conversation INTEGER;"; /* NULL: the exchange */

/* What candidates of trials were charged by attempts that were deleted. */
static const char version_trial_gone[] =
	"CREATE TABLE trial_gone ("
	"  name TEXT PRIMARY KEY,"
	"  charged_nano INTEGER NOT NULL,"
	"  exchanges INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;";

/* How far each worker's journal was in the ledger when attempts were last deleted.  An
 * older Sluice did not write it down: then whatever is of a deleted hour was in it. */
static const char version_places[] =
	"CREATE TABLE journal_place ("
	"  worker INTEGER PRIMARY KEY,"
	"  place INTEGER NOT NULL"           /* of store/journal.h */
	") STRICT;"
	"WITH RECURSIVE w (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM w WHERE n < 63)"
	" INSERT INTO journal_place SELECT n, 9223372036854775807 FROM w"
	" WHERE EXISTS (SELECT 1 FROM kept);";

/* So far above the time their attempts began were ids at most, where it was more than two
 * hours.  That of the rows there are is found out once. */
static const char version_clock[] =
	"CREATE TABLE clock ("
	"  id INTEGER PRIMARY KEY CHECK (id = 1),"
	"  ahead INTEGER NOT NULL"           /* microseconds */
	") STRICT;"
	"INSERT INTO clock SELECT 1, ahead FROM (SELECT max((id >> 8) - began) AS ahead"
	" FROM attempt WHERE began IS NOT NULL) WHERE ahead > 7200000000;";

/* And so far below, where it was more than a minute. */
static const char version_behind[] =
	"ALTER TABLE clock ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;"
	"INSERT INTO clock SELECT 1, 0, behind FROM (SELECT max(began - (id >> 8)) AS behind"
	" FROM attempt WHERE began IS NOT NULL) WHERE behind > 60000000"
	" ON CONFLICT (id) DO UPDATE SET behind = excluded.behind;";

/* An older Sluice deleted by ids: of the first hour that was kept, those attempts may be
 * gone whose ids are below it.  Where places are not known (version_places) the hour also
 * says what a journal had in the ledger, and stays. */
static const char version_kept[] =
	"UPDATE kept SET hour = hour + 1 WHERE NOT EXISTS (SELECT 1 FROM journal_place"
	" WHERE worker = 0 AND place = 9223372036854775807);";

/* The later attempts of an exchange, however late they began: few have any. */
static const char version_exchange[] =
	"CREATE INDEX attempt_exchange ON attempt (exchange) WHERE exchange IS NOT NULL;";

const char *const ledger_migrations[] = { version_1, version_2, version_tenants, version_trial,
	                                  version_admin, version_phi, version_conversation,
	                                  version_trial_gone, version_places, version_clock,
	                                  version_behind, version_kept, version_exchange };
const int ledger_version = countof(ledger_migrations);
