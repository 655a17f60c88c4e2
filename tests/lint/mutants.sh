#!/bin/sh
# The faults that tests/chaos/mutants.sh puts into the product can still be put in: a patch that no longer applies proves nothing.
. "$(dirname "$0")/lib.sh"

need patch patch
output=$(sh tests/chaos/mutants.sh --check) || wrong "$(echo "$output" | grep -v '^applies')"
finish "$(echo "$output" | wc -l) patches"
