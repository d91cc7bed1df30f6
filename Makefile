# The words never change: make, make release, make check, make recordings, make enum, make money, make weeks, make asan, make tsan, make
# fuzz, make tidy, make floors, make bench, make drill-bench, make night, make agents, make pairs, make run.
# What they do stands in meson.build, tests/ and tools/.
BUILD ?= build
DEV   ?= build-dev
JOBS  ?= $(shell nproc)
CC    ?= cc
E2E   ?= tests/e2e/run
MESON  = tools/configure

.PHONY: all release dev unit recordings enum money weeks check e2e asan asan-build tsan tsan-build fuzz fuzz-build tidy tidy-soon \
	floors format bench drill-bench night agents pairs run docs clean

all:
	@$(MESON) $(BUILD) -Db_lto=true
	@ninja --quiet -C $(BUILD) -j $(JOBS) sluice

# As one installs it: a sixth faster, and three times as long to build (tools/release).
RELEASE ?= build-release
release:
	@tools/release $(BUILD) $(RELEASE)

# What is not the program itself is linked without link-time optimization: seven programs of
# the same sources would spend minutes on it.
PROGRAMS = tests/unit tests/sim tests/translate_many tests/enum tests/price_many tests/weeks
dev:
	@$(MESON) $(DEV) -Doptimization=1 -Dc_args=-g1
	@ninja --quiet -C $(DEV) -j $(JOBS) $(PROGRAMS)

unit: dev
	@$(DEV)/tests/unit
	@$(DEV)/tests/sim

# Bodies through all formats: our own files, and recorded traffic where there is some.
recordings: dev
	@TRANSLATE_MANY=$(DEV)/tests/translate_many tests/golden/run
	@TRANSLATE_MANY=$(DEV)/tests/translate_many tests/recordings/run

# Streams broken at every event and continued in every manner, on the simulated machine.
enum: dev
	@ENUM=$(DEV)/tests/enum tests/enum/run

# What things cost, against exact fractions, and two weeks of traffic against the providers' bills.
money: all dev
	@PRICE_MANY=$(DEV)/tests/price_many tests/prices/run
	@SLUICE=$(BUILD)/sluice WEEKS=$(DEV)/tests/weeks tests/weeks/run --few

# The same weeks with all their traffic: half a minute.
weeks: all dev
	@SLUICE=$(BUILD)/sluice WEEKS=$(DEV)/tests/weeks tests/weeks/run

e2e: all dev
	@SLUICE=$(BUILD)/sluice ENUM=$(DEV)/tests/enum $(E2E)

check: unit recordings enum money e2e

# The same tests with AddressSanitizer and UndefinedBehaviorSanitizer.  Other people's SDKs send
# and read what `formats` and `pairs` do; most of their time is their own.  The matrix of
# routes and roles and the drill repeat one way a thousand times.
MEMORY = $(filter-out sdk sdks drill admin_matrix,$(patsubst tests/e2e/%_test.py,%,$(wildcard tests/e2e/*_test.py)))
asan-build:
	@$(MESON) build-asan -Doptimization=g -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-g1
	@ninja -C build-asan -j $(JOBS) sluice $(PROGRAMS)

asan: asan-build
	@tools/sanitized build-asan/tests/unit
	@tools/sanitized build-asan/tests/sim
	@ENUM=build-asan/tests/enum tools/sanitized tests/enum/run --few --every 4
	@PRICE_MANY=build-asan/tests/price_many tools/sanitized tests/prices/run --seed 1
	@SLUICE=build-asan/sluice WEEKS=build-asan/tests/weeks tools/sanitized tests/weeks/run --few
	@TRANSLATE_MANY=build-asan/tests/translate_many tools/sanitized tests/golden/run --few
	@TRANSLATE_MANY=build-asan/tests/translate_many tools/sanitized tests/recordings/run --few
	@SLUICE=build-asan/sluice tools/sanitized $(E2E) --few $(MEMORY)

# Threads only meet end to end and in a few unit tests; what translates and what reads bytes is
# one worker's business alone, and ASan's.
THREADED = admin admin_store auth bodies budgets crash failover forget hedge keys leaks ledger limits \
	misfortune money nodes phi reload resume routing secrets self telemetry trial upstream
SHARED = unit/loop store/journal meter/recorder policy/breaker policy/health policy/histogram \
	policy/keyring policy/pins policy/tenant_test policy/trial policy/window
tsan-build:
	@$(MESON) build-tsan -Doptimization=g -Db_sanitize=thread -Db_lundef=false -Dc_args=-g1
	@ninja -C build-tsan -j $(JOBS) sluice tests/unit

tsan: tsan-build
	@tools/sanitized build-tsan/tests/unit $(SHARED)
	@SLUICE=build-tsan/sluice tools/sanitized $(E2E) --few $(THREADED)

fuzz-build:
	@CC=clang-14 $(MESON) build-fuzz -Dfuzz=true -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-g1
	@ninja -C build-fuzz -j $(JOBS) fuzz/all

fuzz: fuzz-build
	@JOBS=$(JOBS) tools/fuzz build-fuzz $(or $(SECONDS),20)

tidy:
	@CC=clang-14 $(MESON) build-clang
	@JOBS=$(JOBS) tools/tidy build-clang $(NODES)

# The same with an analyzer that gives up sooner: a small part of the time.
tidy-soon:
	@$(MAKE) --no-print-directory tidy NODES=2000

floors:
	@tools/floors

format:
	@git ls-files -co --exclude-standard 'src/*.[ch]' 'tests/*.[ch]' 'fuzz/*.[ch]' | xargs clang-format-14 -i

bench: all
	@ninja -C $(BUILD) -j $(JOBS) bench/bench_upstream bench/bench_load tests/bench_translate \
		tests/bench_recorder tests/bench_reports
	@tools/release $(BUILD) $(RELEASE)
	@bench/run --write --sluice $(RELEASE)/sluice

# What failures cost, with providers that fail in every way: half a minute.
drill-bench: all
	@ninja -C $(BUILD) -j $(JOBS) bench/bench_drill
	@bench/drill --build $(BUILD) $(if $(WRITE),--write)

# The long enumerations: every offset, a thousand kills, an hour of fuzzing in all.
night: check
	@ENUM=$(DEV)/tests/enum tests/enum/run --night --table
	@PRICE_MANY=$(DEV)/tests/price_many tests/prices/run --night
	@$(MAKE) weeks
	@SLUICE=$(BUILD)/sluice ENUM=$(DEV)/tests/enum $(E2E) --night
	@$(MAKE) fuzz SECONDS=300
	@JOBS=$(JOBS) tools/reproducible -Db_lto=true

# Coding agents against every provider format; 1.6 GB from npm, so no part of the tests.
agents: all
	@SLUICE=$(BUILD)/sluice tests/agents/agents.py

# Every client's format against every provider's, as a table.
pairs: all
	@SLUICE=$(BUILD)/sluice E2E_TABLE=/dev/stdout $(E2E) formats pairs | grep -v '^ok '

run: all
	@$(BUILD)/sluice

docs: all
	@tools/docs $(BUILD)/sluice

clean:
	@rm -rf build build-dev build-release build-asan build-tsan build-fuzz build-clang
