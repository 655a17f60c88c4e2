#!/bin/sh
# Breaks the product on purpose, one way at a time, in a copy of the tree, and runs the test that must notice it. The same
# test must pass on the unbroken copy. Ends with a table; status 1 when a mutant lives, 2 for usage.
#
#   sh tests/chaos/mutants.sh [NAME…]     all of them, or these
#   sh tests/chaos/mutants.sh --check     only whether each patch of mutants/ still applies
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2

# name of the patch | what is wrong then | build target | what runs it, in the build folder | what its output must say
table() {
	cat <<-'END'
		offset_before_result|the request is done before its result is acked|engine_sim_test|bin/engine_sim_test|an offset was done before anything was durable
		no_lease|two workers may hold one lease|redis_store_test|bin/redis_store_test|FAILED  ] a_lease_is_one_tokens
		redis_before_kafka|Redis shows a state before Kafka has it|engine_sim_test|bin/engine_sim_test|Redis shows what the log does not have
		unknown_is_verified|a vendor status that nobody knows verifies|vendor_case_runner|ctest -R ^vendor_jumio$ --output-on-failure|verified
		no_compare_and_set|a lower state overwrites a higher one|redis_store_test|bin/redis_store_test|FAILED  ] a_state_is_written_only_over_a_lower_one
	END
}

names=$(table | cut -d'|' -f1)
check=no
wanted=
for argument; do
	case $argument in
	--check) check=yes ;;
	-*) echo "mutants.sh: unknown argument $argument" >&2; exit 2 ;;
	*)
		echo "$names" | grep -qxF "$argument" || { echo "mutants.sh: no mutant $argument; there is:" "$names" >&2; exit 2; }
		wanted="$wanted $argument"
		;;
	esac
done
[ -n "$wanted" ] || wanted=$names

# field NAME N: a column of the table.
field() {
	table | grep "^$1|" | cut -d'|' -f"$2"
}

if [ "$check" = yes ]; then
	broken=0
	for name in $wanted; do
		if patch -s -p1 --dry-run -d "$root" <"$root/tests/chaos/mutants/$name.patch" >/dev/null; then
			echo "applies: $name"
		else
			echo "does not apply any more: $name"
			broken=1
		fi
	done
	exit $broken
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/verifyd-mutants-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/tree"
tar -C "$root" -c --exclude=./.git --exclude=./build . | tar -C "$work/tree" -x || exit 2
cmake -S "$work/tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DVERIFYD_CRASH_POINTS=ON >"$work/log" 2>&1 ||
	{ tail -n 20 "$work/log"; exit 2; }

# try NAME: builds and runs the test of a mutant on the tree as it is. Status: the test's; 99 when it does not build.
try() {
	cmake --build "$work/build" --target "$(field "$1" 3)" >"$work/log" 2>&1 || return 99
	# shellcheck disable=SC2046
	(cd "$work/build" && timeout 180 $(field "$1" 4)) >"$work/log" 2>&1
}

# judge NAME: one row of the table; status 1 when it is not as it must be.
judge() {
	patch=$work/tree/tests/chaos/mutants/$1.patch
	try "$1" || { verdict="its test does not pass on the unbroken tree"; return 1; }
	patch -s -p1 -d "$work/tree" <"$patch" >"$work/log" 2>&1 || { verdict="the patch does not apply"; return 1; }
	try "$1"
	status=$?
	patch -s -R -p1 -d "$work/tree" <"$patch" || exit 2
	[ $status -ne 99 ] || { verdict="does not build"; return 1; }
	[ $status -ne 0 ] || { verdict="LIVES"; return 1; }
	grep -qF "$(field "$1" 5)" "$work/log" || { verdict="caught, but not by what was named"; return 1; }
	verdict="caught: $(grep -F "$(field "$1" 5)" "$work/log" | head -n 1 | cut -c1-110)"
}

failed=0
printf '| mutant | what is wrong then | test | verdict |\n| --- | --- | --- | --- |\n'
for name in $wanted; do
	judge "$name" || { failed=1; tail -n 15 "$work/log" >&2; }
	printf '| %s | %s | %s | %s |\n' "$name" "$(field "$name" 2)" "$(field "$name" 3)" "$verdict"
done
exit $failed
