#!/bin/sh
# No mutable globals: what lies in .data or .bss of the built objects stands in the list below, with the reason.
#   sh tests/lint/globals.sh [BUILD_FOLDER]     default: build/dev; sanitizers and coverage add their own, so not theirs
. "$(dirname "$0")/lib.sh"

need objdump binutils
build=${1:-build/dev}
skip() {
	echo "lint $lint_name: skipped, $1"
	exit 77
}
[ -f "$build/CMakeCache.txt" ] || skip "$build is not built"
grep -q '^VERIFYD_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt" && skip "$build has sanitizers"
grep -q -- '--coverage' "$build/CMakeCache.txt" && skip "$build counts coverage"

# log_least, log_program: the log's level and the program's name, set once at start, before there are threads.
# random_portion: random bytes that a thread has not used yet (common/base/random.c); a thread's own, so nothing is shared.
# crash_left: how often a crash point may still be passed; in builds for tests only.
# no_expect: a constant text that libcurl's list wants as char *.
allowed=" log_least log_program no_expect crash_left random_portion "

objects=$(find "$build/common" "$build/ingress" "$build/workers" "$build/ctl" -name '*.o' | sort)
[ -n "$objects" ] || skip "$build holds no objects"
for object in $objects; do
	# columns: address flags section size name; .data.rel.ro is constant once the program runs
	for symbol in $(objdump -t "$object" | awk '/ O / && ($4 ~ /^\.(data|bss|tdata|tbss)/ || $4 == "*COM*") &&
			$4 !~ /^\.data\.rel\.ro/ { print $NF }'); do
		# a static inside a function is name.N to gcc and function.name to clang
		case $allowed in
		*" ${symbol%%.*} "* | *" ${symbol#*.} "*) ;;
		*) wrong "$(basename "$object" .o): $symbol is a mutable global" ;;
		esac
	done
done
finish "$(echo "$objects" | wc -l) objects of $build"
