#!/bin/sh
# No function outside the tests is longer than 60 lines.
. "$(dirname "$0")/lib.sh"

MAX_LINES=60
need ctags universal-ctags
ctags --version | grep -q Universal || { echo "lint $lint_name: skipped, ctags is not Universal Ctags"; exit 77; }

lengths=$(mktemp) || exit 1
files c common ingress workers ctl tests/sim | ctags -L - -f - --languages=C --kinds-C=f --fields=+ne 2>/dev/null |
	awk -F '\t' '{ for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) from = substr($i, 6); if ($i ~ /^end:/) to = substr($i, 5) }
		print to - from + 1, $2, $1 }' >"$lengths"
awk -v max=$MAX_LINES '$1 > max { print $2 ": " $3 " has " $1 " lines, more than " max }' "$lengths" >>"$lint_found"
count=$(wc -l <"$lengths")
longest=$(sort -rn "$lengths" | head -n 1)
rm -f "$lengths"
[ "$count" -gt 0 ] || wrong "ctags found no function"
finish "$count functions, longest: $longest"
