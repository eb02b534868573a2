#!/bin/sh
# SPDX-License-Identifier: MIT
# Print the first C block of the README, so that a test can compile and run it.
set -eu
awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' "$1"
