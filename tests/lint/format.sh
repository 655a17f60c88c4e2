#!/bin/sh
# Every C source is as clang-format 14 (Debian 12) leaves it; other versions break lines elsewhere. Headers are not
# checked: their comments stand in columns set by hand.
#   sh tests/lint/format.sh [--fix]
. "$(dirname "$0")/lib.sh"

tool=clang-format-14
command -v $tool >/dev/null 2>&1 || tool=clang-format
need $tool clang-format-14
$tool --version | grep -q 'version 14\.' || { echo "lint $lint_name: skipped, clang-format is not version 14"; exit 77; }

all=$(files c common ingress workers ctl tests)
# shellcheck disable=SC2086
[ "${1:-}" != --fix ] || $tool -i $all
for file in $all; do
	$tool --dry-run --Werror "$file" >/dev/null 2>&1 || wrong "$file: not formatted (sh tests/lint/format.sh --fix)"
done
finish "$(echo "$all" | wc -l) files"
