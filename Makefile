# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion. `make help` lists the targets.
#
#   MODE=release|asan|tsan|fuzz   where objects go (build/<mode>) and how they
#                                 are compiled; SAN=1 is MODE=asan
#   V=1                           show the commands
#   CC=clang                      another compiler

.DEFAULT_GOAL := all
SHELL := /bin/bash

ifdef SAN
MODE := asan
endif
MODE ?= release
V ?= 0
Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-6s %s\n' $(1) $(2),@:)

B := build/$(MODE)
GEN := build/gen

# ---- flags ---------------------------------------------------------------
WARN := -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual -Wpointer-arith -Wundef -Wvla \
	-Wimplicit-fallthrough -Werror
OPT_release := -O2 -g
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -DDM_TEST_BUILD
OPT_tsan := -O1 -g -fsanitize=thread -DDM_TEST_BUILD
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -DDM_TEST_BUILD
OPT := $(OPT_$(MODE))
ifeq ($(MODE),fuzz)
CC := clang
endif
ifeq ($(MODE),tsan)
# gRPC core and abseil are not instrumented: see the file.
export TSAN_OPTIONS ?= suppressions=$(CURDIR)/test/support/tsan.supp:ignore_noninstrumented_modules=1
endif
CC ?= cc
CSTD := -std=gnu11 -D_GNU_SOURCE -I. -isystem $(GEN) $(DEFECT)
PKGS := grpc libprotobuf-c libcurl libmariadb glib-2.0 libfyaml jansson \
	libmicrohttpd libedit libpcre2-8 zlib libdeflate libzstd libssl libcrypto

# ---- dependencies: installed once, then pkg-config is asked once ----------
DEPS := build/.deps
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
-include build/config.mk
endif

build/config.mk: $(DEPS) Makefile
	$(Q)mkdir -p build
	$(Q){ printf 'PKG_CFLAGS := %s\n' "$$(pkg-config --cflags $(PKGS) | \
	    sed 's/-I\//-isystem \//g')"; \
	  printf 'PKG_LIBS := %s\n' "$$(pkg-config --libs $(PKGS))"; \
	  printf 'CHECK_LIBS := %s\n' "$$(pkg-config --libs check)"; } > $@.tmp
	$(Q)mv $@.tmp $@

$(DEPS): deploy/install-deps.sh
	$(Q)mkdir -p build
	$(Q)deploy/install-deps.sh
	$(Q)touch $@

CFLAGS_ALL = $(CSTD) $(OPT) $(WARN) -MMD -MP $(PKG_CFLAGS) $(CFLAGS)
LDLIBS_ALL = $(PKG_LIBS) -lpthread -lm

