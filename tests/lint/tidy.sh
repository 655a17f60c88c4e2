#!/bin/sh
# clang-tidy over the sources of the programs, by the compile database. Minutes, so run.sh leaves it out.
#   sh tests/lint/tidy.sh [BUILD_FOLDER [FILE…]]     default: build/dev, every source outside tests/
. "$(dirname "$0")/lib.sh"

need clang-tidy clang-tidy
build=${1:-build/dev}
[ $# -eq 0 ] || shift
[ -f "$build/compile_commands.json" ] || { echo "lint $lint_name: skipped, $build has no compile_commands.json"; exit 77; }
[ $# -gt 0 ] || set -- $(files c common ingress workers ctl)

report=$(mktemp) || exit 1
# one file a process: clang 14 carries va_list findings from file to file; gcc's own flags mean nothing to clang
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option \
	--extra-arg=-Wno-unused-command-line-argument 2>/dev/null >"$report"
grep -E '(warning|error): ' "$report" | sed "s#^$PWD/##" | sort -u >>"$lint_found"
rm -f "$report"
finish "$# files"
