# One word each:
#   make run      install what is missing, build, start everything in the foreground, load demo data; Ctrl-C stops it
#   make start | stop | status | logs    the same in the background
#   make verify   recomputes every event chain and every recorded root of an instance
#   make build | test | lint | bench | fuzz | soak | install | clean
#
# Settings, on the command line:
#   PORT=8080 VAR=var LISTEN=127.0.0.1   where an instance listens and keeps its data (two differ in both)
#   DATABASE=sqlite | postgresql | postgresql:<conninfo>     "postgresql" alone makes a private cluster in VAR
#   DEMO=1 | 0       demo accounts and data (only ever in VAR)
#   VARIANT=plain | asan | tsan | clang                      build/<VARIANT>/ is what is built, started and tested
#   NO_PACKAGES=1    do not look at installed packages
# What stands where: platform/README.md and tests/README.md.

PORT     ?= 8080
VAR      ?= var
LISTEN   ?= 127.0.0.1
DATABASE ?= sqlite
DEMO     ?= 1
VARIANT  ?= plain
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX   ?= /opt/singlewindow

V := build/$(VARIANT)
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := build

# ---- C -------------------------------------------------------------------------------------------------------

CC := gcc
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
LIBRARIES := fcgi hiredis sqlite3 libpq libxml-2.0 xmlsec1-openssl openssl libcurl libargon2 pangocairo libqrencode minizip xlsxwriter libpcsclite libmicrohttpd

# asked once, and only when something is compiled: before `make packages` there may be no pkg-config
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(LIBRARIES)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(LIBRARIES)))$(PKG_LIBS)

HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2
ifeq ($(VARIANT),plain)
  VARIANT_FLAGS := -O2 $(HARDENING)
else ifeq ($(VARIANT),asan)
  VARIANT_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DSTORE_PLANS
else ifeq ($(VARIANT),tsan)
  VARIANT_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=thread
else ifeq ($(VARIANT),clang)
  CC := clang-14
  VARIANT_FLAGS := -O2
else ifeq ($(VARIANT),fuzz)
  CC := clang-14
  VARIANT_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -DFUZZING
else
  $(error VARIANT is plain, asan, tsan, clang or fuzz, not "$(VARIANT)")
endif

CFLAGS ?= -g
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(VARIANT_FLAGS) $(WARNINGS) -pthread -Ishared $(PKG_CFLAGS)
ALL_LDFLAGS = $(VARIANT_FLAGS) -pthread -Wl,--as-needed -Wl,-z,relro -Wl,-z,now $(LDFLAGS)
ALL_LIBS = $(PKG_LIBS) -lm

LIBRARY_SOURCES := $(wildcard shared/*/*.c)
# modules/ekey and modules/folders are no programs of the suite: they run on an enterprise's own computers
MODULES := $(filter-out ekey folders,$(sort $(patsubst modules/%/,%,$(dir $(wildcard modules/*/*.c)))))
UNIT_TESTS := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c)))
UNIT_HELPERS := $(filter-out %_test.c,$(wildcard tests/unit/*.c))
FUZZERS := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*_fuzz.c)))

LIBRARY  := $(V)/libsinglewindow.a
PROGRAMS := $(MODULES:%=$(V)/bin/singlewindow-%) $(V)/bin/draw-pages $(V)/bin/ekey-control $(V)/bin/folder-client
UNITS    := $(UNIT_TESTS:%=$(V)/unit/%)
objects   = $(patsubst %.c,$(V)/obj/%.o,$(1))

$(V)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $(VARIANT) $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# a library that has lost a source file must not keep its object: the archive is made anew, and the list is a dependency
$(V)/library.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LIBRARY_SOURCES)' | cmp -s - $@ || echo '$(LIBRARY_SOURCES)' > $@

$(LIBRARY): $(call objects,$(LIBRARY_SOURCES)) $(V)/library.list
	@rm -f $@
	@echo "  AR    $@"
	@ar rcs $@ $(filter %.o,$^)

define program
$(V)/bin/singlewindow-$(1): $(call objects,$(wildcard modules/$(1)/*.c)) $(LIBRARY)
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(ALL_LIBS)
endef
$(foreach m,$(MODULES),$(eval $(call program,$(m))))

$(V)/bin/draw-pages: $(call objects,$(wildcard shared/print/program/*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(V)/bin/ekey-control: $(call objects,$(wildcard modules/ekey/*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(V)/bin/folder-client: $(call objects,$(wildcard modules/folders/*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(V)/unit/%: $(V)/obj/tests/unit/%.o $(call objects,$(UNIT_HELPERS)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS) $(UNIT_LIBS)

$(V)/fuzz/%: $(V)/obj/tests/fuzz/%.o $(call objects,$(UNIT_HELPERS)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(ALL_LIBS) $(UNIT_LIBS)
$(V)/fuzz/piv_fuzz: $(call objects,$(addprefix modules/ekey/,card.c piv.c pin.c tlv.c))
$(V)/fuzz/message_fuzz: $(call objects,$(addprefix modules/exchange/,gateway_read.c gateway_sender.c gateway_tree.c))

# libraries that only tests use
UNIT_LIBS = $(eval UNIT_LIBS := $$(shell pkg-config --silence-errors --libs jansson))$(UNIT_LIBS)

-include $(shell find $(V)/obj -name '*.d' 2>/dev/null)

# ---- the evaluator as WebAssembly: the browser runs the same code ----------------------------------------------

WASM_BASE := $(wildcard $(addprefix shared/base/,$(addsuffix .c,arena buffer error decimal json_read json_write json_tree utf8 date xml_text)))
WASM_SOURCES := $(wildcard shared/form/*.c shared/form/wasm/*.c)
WASM := $(if $(wildcard shared/form/wasm/*.c),build/wasm/form.wasm)
WASM_FLAGS := --target=wasm32-wasi -std=gnu17 -O2 -g0 -DNDEBUG -ffunction-sections -fdata-sections $(WARNINGS) -Ishared
wasm_objects := $(patsubst %.c,build/wasm/obj/%.o,$(WASM_SOURCES) $(WASM_BASE))

build/wasm/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    wasm $<"
	@clang-14 $(WASM_FLAGS) -MMD -MP -c $< -o $@

build/wasm/form.wasm: $(wasm_objects)
	@echo "  LINK  $@"
	@clang-14 --target=wasm32-wasi -mexec-model=reactor -O2 -Wl,--gc-sections -Wl,--strip-all -o $@ $^

-include $(shell find build/wasm/obj -name '*.d' 2>/dev/null)

# ---- web -------------------------------------------------------------------------------------------------------

# exactly what the lock files say; npm 9, 10 and 11 take them
NPM_INSTALL := npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
WEB := $(if $(wildcard web/package.json),web/dist/.built)
WEB_SOURCES = $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -name form.wasm 2>/dev/null)

.SECONDEXPANSION:
%/node_modules/.installed: %/package.json $$(wildcard $$*/package-lock.json)
	@echo "  NPM   $*"
	@cd $* && $(NPM_INSTALL)
	@touch $@

web/dist/.built: web/node_modules/.installed $(WEB_SOURCES) $(WASM) $(wildcard schema/forms/*.json)
	@echo "  WEB   web/dist"
	@$(if $(WASM),mkdir -p web/public && cp $(WASM) web/public/form.wasm)
	@cd web && npm run --silent build
	@touch $@

# ---- what one types --------------------------------------------------------------------------------------------

.PHONY: build c wasm web units packages packages-test run start stop restart status verify logs FORCE
FORCE:

packages:
	@$(if $(NO_PACKAGES),true,platform/packages runtime build)
packages-test:
	@$(if $(NO_PACKAGES),true,platform/packages runtime build test)

# in steps, for pkg-config must be there before anything is compiled
build: packages
	@$(MAKE) --no-print-directory -j$(JOBS) c wasm web

c: $(PROGRAMS) $(LIBRARY)
wasm: $(WASM)
web: $(WEB)
units: $(UNITS)

INSTANCE = VARIANT='$(VARIANT)' platform/instance
INSTANCE_OPTIONS = --var '$(VAR)' --port '$(PORT)' --listen '$(LISTEN)' --database '$(DATABASE)' --set 'demo=$(DEMO)' $(SET:%=--set '%')

run: build
	@$(INSTANCE) run $(INSTANCE_OPTIONS)
start: build
	@$(INSTANCE) start $(INSTANCE_OPTIONS)
stop:
	@$(INSTANCE) stop --var '$(VAR)'
restart: stop start
status:
	@$(INSTANCE) status --var '$(VAR)'
verify:
	@$(INSTANCE) verify --var '$(VAR)'
logs:
	@tail -n 20 -F '$(VAR)'/log/*/current

include tests/tests.mk

# ---- install, clean --------------------------------------------------------------------------------------------

.PHONY: install clean distclean
install: build
	platform/install '$(DESTDIR)' '$(PREFIX)' '$(V)'
clean:
	rm -rf build web/dist web/public/form.wasm tests/browser/failures
distclean: clean
	rm -rf web/node_modules tests/browser/node_modules

# for tools that want the flags of a compilation
.PHONY: print-cflags
print-cflags:
	@echo '$(ALL_CFLAGS)'
