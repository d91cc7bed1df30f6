/* config.h - one reading of the configuration: immutable, checked, counted.
 *
 * Everything in it lives in its arena and ends with the last reference.  Providers and
 * targets are numbered; a worker keeps its pools beside these numbers.  Exchanges run to
 * their end on the config they began with. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/price.h"
#include "base/secret.h"
#include "base/usec.h"
#include "http/head.h"
#include "loop/net.h"
#include "wire/catalog.h"

#include <limits.h>
#include <stdatomic.h>

/* What AWS requests are signed with. */
struct aws_credentials {
	str access_key; /* its name, which is sent */
	struct secret secret_key;
	struct secret session_token; /* of temporary credentials; or empty */
	str service;
};

/* Who asks for access tokens, as a file of Google's says: a service account, which signs
 * its question, or a person (gcloud), who has a refresh token. */
struct service_account {
	str email;                   /* of the account, or a person's client id */
	str key_id;                  /* of the key; may be empty */
	str project;                 /* may be empty */
	bool is_user;                /* else a service account */
	struct secret key;           /* PEM, RSA; or the refresh token */
	struct secret client_secret; /* a person's */
	str token_url;               /* whom it asks, as written, and taken apart: */
	bool tls, allow_private;
	str host, authority, path;
	uint16_t port;
};
/* Do they ask the same for the same? */
bool account_is_same(const struct service_account *a, const struct service_account *b);
/* A copy: its texts in `keep`, its secrets in `room`. */
struct service_account account_keep(const struct service_account *a, struct arena *keep,
                                    struct secret_room *room);

/* What the configuration lets a provider have as a whole; 0: unbounded. */
struct provider_limits {
	unsigned rpm; /* requests in any minute */
	unsigned tpm; /* tokens in any minute, as estimated before and settled after */
	unsigned concurrent; /* attempts at a time */
};

/* What the file says some models cost. */
struct price_figures {
	picousd of[PRICE_CLASSES]; /* PRICE_UNKNOWN: not written */
	uint32_t above;            /* of a tier: for prompts over so many tokens */
};

struct price_rule {
	str pattern; /* "provider/model" or, at a provider, "model"; with * */
	struct price_figures base;
	struct price_figures *tiers; /* instead of the catalogue's, by rising `above` */
	unsigned tier_count;
	uint32_t discount; /* parts per million; DISCOUNT_UNSET */
	uint32_t since;    /* yyyymmdd; 0: not written */
};

#define DISCOUNT_UNSET UINT32_MAX

struct price_rules {
	struct price_rule *list; /* as written */
	unsigned count;
};

#define RETRY_AS_ROUTE UINT_MAX

enum phi_trust { PHI_REFUSED, PHI_ALLOWED };

struct provider {
	str name;       /* as the configuration calls it */
	unsigned index; /* its place in config->providers */
	enum wire_format format;
	unsigned also; /* 1 << wire_format: what it speaks besides */
	enum auth_kind auth;
	unsigned quirks;
	const struct provider_choice *choice; /* NULL: no request lets it choose */
	struct secret *keys;
	unsigned key_count;                    /* 0: no key is sent */
	struct aws_credentials aws;            /* AUTH_SIGV4 */
	const struct service_account *account; /* AUTH_SERVICE_ACCOUNT */
	str url;                               /* as written, variables resolved */
	bool tls;
	str host; /* name or IP literal without brackets, or "unix:..." */
	uint16_t port;
	str authority;       /* for the Host header */
	str base_path;       /* "/v1"; no slash at the end; "{model}" may be in it */
	str query;           /* "api-version=...": goes with each request; or empty */
	const char *ca_file; /* NULL: the machine's roots */
	uint8_t ca_sum[32];  /* of what it holds: file_sum */
	bool allow_private;  /* a literal private address is its own permission */
	str region;
	str api_version;              /* Azure's: deployments are in the path; or empty */
	str project, location;        /* Vertex AI's */
	const char *credentials_file; /* `credentials`; NULL: not written */
	usec discover;                /* its list of models is read so often; 0: never */
	struct provider_limits limits;
	unsigned retry_same; /* retries at the same target; RETRY_AS_ROUTE */
	usec retry_wait;     /* longest wait it may ask for; USEC_NEVER: as the route */
	usec queue;          /* how long a request may wait for room; 0: not at all */
	usec probe;          /* it is checked so often when nobody asks; 0: never */
	enum phi_trust phi;  /* may requests go there of which nothing is kept? */
	struct price_rules prices;
	uint32_t discount; /* off the catalogue's prices, parts per million */
	bool trace;        /* it is told our trace's ids (traceparent) */
	str disabled;      /* why it is not usable (an empty variable); empty: usable */
	str missing;  /* of a lenient reading: the variable or file that is not here; or
	                 empty */
	bool is_mock; /* the one inside the process, at config_mock_host() */
};

