# Tests, lint and what is measured outside of them. Included by the Makefile.
.PHONY: test test-plain test-postgresql test-rig browser-tools lint bench fuzz soak

# three at a time on two cores: most of them wait for most of their time; the long ones come first
PROVE := prove -j3 --timer -I tests/lib

API_TESTS = $(sort $(wildcard tests/api/*.t))
BROWSER_TESTS = $(sort $(wildcard tests/browser/*.t))
BROWSER_TOOLS := $(if $(wildcard tests/browser/package.json),tests/browser/node_modules/.installed)
SHAPE_TOOLS := tests/shapes/node_modules/.installed tests/erp/node_modules/.installed

# TEST= runs only these: make test TEST="tests/api/session.t build/plain/unit/decimal_test"
test: packages-test
	@$(MAKE) --no-print-directory -j$(JOBS) c wasm web units $(BROWSER_TOOLS) $(SHAPE_TOOLS)
	@$(MAKE) --no-print-directory $(if $(TEST),test-some,test-all)

.PHONY: test-some test-all
test-some:
	tests/with-postgres $(PROVE) $(TEST)
test-all: test-plain test-postgresql
	@$(MAKE) --no-print-directory VARIANT=asan test-asan
	@$(MAKE) --no-print-directory VARIANT=tsan test-tsan

# everything, with SQLite
test-plain:
	VARIANT=$(VARIANT) DATABASE=sqlite tests/with-postgres $(PROVE) $(BROWSER_TESTS) $(API_TESTS) $(UNITS)

# the tests under tests/api once more, each with a private PostgreSQL cluster; not those that ask no database anything
NO_DATABASE := $(patsubst %,tests/api/%.t,ekey_card ekey_control shapes web web_sentinel)
test-postgresql:
	VARIANT=$(VARIANT) DATABASE=postgresql $(PROVE) $(filter-out $(NO_DATABASE),$(API_TESTS))

# AddressSanitizer and UBSan: unit and API tests, and the main flow in the browser once
.PHONY: test-asan test-tsan
test-asan:
	@$(MAKE) --no-print-directory -j$(JOBS) VARIANT=asan c units
	LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0 VARIANT=asan DATABASE=sqlite $(PROVE) tests/browser/main_flow.t $(API_TESTS) $(UNITS)

# ThreadSanitizer: API tests; not those of what other people's tools say about texts
NO_THREADS := $(patsubst %,tests/api/%.t,ekey_card openapi shapes)
test-tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) VARIANT=tsan c units
	VARIANT=tsan DATABASE=sqlite $(PROVE) $(filter-out $(NO_THREADS),$(API_TESTS))

lint: packages-test
	@platform/lint/run $(JOBS)

FUZZ_SECONDS ?= 120
fuzz: packages-test
	@$(MAKE) --no-print-directory VARIANT=fuzz -j$(JOBS) $(FUZZERS:%=build/fuzz/fuzz/%)
	@tests/fuzz/run '$(FUZZ_SECONDS)' $(FUZZERS:%=build/fuzz/fuzz/%)

# the card that stands in for an electronic key (tests/ekey)
KEY_TOOLS := $(V)/ekey/piv-card
units: $(KEY_TOOLS)
$(V)/ekey/piv-card: $(call objects,$(wildcard tests/ekey/*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

BENCH_TOOLS := $(patsubst tests/bench/%.c,$(V)/bench/%,$(wildcard tests/bench/*.c))
$(V)/bench/%: $(V)/obj/tests/bench/%.o $(call objects,$(UNIT_HELPERS)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)
.PHONY: bench-tools
bench-tools: $(BENCH_TOOLS)

bench soak: build
	@$(MAKE) --no-print-directory bench-tools
	@if [ -x tests/$@/run ]; then platform/packages runtime build test bench && tests/$@/run$(if $(filter bench,$@), && if [ -z "$$BENCH_ONLY" ]; then tests/bench/live && tests/bench/gateway; fi); \
	else echo "tests/$@/run is not there yet"; exit 1; fi
