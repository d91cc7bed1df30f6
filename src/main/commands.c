/* commands.c - the table of commands: one row is all that the program, its help and
 * docs/cli.md know of a command. The first one is the default. */
#include "main/help.h"

static int help_command(struct command *c)
{
	const struct command_row *row;
	str near;

	if (c->argc == 0)
		return help_program(stdout, c->rows);
	row = command_find(c->rows, str_from_z(c->argv[0]), &near);
	return row ? help_command_row(stdout, row) : command_unknown(c->argv[0], near);
}

static int docs_command(struct command *c)
{
	return help_docs(stdout, c->rows);
}

static const struct command_option serve_options[] = {
	{ "listen", 'l', "ADDR", "listen there instead of where the configuration says" },
	{ "insecure-open", 0, NULL, "let `auth: open` listen beyond loopback" },
	{ "no-detect", 0, NULL,
	  "without a configuration, do not look for keys in the environment" },
	{ 0 },
};
static const struct command_option mock_options[] = {
	{ "listen", 'l', "ADDR", "where (127.0.0.1:9000)" },
	{ "name", 0, "NAME", "which x-mock-fault: FAULT@NAME means" },
	{ "any-model", 0, NULL, "answer models it does not know, as lorem does" },
	{ "bill", 0, "FILE",
	  "append a JSON line for each request: what it used and cost" },
	{ 0 },
};
static const struct command_option check_options[] = {
	{ "strict", 0, NULL, "warnings are errors" },
	{ 0 },
};
/* What keys, teams, organisations and users have in common. */
#define TENANT_OPTIONS                                                                   \
	{ "rpm", 0, "N",                                                                 \
	  "requests in any minute; `none` takes a limit away, here and "                 \
	  "below" },                                                                     \
	        { "tpm", 0, "N", "tokens in any minute" },                               \
	        { "concurrent", 0, "N", "requests at a time" },                          \
	        { "budget", 'b', "USD/WINDOW",                                           \
		  "50/hour, /day, /week, /month or /total; several hold at once" },      \
	        { "no-budget", 0, NULL, "limit: without any budget" },                   \
	        { "models", 'm', "A,B*",                                                 \
		  "only these models or routes; `*` stands for anything, "               \
		  "`all` for no limit" },                                                \
	        { "routes", 0, "A,B*", "only these routes" },                            \
	        { "providers", 0, "A,B*", "only these providers" },                      \
	        { "regions", 0, "A,B*", "only providers of these regions" },             \
	        { "expires", 0, "WHEN", "30d, 2026-12-31 or a time; `none`: never" },    \
	        { "soft", 0, NULL,                                                       \
		  "budgets reserve what is likely, not what is possible" },              \
	        { "no-soft", 0, NULL, "limit: the opposite" },                           \
	        { "on-exhausted", 0, "WHAT",                                             \
		  "finish, stop or error, when a stream has used up its budget" },       \
	        { "on-budget", 0, "WHAT",                                                \
		  "refuse, or downgrade:ROUTE, once a budget is spent" },                \
	        { "phi", 0, NULL,                                                        \
		  "keep nothing of what is said; only providers marked for it" },        \
	        { "no-phi", 0, NULL, "limit: the opposite" },                            \
	        { "tag", 't', "NAME=VALUE", "stands on every record; may be repeated" }, \
	        { "metadata", 0, "JSON", "an object, kept as it is" },                   \
	        { "cut", 0, NULL, "revoke: end what is under way as well" },             \
	{                                                                                \
		"active", 0, NULL, "list: without those that are revoked or expired"     \
	}
#define EACH_USER_OPTIONS                                                                \
	{ "user-rpm", 0, "N", "for each user that its requests name" },                  \
	{                                                                                \
		"user-budget", 0, "USD/WINDOW", "the same"                               \
	}
static const struct command_option keys_options[] = {
	{ "name", 'n', "NAME", "create: what it is called" },
	{ "team", 0, "TEAM", "create, list: the team it belongs to" },
	TENANT_OPTIONS,
	EACH_USER_OPTIONS,
	{ "grace", 0, "SPAN", "rotate: how long the old secret is good as well (24h)" },
	{ 0 },
};
static const struct command_option teams_options[] = {
	{ "name", 'n', "NAME", "create: what it is called" },
	{ "organisation", 0, "NAME", "create, list: the organisation it belongs to" },
	TENANT_OPTIONS,
	EACH_USER_OPTIONS,
	{ 0 },
};
static const struct command_option organisations_options[] = {
	{ "name", 'n', "NAME", "create: what it is called" },
	TENANT_OPTIONS,
	EACH_USER_OPTIONS,
	{ 0 },
};
static const struct command_option users_options[] = {
	{ "name", 'n', "NAME", "create: as requests name the user" },
	{ "of", 0, "ID|NAME",
	  "create, list: the key, team or organisation it is a user of" },
	TENANT_OPTIONS,
	{ 0 },
};
static const struct command_option tokens_options[] = {
	{ "name", 'n', "NAME", "create: what the token is called" },
	{ "scope", 0, "SCOPES", "create: read, keys, config, all; several with commas" },
	{ "expires", 0, "TIME", "create: 90d, or 2027-01-01T00:00:00Z" },
	{ 0 },
};
static const struct command_option audit_options[] = {
	{ "lines", 'n', "N", "list: the last N entries (20)" },
	{ "since", 0, "TIME", "export: from then on; 30d, or 2026-11-01T00:00:00Z" },
	{ "until", 0, "TIME", "export: up to then" },
	{ "expect", 0, "HEAD", "verify: a head that was noted, which has to be in it" },
	{ 0 },
};
static const struct command_option tail_options[] = {
	{ "lines", 'n', "N", "begin with the last N requests (10)" },
	{ "follow", 'f', NULL, "go on with new ones until interrupted" },
	{ "errors", 'e', NULL, "only what failed, or was odd" },
	{ "key", 'k', "ID|NAME", "only this key's" },
	{ "model", 'm', "NAME", "only of this model or route" },
	{ 0 },
};
static const struct command_option cost_options[] = {
	{ "by", 'b', "WHAT,...",
	  "team, key, user, provider, model, route, operation, tag, tag:NAME, client, "
	  "trial, and one of hour, day, month" },
	{ "since", 0, "TIME", "7d, 24h, today, 2026-11-01, ... (30d)" },
	{ "until", 0, "TIME", "the same (now)" },
	{ "key", 'k', "ID|NAME", "only this key" },
	{ "team", 0, "ID|NAME", "only this team" },
	{ "user", 0, "NAME", "only this user" },
	{ "provider", 0, "NAME", "only this provider" },
	{ "model", 'm', "NAME", "only this model" },
	{ "route", 'r', "NAME", "only this route" },
	{ "client", 0, "NAME", "only this client program" },
	{ "csv", 0, NULL, "all sums, as CSV" },
	{ "verify", 0, NULL, "add all attempts up again and compare" },
	{ "dry-run", 0, NULL, "reprice: only say what would change" },
	{ 0 },
};
static const struct command_option report_options[] = {
	{ "month", 0, "MONTH", "2026-11 (this one)" },
	{ "format", 'f', "FORMAT", "md, csv, json or html (md)" },
	{ 0 },
};
static const struct command_option export_options[] = {
	{ "format", 'f', "FORMAT", "csv, jsonl or focus (csv)" },
	{ "since", 0, "TIME", "7d, today, 2026-11-01, ... (from the beginning)" },
	{ "until", 0, "TIME", "the same (to the end)" },
	{ 0 },
};
static const struct command_option reconcile_options[] = {
	{ "provider", 'p', "NAME", "the provider whose file it is (all of them)" },
	{ "tolerance", 0, "PERCENT", "what may be different (0.5%)" },
	{ "all", 'a', NULL, "list also what is the same" },
	{ 0 },
};
static const struct command_option models_options[] = {
	{ "price", 'p', NULL, "show prices in USD per million tokens" },
	{ "provider", 0, "NAME", "only models of this provider" },
	{ "dry-run", 0, NULL, "update: show what would change, and change nothing" },
	{ 0 },
};
static const struct command_option providers_options[] = {
	{ "stdin", 0, NULL, "add: read the key from standard input (the default)" },
	{ "from-env", 0, "VAR", "add: the key is in this variable" },
	{ "replace", 0, NULL, "add: instead of the provider's other keys" },
	{ "url", 0, "URL", "add: where a provider is that the catalogue does not know" },
	{ "format", 0, "FORMAT", "add: and what it speaks" },
	{ 0 },
};
static const struct command_option secrets_options[] = {
	{ "forget-old", 0, NULL, "rotate: take the old master keys out of the file" },
	{ 0 },
};
static const struct command_option translate_options[] = {
	{ "from", 0, "FORMAT", "what the input is" },
	{ "to", 0, "FORMAT", "what it becomes" },
	{ "answer", 0, NULL,
	  "the input is a provider's answer (else a client's request)" },
	{ "stream", 0, NULL, "the answer is a stream; the request asks for one" },
	{ "array", 0, NULL, "to gemini: the stream as one JSON array" },
	{ "model", 'm', "MODEL", "what the model is called in the output (model)" },
	{ "provider", 0, "NAME", "whose dialect of openai-chat is written" },
	{ 0 },
};
static const struct command_option show_options[] = {
	{ "body", 0, NULL, "what was said, if it was kept" },
	{ 0 },
};
static const struct command_option forget_options[] = {
	{ "user", 'u', "NAME", "whom: as requests name the user" },
	{ "key", 'k', "ID", "only what was asked with this key" },
	{ "before", 0, "DAY", "only what is older, in UTC" },
	{ 0 },
};
static const struct command_option trial_options[] = {
	{ "since", 0, "DAY", "report: only requests since then" },
	{ 0 },
};
static const struct command_option drill_options[] = {
	{ "route", 'r', "NAME", "this route alone" },
	{ "fault", 0, "NAME", "this fault alone; \"list\" names them" },
	{ "format", 0, "FORMAT", "what the client speaks (openai-chat)" },
	{ "jobs", 'j', "N", "cases at once (8)" },
	{ 0 },
};
static const struct command_option explain_options[] = {
	{ "key", 'k', "KEY",
	  "an id or a name: what this virtual key may not use is named" },
	{ 0 },
};
static const struct command_option try_options[] = {
	{ "model", 'm', "MODEL",
	  "a route, provider/model or model (the first route, else mock/echo)" },
	{ "stream", 0, NULL, "stream the answer (the default on a terminal)" },
	{ "no-stream", 0, NULL, "take the answer as a whole" },
	{ "key", 'k', "KEY", "the virtual key ($SLUICE_KEY)" },
	{ 0 },
};

/* clang-format off */
const struct command_row command_rows[] = {
	{ "serve", "", "run the gateway (the default)",
	  "Runs until it is told to stop: the first Ctrl-C (SIGINT, SIGTERM) lets running\n"
	  "requests end, the second one stops at once. SIGHUP reads the configuration\n"
	  "again. Without a configuration it serves loopback only, with the built-in\n"
	  "provider `mock` and those whose keys are in the environment.",
	  serve_command, serve_options, 0, false },
	{ "check", "[FILE]", "check a configuration",
	  "Reads FILE (or that of -c, or sluice.yaml) and tells everything that is wrong\n"
	  "with it. Exits with 3 when there are errors.",
	  check_command, check_options, 1, false },
	{ "reload", "", "have the running gateway read its configuration again",
	  "The gateway reads the file it was started with, in the environment it was started\n"
	  "with, and the command waits for what comes of it: with errors nothing is changed,\n"
	  "and it exits with 1; what needs a restart is named. -c or --data say where the\n"
	  "gateway is. SIGHUP does the same without an answer.",
	  reload_command, NULL, 0, false },
	{ "config", "schema|docs|errors|formats|telemetry",
	  "print the JSON Schema or the documentation of sluice.yaml, all errors, what "
	  "crosses between formats, or metrics and traces", NULL,
	  config_command, NULL, 1, false },
	{ "keys", "create|list|show|limit|rotate|revoke [NAME|ID]",
	  "make and manage virtual keys",
	  "`create NAME` prints the new key, once: only a hash of it is kept. `limit ID`\n"
	  "sets what is given and leaves the rest; a key is named by its id, or by its name\n"
	  "where only one has it. `rotate ID` prints a new secret; the old one is good for\n"
	  "the time of --grace. `revoke ID` takes effect with the next request. A running\n"
	  "gateway is told; without one the ledger is changed directly.",
	  keys_command, keys_options, 2, false },
	{ "teams", "create|list|show|limit|revoke [NAME|ID]", "make and manage teams",
	  "What a key may do is bounded by its own limits and by those of its team: limits\n"
	  "of a team are shared by all its keys. A team that is revoked or has expired\n"
	  "stops its keys with it.",
	  teams_command, teams_options, 2, false },
	{ "organisations", "create|list|show|limit|revoke [NAME|ID]",
	  "make and manage organisations",
	  "The roots: what an organisation may do bounds all its teams and keys, and its\n"
	  "limits are shared by all of them. `default` is always there.",
	  organisations_command, organisations_options, 2, false },
	{ "users", "create|list|show|limit|revoke [NAME|ID]",
	  "limits of a user's own",
	  "Who is named by requests of a key is bounded by its --user-rpm and --user-budget;\n"
	  "a user that is made here (`create NAME --of KEY`) has limits of its own instead.\n"
	  "What is stored of a person goes with `sluice forget`.",
	  users_command, users_options, 2, false },
	{ "tokens", "create|list|revoke [ID]", "who may use the admin API",
	  "`create --name NAME --scope read` prints a token, once: only a hash of it is kept.\n"
	  "`read` looks at everything but secrets, `keys` changes keys and teams, `config`\n"
	  "reloads, ends trials and replaces prices, which budgets count with, `all` does\n"
	  "everything. The first one is printed when a gateway starts for the first time.",
	  tokens_command, tokens_options, 2, false },
	{ "audit", "list|verify|export", "who has changed what",
	  "Every change of keys, tokens and configuration is an entry in a chain of hashes;\n"
	  "so is every look at what is secret. `verify` finds entries that were changed, moved\n"
	  "or taken away, and prints the head of the chain: noted elsewhere, it proves later\n"
	  "(--expect) that nothing was rolled back. `export` writes a period and the policies in\n"
	  "force as JSON lines. docs/admin-api.md says more.",
	  audit_command, audit_options, 1, false },
	{ "admin", "routes|openapi|docs", "what the admin API has",
	  "All routes of the program with who may use them, the OpenAPI document, or\n"
	  "docs/admin-api.md.",
	  admin_command, NULL, 1, false },
	{ "models", "[PATTERN] | update FILE|URL",
	  "list the models of the catalogue, or update it",
	  "PATTERN is a part of provider/model; `*` stands for anything.\n"
	  "`update` reads prices, limits and features in the shape of\n"
	  "https://models.dev/api.json, shows what they change, and keeps them in the data\n"
	  "directory. The providers it names have the models it names; the others stay as\n"
	  "they are. A file with anything wrong in it changes nothing. A running gateway is\n"
	  "told. Nothing is ever fetched unless this command is given a URL.",
	  models_command, models_options, 2, false },
	{ "providers", "[add NAME [@FILE] | remove NAME [ID] | keys]",
	  "list providers, and keep their keys in the encrypted store",
	  "`add` puts a key into the store: from standard input (not shown on a terminal),\n"
	  "--from-env or @FILE, never from the command line, which others can read. It is in\n"
	  "force at once where a gateway runs. `remove` takes one key or all of a provider\n"
	  "out; `keys` lists them, with their last four characters.\n"
	  "Without an operand: configured providers and the catalogue. With each configured provider: how many events and members it has sent that\n"
	  "its format is not known to have, and the last names among them (a sign that\n"
	  "its API has changed); and the models in its own list that the catalogue does\n"
	  "not know yet.\n"
	  "With a running gateway also how each is doing: what it would answer now, the\n"
	  "share of its last attempts that failed, requests under way, keys out of use.",
	  providers_command, providers_options, 3, false },
	{ "secrets", "[status|rotate]", "what encrypts the store, and a new key for it",
	  "`rotate` makes a new master key and seals everything with it, while the gateway\n"
	  "runs. The old ones stay in the file and still open what they have sealed\n"
	  "(backups, logged bodies), until --forget-old. A `secrets.key_file` or credential\n"
	  "is only read: add a key to it first, as its last line.",
	  secrets_command, secrets_options, 1, false },
	{ "explain", "MODEL", "show where a request would go, and why",
	  "MODEL is what a client would write: a route, provider/model or a model. Nothing\n"
	  "is sent. A running gateway is asked, which knows how its providers are doing:\n"
	  "candidates in the order in which they would be tried (for a streamed request of\n"
	  "4 KB), each with the reason, its health, speed, price and abilities.",
	  explain_command, explain_options, 1, false },
	{ "try", "\"PROMPT\"", "send one prompt through the running gateway", NULL,
	  try_command, try_options, 1, false },
	{ "tail", "", "show the last requests", NULL, tail_command, tail_options, 0,
	  false },
	{ "show", "ID", "show one request with its attempts",
	  "ID is the request's id, as in x-request-id and in `sluice tail`.\n"
	  "With --body what was said, where `log.bodies` has kept it: the request's bytes,\n"
	  "an empty line, and the answer's. Whoever looks is named in the audit log.",
	  show_command, show_options, 1, false },
	{ "cost", "[reprice]", "show what was spent, or price it anew",
	  "Sums of the ledger: requests, attempts, tokens and money, by what --by names, the\n"
	  "most expensive first. A cost that is not known is not in the sums: how many there\n"
	  "are is said; `charged` has what was reserved for them. Sums are those of the\n"
	  "attempts to the nano-dollar; --verify adds these up again.\n"
	  "`cost reprice --since TIME` prices attempts by today's configuration (of the running\n"
	  "gateway, when there is one) and writes an entry that corrects each one whose cost\n"
	  "differs; --until, --provider and --model choose, --dry-run writes nothing.",
	  cost_command, cost_options, 1, false },
	{ "report", "", "a month as a document",
	  "Usage and cost by day, team, key, user, model, route, client and tags. CSV is one\n"
	  "table of all of them together, for spreadsheets.",
	  report_command, report_options, 0, false },
	{ "export", "", "write attempts for other programs",
	  "A line for each attempt: csv (a table), jsonl (the objects of `sluice show --json`)\n"
	  "or focus (FOCUS 1.2: a line for each class of what was used; amounts add up to the\n"
	  "cost to the nano-dollar).",
	  export_command, export_options, 0, false },
	{ "reconcile", "FILE", "compare with a provider's own usage export",
	  "FILE is CSV with a day, a model, and tokens or an amount, as OpenAI and Anthropic\n"
	  "export it. Lists the days (of UTC) and models that differ, or that only one side\n"
	  "has; exits with 1 when there are such.",
	  reconcile_command, reconcile_options, 1, false },
	{ "forget", "--user NAME", "erase what is stored of a person",
	  "Erases what was said (`log.bodies`), overwrites the name in the ledger and its\n"
	  "sums with a tombstone, and the address, the agent and providers' words with\n"
	  "nothing; money and counts stay. Deleted bytes are overwritten, also in the\n"
	  "database's free space and log. See docs/content.md for what it cannot reach.",
	  forget_command, forget_options, 0, false },
	{ "trial", "list|report|stop [NAME]", "compare two routes on real traffic",
	  "Trials are written in the configuration (`trials:`, docs/trial.md).\n"
	  "`report NAME` compares control and candidate by what the ledger has of them, each\n"
	  "figure with a confidence interval, and says where the difference is not\n"
	  "significant. `stop NAME` ends a trial for good; clients get what the route gives\n"
	  "without it.",
	  trial_command, trial_options, 2, false },
	{ "drill", "", "break each provider on purpose and see what users would have seen",
	  "Puts the built-in mock in place of every provider of the configuration, starts a\n"
	  "gateway of its own for each case, breaks one target of a route in one way, and\n"
	  "tells what a client got: rescued (the same answer as from healthy providers), an\n"
	  "honest error, or lost. Nothing leaves this machine and no key is used. Exits with\n"
	  "1 when anything is lost, or a route does not answer even when nothing is wrong.",
	  drill_command, drill_options, 0, false },
	{ "translate", "--from FORMAT --to FORMAT < BODY",
	  "turn a request or an answer into another format",
	  "Reads standard input and writes what a provider (or, with --answer, a client) of\n"
	  "the other format would get. What is lost is named on stderr. Formats: openai-chat,\n"
	  "openai-responses, anthropic, gemini, bedrock, cohere.",
	  translate_command, translate_options, 0, false },
	{ "mock", "", "run a stand-alone provider for tests and demos",
	  "Speaks every format that the gateway does (OpenAI's two, Anthropic's, Gemini's,\n"
	  "Bedrock's, Cohere's), each at its own path, and has the models of the built-in\n"
	  "`mock`.",
	  mock_command, mock_options, 0, false },
	{ "version", "", "print the version", NULL, command_version, NULL, 0, false },
	{ "help", "[COMMAND]", "explain a command", NULL, help_command, NULL, 1, false },
	{ "cli-docs", "", "print docs/cli.md", NULL, docs_command, NULL, 0, true },
	{ 0 },
};
/* clang-format on */