struct target {
	const struct provider *provider;
	str model;
	unsigned weight;            /* 1 when not written */
	unsigned number;            /* from 1, among those of routes; 0: none of these */
	bool is_known;              /* the catalogue has it */
	struct catalog_model facts; /* when is_known */
	const struct price *prices; /* the tiers of its price, by rising `above` */
	unsigned price_count;       /* 0: what it costs is not known */
};

enum strategy {
	STRATEGY_ORDERED,
	STRATEGY_WEIGHTED,
	STRATEGY_FASTEST,
	STRATEGY_CHEAPEST,
	STRATEGY_LEAST_BUSY,
	STRATEGY_ADAPTIVE,
	STRATEGIES,
};
enum on_empty { ON_EMPTY_NEXT, ON_EMPTY_PASS };
enum on_filter { ON_FILTER_FINAL, ON_FILTER_NEXT };
enum resume_mode { RESUME_OFF, RESUME_ON, RESUME_ALWAYS };

/* Of route_limits.hedge, as the table numbers its words. */
#define HEDGE_OFF ((usec)0)
#define HEDGE_P95 ((usec)-1)

struct route_limits {
	usec first_token;     /* before it: the next target is tried; 30 s */
	usec idle;            /* longest gap between meaningful events; 30 s */
	usec answer;          /* a unary answer; 5 min */
	usec total;           /* 10 min unary */
	usec total_stream;    /* 60 min */
	unsigned same_target; /* retries on the same target; 1 */
	unsigned attempts;    /* before the first token; max(3, targets) */
	usec max_retry_after; /* longest wait for the last candidate; 5 s */
	usec hedge;           /* HEDGE_OFF, HEDGE_P95, or how long the first may take */
	unsigned hedge_share; /* of 100 requests, so many may have a second; 10 */
};

enum { TARGETS_MOST = 32 }; /* of one route, and tried for one name */

struct route {
	str name;
	struct target *targets; /* usable ones only; at least one */
	unsigned target_count;
	enum strategy strategy;
	enum on_empty on_empty;
	enum on_filter on_filter;
	bool comments; /* our SSE comments */
	bool strict;   /* what cannot cross between formats refuses the request */
	enum resume_mode resume; /* of streams that died after their first token */
	bool tool_hold;          /* calls in streams wait until they are whole */
	bool phi; /* nothing of what is said is kept, and only providers marked for it */
	struct route_limits limits;
};

enum log_bodies { LOG_BODIES_OFF, LOG_BODIES_ERRORS, LOG_BODIES_ALL };

/* What is kept of what is said (`log`). */
struct log_settings {
	enum log_bodies bodies;
	unsigned redact;             /* bits of enum redact_class */
	const char *const *patterns; /* ends with NULL; NULL: none */
	usec keep;                   /* 30 days */
	uint64_t max;                /* bytes on disk; 5 GiB */
};

/* Traffic of one route that another one answers as well, or instead. */
struct trial {
	str name; /* [a-z0-9._-], at most 64 */
	unsigned index;
	str route_name, candidate_name;
	const struct route *route, *candidate; /* the control, and what is tried */
	str share_text, until_text, cost_text; /* as written */
	uint32_t share;   /* of a million exchanges, so many are the candidate's */
	bool is_shadow;   /* they are answered by the control all the same */
	usec until_wall;  /* from then on it is over; 0: never */
	nanousd max_cost; /* of the candidate's part; COST_UNKNOWN: not bounded */
};

enum auth_mode { AUTH_MODE_KEYS, AUTH_MODE_OPEN };
enum unknown_price { UNKNOWN_PRICE_ALLOW, UNKNOWN_PRICE_DENY };
enum ledger_mode { LEDGER_STRICT, LEDGER_BEST_EFFORT };

/* A file that was read, and will be on reload. */
struct config_file {
	struct config_file *next;
	const char *path;
};

enum { OTLP_VALUE_MOST = 512 }; /* bytes of an attribute that are sent */

/* Where traces go; endpoint empty: nowhere. */
struct otlp_settings {
	str endpoint; /* as written, and taken apart: */
	bool tls, allow_private;
	str host, authority, path;
	uint16_t port;
	const char *ca_file;   /* NULL: the machine's roots */
	uint8_t ca_sum[32];    /* of what it holds: file_sum */
	struct secret headers; /* whole lines of a request's head */
	str service;           /* service.name */
	str attributes;        /* others of the resource: name=value,... percent-encoded,
	                        * each name once */
	unsigned sample;       /* of 100 traces */
	uint64_t queue;        /* bytes of rows that wait */
	usec timeout;          /* of one request */
};

struct metrics_settings {
	unsigned series; /* of one metric */
	bool keys;       /* also by virtual key */
};

struct found;

struct config {
	_Atomic unsigned refs;
	struct arena arena;
	struct secret_room room; /* where its credentials lie */
	str file;                /* its path; empty: none, the defaults */
	struct net_addr *listen;
	unsigned listen_count;
	struct net_addr admin; /* len 0: off */
	bool admin_is_written; /* else it is where it usually is, if that is free */
	bool insecure_admin;   /* it may listen beyond loopback without TLS */
	str data;              /* a directory */
	enum auth_mode auth;
	bool insecure_open; /* open mode may listen beyond loopback */
	unsigned workers;
	const char *tls_cert, *tls_key; /* NULL: plain */
	const char *key_file; /* `secrets`: of master keys; NULL: the usual place */
	struct config_file *key_files; /* `key: {file: ...}` and the like, all */
	bool sandbox;
	struct http_limits limits;
	uint64_t upload_limit; /* bytes of a multipart body; 512 MiB */
	uint64_t memory;       /* for retained bodies and delivered text; 512 MiB */
	enum ledger_mode ledger;
	usec ledger_keep;                 /* 0: for ever */
	uint64_t ledger_max;              /* 0: no bound */
	enum unknown_price unknown_price; /* of a target: is it used? */
	struct price_rules prices;
	usec drain;     /* 120 s */
	str timezone;   /* of budgets: "UTC", "Europe/Berlin" */
	str access_log; /* path, "stdout" or "off" */
	struct metrics_settings metrics;
	struct otlp_settings otlp;
	struct log_settings log;
	struct provider *providers;
	unsigned provider_count;
	struct route *routes; /* sorted by name */
	unsigned route_count;
	unsigned target_count; /* of all routes: the highest number */
	struct trial *trials;  /* sorted by the name of their route: one for each */
	unsigned trial_count;
	bool has_phi;      /* a route has phi on */
	bool has_affinity; /* a route has a strategy that keeps conversations together */
	struct route_limits defaults; /* for targets named directly */
	const struct found *found;    /* policy/found.h; the gateway's, NULL elsewhere */
	struct catalog *catalog; /* of $data/catalog; NULL: the program's own facts */
};

/* The provider of the catalogue whose name is most like that one; empty: none is near. */
str config_nearest_provider(str name);
/* Does this system know that time zone? */
bool config_knows_zone(str zone);
struct config *config_ref(struct config *c);
void config_unref(struct config **c);

