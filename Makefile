# The words never change: make, make release, make check, make recordings, make enum, make money, make weeks, make asan, make tsan, make
# fuzz, make tidy, make floors, make bench, make drill-bench, make night, make agents, make pairs, make run.
# What they do stands in meson.build, tests/ and tools/.
BUILD ?= build
JOBS  ?= $(shell nproc)
CC    ?= cc
E2E   ?= tests/e2e/run
MESON  = tools/configure

.PHONY: all configure release programs unit recordings enum money weeks check e2e asan asan-build asan-soon tsan tsan-build \
	tsan-soon fuzz fuzz-build tidy tidy-soon floors format bench drill-bench night agents pairs run docs clean

all: configure
	@ninja --quiet -C $(BUILD) -j $(JOBS) sluice

configure:
	@$(MESON) $(BUILD) -Db_lto=false -Doptimization=2 -Dc_args=-g1

# As one installs it: faster, and some three times as long to build (tools/release).
RELEASE ?= build-release
release:
	@tools/release $(BUILD) $(RELEASE)

PROGRAMS = tests/unit tests/sim tests/translate_many tests/enum tests/price_many tests/weeks
programs: configure
	@ninja --quiet -C $(BUILD) -j $(JOBS) sluice $(PROGRAMS)

unit: programs
	@$(BUILD)/tests/unit
	@$(BUILD)/tests/sim

# Bodies through all formats: our own files, and recorded traffic where there is some.
recordings: programs
	@TRANSLATE_MANY=$(BUILD)/tests/translate_many tests/golden/run
	@TRANSLATE_MANY=$(BUILD)/tests/translate_many tests/recordings/run

# Streams broken at every event and continued in every manner, on the simulated machine.
enum: programs
	@ENUM=$(BUILD)/tests/enum tests/enum/run

# What things cost, against exact fractions, and two weeks of traffic against the providers' bills.
money: programs
	@PRICE_MANY=$(BUILD)/tests/price_many tests/prices/run
	@SLUICE=$(BUILD)/sluice WEEKS=$(BUILD)/tests/weeks tests/weeks/run --few

# The same weeks with all their traffic: half a minute.
weeks: programs
	@SLUICE=$(BUILD)/sluice WEEKS=$(BUILD)/tests/weeks tests/weeks/run

e2e: programs
	@SLUICE=$(BUILD)/sluice ENUM=$(BUILD)/tests/enum $(E2E)

check: unit recordings enum money e2e

# The same tests with AddressSanitizer and UndefinedBehaviorSanitizer.  Other people's SDKs send
# and read what `formats` and `pairs` do; most of their time is their own.  The matrix of
# routes and roles and the drill repeat one way a thousand times.
MEMORY = $(filter-out sdk sdks drill admin_matrix,$(patsubst tests/e2e/%_test.py,%,$(wildcard tests/e2e/*_test.py)))
asan-build:
	@$(MESON) build-asan -Doptimization=g -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-g1
	@ninja -C build-asan -j $(JOBS) sluice $(PROGRAMS)

# Its parts run side by side: most of them use one core.
ASAN_PARTS = asan-unit asan-sim asan-formats asan-enum asan-money
asan: asan-build
	@$(MAKE) --no-print-directory --output-sync=target -j $(JOBS) $(ASAN_PARTS)
	@SLUICE=build-asan/sluice tools/sanitized $(E2E) --few $(MEMORY)

asan-unit:
	@tools/sanitized build-asan/tests/unit
asan-sim:
	@tools/sanitized build-asan/tests/sim
asan-formats:
	@TRANSLATE_MANY=build-asan/tests/translate_many tools/sanitized tests/golden/run --few
	@TRANSLATE_MANY=build-asan/tests/translate_many tools/sanitized tests/recordings/run --few
asan-enum:
	@ENUM=build-asan/tests/enum tools/sanitized tests/enum/run --few --every 4 --jobs 1
asan-money:
	@PRICE_MANY=build-asan/tests/price_many tools/sanitized tests/prices/run --seed 1
	@SLUICE=build-asan/sluice WEEKS=build-asan/tests/weeks tools/sanitized tests/weeks/run --few

# Behind the tests (./test) the sanitizers look end to end at what reads bytes from outside, and at
# what several threads do; `make asan tsan` at all of it.  Failing over and continuing is ASan's in sim.
BYTES = admin content crash endpoints formats keys pass reload requests same_format self stored unbroken \
	upstream
asan-soon:
	@$(MAKE) --no-print-directory asan MEMORY="$(BYTES)"

# Threads only meet end to end and in a few unit tests (tests/threads); what translates and what
# reads bytes is one worker's business alone, and ASan's.
THREADED = admin admin_store auth bodies budgets crash failover forget hedge keys leaks ledger limits \
	misfortune money nodes phi reload resume routing secrets self telemetry trial upstream
tsan-build:
	@$(MESON) build-tsan -Doptimization=g -Db_sanitize=thread -Db_lundef=false -Dc_args=-g1
	@ninja -C build-tsan -j $(JOBS) sluice tests/threads

tsan: tsan-build
	@tools/sanitized build-tsan/tests/threads
	@SLUICE=build-tsan/sluice tools/sanitized $(E2E) --few $(THREADED)

MEETING = admin_store bodies budgets crash forget keys ledger nodes reload self telemetry trial upstream
tsan-soon:
	@$(MAKE) --no-print-directory tsan THREADED="$(MEETING)"

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

# What is measured by itself is compiled as the program is, but for the counts.
BENCH ?= build-bench
bench:
	@$(MESON) $(BENCH) -Db_lto=true
	@ninja -C $(BENCH) -j $(JOBS) bench/bench_upstream bench/bench_load tests/bench_translate \
		tests/bench_recorder tests/bench_reports
	@tools/release $(BENCH) $(RELEASE)
	@bench/run --write --build $(BENCH) --sluice $(RELEASE)/sluice

# What failures cost, with providers that fail in every way: half a minute.
drill-bench: all
	@ninja -C $(BUILD) -j $(JOBS) bench/bench_drill
	@bench/drill --build $(BUILD) $(if $(WRITE),--write)

# The long enumerations: every offset, a thousand kills, an hour of fuzzing in all; end to end
# with the program as one installs it.
night: check release
	@ENUM=$(BUILD)/tests/enum tests/enum/run --night --table
	@PRICE_MANY=$(BUILD)/tests/price_many tests/prices/run --night
	@$(MAKE) weeks
	@SLUICE=$(RELEASE)/sluice ENUM=$(BUILD)/tests/enum $(E2E) --night
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
	@rm -rf build build-release build-bench build-asan build-tsan build-fuzz build-clang
