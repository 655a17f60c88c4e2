#!/bin/sh
# One module = one header + one source + one test; every C file opens with a comment and has at most 500 lines, a script
# at most 600.
# A module without a unit test stands in no_unit_test.txt with the place where it is tested instead.
. "$(dirname "$0")/lib.sh"

MAX_LINES=500
MAX_SCRIPT_LINES=600
code=$(files 'c h def' common ingress workers ctl tests)
for file in $code; do
	[ "$(head -c 2 "$file")" = '/*' ] || wrong "$file: does not open with a comment"
done

# short MAX FILE…: no file is longer.
short() {
	max=$1
	shift
	for file in "$@"; do
		lines=$(wc -l <"$file")
		[ "$lines" -le "$max" ] || wrong "$file: $lines lines, more than $max"
	done
}
# shellcheck disable=SC2086
short $MAX_LINES $code
# shellcheck disable=SC2046
short $MAX_SCRIPT_LINES $(files 'sh py cmake' tests deploy cmake)
for file in $(files h common ingress workers ctl tests); do
	grep -q '^#ifndef [A-Z0-9_]*_H$' "$file" || wrong "$file: no guard ..._H"
done

# Prints the header that a source belongs to: its own, or that of the module it is a part of (desk_intake.c: desk.h).
header_of() {
	stem=${1%.c}
	while :; do
		[ -f "$stem.h" ] && { echo "$stem.h"; return; }
		case $(basename "$stem") in
		*_*) stem=${stem%_*} ;;
		*) return ;;
		esac
	done
}

# A vendor is reached through workers/vendors/vendor.h, a route family through routes.h, a program's main by nobody.
for file in $(files c common ingress workers); do
	case $file in
	*/main.c | workers/vendors/*/*.c | ingress/routes/*.c) continue ;;
	esac
	[ -n "$(header_of "$file")" ] || wrong "$file: has no header of its name and is no part of a module that has"
done

excused=tests/lint/no_unit_test.txt
modules=0
for header in $(files h common ingress workers); do
	source=${header%.h}.c
	module=$(basename "$header" .h)
	[ -f "$source" ] || continue
	modules=$((modules + 1))
	[ -f "tests/unit/${module}_test.c" ] || grep -q "^$source: ." $excused ||
		wrong "$source: no tests/unit/${module}_test.c, and not in $excused"
done
sed -n 's/^\([a-z][^:#]*\):.*/\1/p' $excused | while read -r source; do
	[ -f "$source" ] || wrong "$excused: $source is gone"
done
finish "$(echo "$code" | wc -l) files, $modules modules"