/* One finding of a reading. */
struct config_note {
	bool is_error;
	unsigned line, column; /* from 1; 0: the file as a whole */
	const char *code;      /* "E104" */
	str text;              /* "unknown key \"tiemout\"" */
	str hint;              /* "did you mean \"timeout\"?", or empty */
	str source;      /* the line as it stands (a part of a long one), or empty */
	unsigned indent; /* columns of source before the first to underline */
	unsigned width;  /* columns to underline */
};

struct config_notes {
	struct arena *arena; /* texts are kept here */
	struct config_note *list;
	unsigned count, errors, warnings;
};

/* For reading: where ${NAME} comes from (NULL: getenv). */
typedef const char *config_env_fn(void *arg, const char *name);
struct config_source {
	str path; /* for messages, and as the base of relative paths */
	str text;
	config_env_fn *env;
	void *env_arg;
	str mock_host; /* where a provider `mock` without url is; empty: config_mock_host
	                */
	str listen;    /* --listen: instead of the file's; empty: none */
	str data;      /* --data: instead of the file's; empty: none */
	bool insecure_open; /* --insecure-open: as if the file said so */
	bool no_detect;     /* --no-detect: without a file, mock alone */
	/* For commands that ask no provider: what `providers` and `telemetry` name of the
	 * environment, and files, may be the gateway's alone. Such a provider is as if it
	 * were ready, `missing` says what it lacks, and keys may be absent. */
	bool lenient;
};

/* Reads and checks all of it, all errors in one run.  NULL when there are errors; notes
 * are filled either way. */
struct config *config_read(const struct config_source *source,
                           struct config_notes *notes);
/* The same with the text of source->path; source->text is ignored. */
struct config *config_load(const struct config_source *source,
                           struct config_notes *notes);
struct config *config_read_file(const char *path, struct config_notes *notes);
/* Where its data is, also when other parts of the file are wrong or their variables are
 * not set; for commands that talk to a running gateway.  Without a path: as without a
 * file.  False: see notes. */
bool config_find_data(const struct config_source *source, struct buf *ret,
                      struct config_notes *notes);
/* The same of `secrets.key_file`; empty: none is written. */
bool config_find_key_file(const struct config_source *source, struct buf *ret,
                          struct config_notes *notes);
/* What runs without a file: loopback, open, providers whose unambiguous variables are
 * set, and mock at mock_host ("unix:@...").  found: one line of text for each variable
 * found, enabled or not, for the greeting. The data is in $SLUICE_DATA, or
 * ~/.local/state/sluice. */
struct config *config_defaults(str mock_host, config_env_fn *env, void *env_arg,
                               struct buf *found, struct config_notes *notes);
/* The same with the other members of a source; path and text are ignored. */
struct config *config_builtin(const struct config_source *source, struct buf *found,
                              struct config_notes *notes);
/* The abstract socket of this process's mock: "unix:@sluice-mock-PID". */
str config_mock_host(void);
/* The notes as people read them, with file:line:column, most important first, at most 20.
 */
void config_notes_print(const struct config_notes *notes, str path, struct buf *to);
/* The first `most` errors in a line, with where they stand; without the file's text. */
void config_notes_brief(const struct config_notes *notes, unsigned most, struct buf *to);
/* Is a file that cannot be read among the errors? */
bool config_notes_miss_file(const struct config_notes *notes);
void config_notes_json(const struct config_notes *notes, str path, struct buf *to);
/* JSON Schema and docs/config.md, from the same table as the parser. */
void config_schema_write(struct buf *to);
void config_docs_write(struct buf *to);

/* What a provider may be called: letters, digits, '.', '_' and '-', at most 64. */
bool provider_name_is_good(str name);
const struct provider *config_find_provider(const struct config *c, str name);
const struct route *config_find_route(const struct config *c, str name);
/* The trial of the route; NULL: there is none. */
const struct trial *config_trial_of(const struct config *c, str route);
