# SPDX-License-Identifier: MIT
# mmlib for Makefiles. Say which layers are wanted (src/layers names them; nothing: all), then include
# this file, and compile the sources with the flags of the kernel:
#
#	MMLIB_LAYERS := heap pt_x86_64 pvh
#	include path/to/mmlib/mmlib.mk
#	kernel.elf: $(OBJECTS) $(MMLIB_OBJECTS)
#	CFLAGS += $(MMLIB_CFLAGS)
#
# It sets MMLIB_SOURCES, MMLIB_CFLAGS (include paths), and MMLIB_OBJECTS with a rule that makes them in
# MMLIB_BUILD, default build/mmlib, by $(CC) $(CPPFLAGS) $(CFLAGS).
# The goal is the kernel's first rule, not one of those below. It may be none yet.
MMLIB_GOAL := $(.DEFAULT_GOAL)
MMLIB_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
MMLIB_BUILD ?= build/mmlib
MMLIB_FILES := $(shell awk -v want="$(MMLIB_LAYERS)" -f $(MMLIB_DIR)/tools/layers.awk $(MMLIB_DIR)/src/layers)
ifeq ($(MMLIB_FILES),)
$(error mmlib: no such layers: $(MMLIB_LAYERS))
endif
MMLIB_SOURCES := $(addprefix $(MMLIB_DIR)/src/,$(MMLIB_FILES))
MMLIB_OBJECTS := $(patsubst %.c,$(MMLIB_BUILD)/%.o,$(MMLIB_FILES))
MMLIB_CFLAGS := -I$(MMLIB_DIR)/include -I$(MMLIB_DIR)/src

$(MMLIB_OBJECTS): $(MMLIB_BUILD)/%.o: $(MMLIB_DIR)/src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(MMLIB_CFLAGS) -MMD -MP -c -o $@ $<

-include $(MMLIB_OBJECTS:.o=.d)
.DEFAULT_GOAL := $(MMLIB_GOAL)