# ---- sources ---------------------------------------------------------------
PROTO := $(wildcard proto/*.proto)
PROTO_C := $(patsubst proto/%.proto,$(GEN)/%.pb-c.c,$(PROTO))
PROTO_C += $(GEN)/google/protobuf/empty.pb-c.c \
	$(GEN)/google/protobuf/descriptor.pb-c.c
# What reflection serves: all of proto/ with what it imports, as bytes.
DESC_H := $(GEN)/dm_descriptors.h
PROTO_H := $(PROTO_C:.c=.h) $(DESC_H)
ERR_H := $(GEN)/dm_errors.h
LIB_SRC := $(sort $(wildcard lib/*/*.c))
MASTER_SRC := $(sort $(wildcard master/*.c master/*/*.c))
WORKER_SRC := $(sort $(wildcard worker/*.c worker/*/*.c))
CTL_SRC := $(sort $(wildcard ctl/*.c ctl/*/*.c))
UNIT_SRC := $(sort $(wildcard test/unit/*/test_*.c test/unit/*/*/test_*.c test/unit/*/*/*/test_*.c))
SUPPORT_SRC := $(sort $(wildcard test/support/*.c))
FUZZ_SRC := $(sort $(wildcard test/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard test/bench/*.c))
TOOL_SRC := $(sort $(wildcard test/tools/*.c))
OWN_SRC := $(LIB_SRC) $(MASTER_SRC) $(WORKER_SRC) $(CTL_SRC)

obj = $(patsubst %.c,$(B)/%.o,$(1))
LIB_OBJ := $(call obj,$(LIB_SRC)) $(patsubst $(GEN)/%.c,$(B)/gen/%.o,$(PROTO_C))
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
BENCH_BIN := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
REPLAY_BIN := $(patsubst test/fuzz/%.c,$(B)/test/replay/%,$(FUZZ_SRC))
TOOL_BIN := $(patsubst %.c,$(B)/%,$(TOOL_SRC))
BINS := dm-master dm-worker dmctl

# Every mode has its own binaries; build/bin points to those made last.
.PHONY: all deps
all: $(addprefix $(B)/bin/,$(BINS))
	$(Q)mkdir -p build/bin
	$(Q)for b in $(BINS); do ln -sf ../$(MODE)/bin/$$b build/bin/$$b; done

deps: $(DEPS)

$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: proto/%.proto $(PROTO) | $(DEPS)
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc-c --c_out=$(GEN) -Iproto -I/usr/include $<

$(GEN)/google/protobuf/%.pb-c.c $(GEN)/google/protobuf/%.pb-c.h: | $(DEPS)
	$(call say,PROTO,google/protobuf/$*.proto)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc-c --c_out=$(GEN) -I/usr/include google/protobuf/$*.proto

# The two versions of reflection differ in the package only.
$(GEN)/reflection_v1alpha.proto: proto/reflection.proto
	$(Q)mkdir -p $(GEN)
	$(Q)sed 's/^package grpc.reflection.v1;/package grpc.reflection.v1alpha;/' \
	    $< > $@

$(DESC_H): $(PROTO) $(GEN)/reflection_v1alpha.proto | $(DEPS)
	$(call say,PROTO,$@)
	$(Q)protoc --include_imports --descriptor_set_out=$(GEN)/dm.desc \
	    -Iproto -I$(GEN) -I/usr/include $^
	$(Q){ echo 'static const uint8_t dm_descriptors[] = {'; \
	    od -An -v -tx1 $(GEN)/dm.desc | sed 's/ \(..\)/0x\1,/g'; \
	    echo '};'; } > $@.tmp && mv $@.tmp $@

$(ERR_H): lib/err/catalogue.list lib/err/errors.list lib/err/gen.awk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(GEN)
	$(Q)awk -f lib/err/gen.awk lib/err/catalogue.list lib/err/errors.list > $@.tmp && mv $@.tmp $@

$(B)/gen/%.o: $(GEN)/%.c $(PROTO_H)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(OPT) -w -MMD -MP $(PKG_CFLAGS) -c $< -o $@

# Generated headers are system headers to the compiler, so that their code
# need not pass our warnings; -MMD leaves such out.
$(B)/%.o: %.c $(PROTO_H) $(ERR_H)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -c $< -o $@

$(B)/libdm.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# The programs without their main(), for unit tests.
define part
$(B)/lib$(1).a: $(call obj,$(filter-out $(1)/main.c,$(2)))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call part,master,$(MASTER_SRC)))
$(eval $(call part,worker,$(WORKER_SRC)))
$(eval $(call part,ctl,$(CTL_SRC)))

$(B)/bin/dm-master: $(B)/master/main.o $(B)/libmaster.a $(B)/libdm.a
$(B)/bin/dm-worker: $(B)/worker/main.o $(B)/libworker.a $(B)/libdm.a
$(B)/bin/dmctl: $(B)/ctl/main.o $(B)/libctl.a $(B)/libdm.a
$(addprefix $(B)/bin/,$(BINS)):
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS_ALL) $(LDFLAGS)

# ---- tests -----------------------------------------------------------------
# A dm-worker that stops where a test wants it to (lib/base/failpoint.h): the
# same objects but for those that have fail points.
FAILPOINT_SRC := worker/copy/indexes.c worker/copy/rows.c worker/copy/verify.c worker/load/lane.c \
	worker/load/load.c worker/sync/ddl.c worker/sync/lane_exec.c
$(B)/failpoints/%.o: %.c $(PROTO_H) $(ERR_H)
	$(call say,CC,$< fail points)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DDM_FAILPOINTS -c $< -o $@
$(B)/bin/dm-worker-failpoints: $(B)/worker/main.o $(FAILPOINT_SRC:%.c=$(B)/failpoints/%.o) $(B)/test/support/failpoint.o $(B)/libworker.a $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS_ALL) $(LDFLAGS)
.PHONY: failpoints
failpoints: $(B)/bin/dm-worker-failpoints

$(B)/test/unit/lib/%: $(B)/test/unit/lib/%.o $(call obj,$(SUPPORT_SRC)) $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(CHECK_LIBS) $(LDLIBS_ALL)
$(B)/test/unit/master/%: $(B)/test/unit/master/%.o $(call obj,$(SUPPORT_SRC)) $(B)/libmaster.a $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(CHECK_LIBS) $(LDLIBS_ALL)
$(B)/test/unit/worker/%: $(B)/test/unit/worker/%.o $(call obj,$(SUPPORT_SRC)) $(B)/libworker.a $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(CHECK_LIBS) $(LDLIBS_ALL)
$(B)/test/unit/ctl/%: $(B)/test/unit/ctl/%.o $(call obj,$(SUPPORT_SRC)) $(B)/libctl.a $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(CHECK_LIBS) $(LDLIBS_ALL)
$(B)/test/bench/%: $(B)/test/bench/%.o $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS_ALL)
# Programs that integration tests use.
$(B)/test/tools/relay_%: $(B)/test/tools/relay_%.o $(B)/libworker.a $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS_ALL)
$(B)/test/tools/%: $(B)/test/tools/%.o $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS_ALL)
$(B)/test/fuzz/%: $(B)/test/fuzz/%.o $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -fsanitize=fuzzer -o $@ $^ $(LDLIBS_ALL)

# The same targets without a fuzzer, on files.
$(B)/test/replay/%: $(B)/test/fuzz/%.o $(B)/test/fuzz/replay.o $(B)/libdm.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS_ALL)

.PHONY: unit-bins bench-bins tool-bins fuzz-bins replay-bins unit
unit-bins: $(UNIT_BIN)
bench-bins: $(BENCH_BIN)
tool-bins: $(TOOL_BIN)
fuzz-bins: $(FUZZ_BIN)
replay-bins: $(REPLAY_BIN)

# One folder of unit tests: make unit T=lib/err MODE=asan
unit: $(filter $(B)/test/unit/$(T)%,$(UNIT_BIN))
	$(Q)for t in $^; do CK_TIMEOUT_MULTIPLIER=10 $$t || exit 1; done

.PHONY: test soak sabotage bench fuzz lint diagrams demo install clean help
test:
	$(Q)test/run.sh
soak:
	$(Q)SOAK=1 test/run.sh
sabotage: $(DEPS)
	$(Q)test/sabotage.sh
bench: all bench-bins
	$(Q)rc=0; test/bench/run.sh || rc=1; test/bench/scale.sh || rc=1; exit $$rc
fuzz:
	$(Q)test/fuzz/run.sh
lint: $(DEPS) $(PROTO_H) $(ERR_H)
	$(Q)LINT_CFLAGS='$(strip $(CSTD) $(WARN) $(PKG_CFLAGS))' test/lint/run.sh
# Graphs in ARCHITECTURE.md from the tables in the code; `make lint` compares.
diagrams:
	$(Q)test/lint/diagrams.sh
demo: all
	$(Q)deploy/demo/run.sh

PREFIX ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/dm
	install -m 0755 $(addprefix $(B)/bin/,$(BINS)) $(DESTDIR)$(PREFIX)/bin
	install -m 0644 deploy/conf/* $(DESTDIR)$(PREFIX)/share/dm

clean:
	rm -rf build

help:
	@echo 'make            build build/bin/{dm-master,dm-worker,dmctl}'
	@echo 'make demo       migrate a live database on this machine, end to end'
	@echo 'make test       unit and integration tests (SAN=1: under sanitizers)'
	@echo 'make soak       the same tests, long forms'
	@echo 'make sabotage   known defects built in must be caught by the tests'
	@echo 'make failpoints a dm-worker for tests that freeze it, not in make all'
	@echo 'make bench      speed against mydumper, myloader, a replica; 10000'
	@echo '                workers (CHECK=1: fail when a bar is missed)'
	@echo 'make fuzz       fuzz every parser of outside bytes'
	@echo 'make lint       layers, headers, banned calls, format, analysers'
	@echo 'make diagrams   write the state graphs of ARCHITECTURE.md'
	@echo 'make deps       install the Debian packages that are missing'
	@echo 'make install    PREFIX=/usr/local DESTDIR='
	@echo 'make clean'
	@echo 'Variables: MODE=release|asan|tsan|fuzz SAN=1 V=1 CC=clang'

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(FAILPOINT_SRC:%.c=$(B)/failpoints/%.o) $(call obj,$(OWN_SRC) $(UNIT_SRC) $(SUPPORT_SRC) $(BENCH_SRC) $(TOOL_SRC) $(FUZZ_SRC)))
.SECONDARY:
