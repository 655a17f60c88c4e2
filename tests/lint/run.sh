#!/bin/sh
# The quick lints, one line each (and a line per mistake). Ends with 0 when none failed; a missing tool is no failure.
#   sh tests/lint/run.sh [BUILD_FOLDER]     the folder is for globals.sh; tidy.sh is slow and stands for itself
cd "$(dirname "$0")" || exit 1
failed=0
for lint in layout functions globals deps format mutants pages; do
	if [ $lint = globals ]; then sh ./globals.sh ${1:+"$1"}; else sh ./$lint.sh; fi
	case $? in
	0 | 77) ;;
	*) failed=$((failed + 1)) ;;
	esac
done
[ $failed -eq 0 ]
