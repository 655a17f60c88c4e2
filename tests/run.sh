#!/bin/sh
# Builds and runs every test. Last line: 'N passed, N failed' (', N skipped' may follow); status 0 only when nothing failed.
#
#   sh tests/run.sh [--quick] [--preset NAME] [-- pytest arguments]
#
# --quick: what takes seconds, no servers. --preset: dev (default), asan, tsan, clang, … of CMakePresets.json.
# Files of end-to-end tests run side by side; `-- -n 0` runs one after the other (for -s, --pdb).
# Missing Debian packages are installed (apt as root or by sudo). Downloads are kept in ${VERIFYD_CACHE:-~/.cache/verifyd}.
set -u
cd "$(dirname "$0")/.." || exit 1
. deploy/packages.sh

quick=no
preset=dev
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=yes ;;
	--preset)
		[ $# -ge 2 ] || { echo "run.sh: --preset needs a name" >&2; exit 2; }
		preset=$2
		shift
		;;
	--help | -h)
		sed -n '2,9s/^# \{0,1\}//p' tests/run.sh
		exit 0
		;;
	--)
		shift
		break
		;;
	*)
		echo "run.sh: unknown argument $1 (try --help)" >&2
		exit 2
		;;
	esac
	shift
done

build=build/$preset
reports=$build/reports
cache=${VERIFYD_CACHE:-$HOME/.cache/verifyd}
broken=0

# Most of what the tests do is waiting, so twice as many run at once as there are processors; programs with a sanitizer
# work more. More than six only press on Kafka.
beside=$(($(nproc) * 2))
case $preset in asan | tsan) beside=$(($(nproc) + 1)) ;; esac
[ "$beside" -le 6 ] || beside=6

# A sanitizer's report ends a program with 86, which no program uses itself.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:exitcode=86}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=86}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-exitcode=86}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=0:exitcode=86:suppressions=$PWD/tests/tsan/suppressions.txt}"

# Servers' data, logs and profiles lie in one folder, which goes whatever ends the run.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/verifyd-tests-XXXXXX") || exit 1
export TMPDIR="$scratch"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

finish() {
	python3 tests/tally.py "$broken" "$@"
	exit $?
}

# quietly TITLE COMMAND…: output only when it fails.
quietly() {
	title=$1
	shift
	printf '== %s\n' "$title"
	"$@" >"$reports/step.log" 2>&1 && return 0
	tail -n 60 "$reports/step.log"
	printf 'failed: %s\n' "$title"
	broken=$((broken + 1))
	return 1
}

configure_and_build() {
	cmake --preset "$preset" && cmake --build --preset "$preset"
}

if [ "$quick" = yes ]; then groups="build test"; else groups="build test redis kafka"; fi
if [ "$quick" = yes ]; then labels='unit|lint|fuzz-corpus'; else labels=''; fi
# shellcheck disable=SC2086
verifyd_install $groups || { echo "0 passed, 1 failed"; exit 1; }
rm -rf "$reports"
mkdir -p "$reports"

quietly "build ($preset)" configure_and_build || finish

echo "== unit tests and vendor cases"
ctest --test-dir "$build" ${labels:+-L "$labels"} -j "$beside" --output-on-failure --no-tests=error --test-output-size-passed 1048576 \
	--test-output-size-failed 1048576 --output-junit "$PWD/$reports/ctest.xml" >"$reports/ctest.log" 2>&1
[ $? -eq 0 ] || grep -v ' Passed ' "$reports/ctest.log" | tail -n 200
[ "$quick" = no ] || finish "$reports/ctest.xml"

root=$PWD
. tests/venv.sh
{ venv_is_made || quietly "Python packages of the tests" venv_make; } && quietly "Apache Kafka (jars)" python3 tests/kafka/broker.py fetch || finish "$reports/ctest.xml"

# end_to_end PART ARGUMENT…: the tests that are not, or are, marked alone.
end_to_end() {
	part=$1
	shift
	"$venv/bin/python" -m pytest -c tests/pytest.ini --rootdir tests -q --junitxml "$reports/$part.xml" --part "$part" "$@"
}

suites=
for suite in tests/chaos tests/integration tests/e2e; do
	[ -n "$(find "$suite" -name 'test_*.py' 2>/dev/null)" ] && suites="$suites $suite"
done
export VERIFYD_BIN="$PWD/$build/bin"
export VERIFYD_SCREENSHOTS="${VERIFYD_SCREENSHOTS-$PWD/$reports/screenshots}"
# B2C's schema and an emulator of its policies are no part of this tree; where they lie beside it, they are used.
b2c=$PWD/../shared/b2c
if [ -z "${B2C_EMULATOR-}" ] && [ -e "$b2c/emulator/emulator.py" ]; then
	export B2C_EMULATOR="$b2c/emulator" B2C_XSD="$b2c/TrustFrameworkPolicy_0.3.0.0.xsd"
fi
echo "== end to end, on real Kafka and Redis, $beside files at a time"
# shellcheck disable=SC2086
end_to_end crowd -n "$beside" --dist loadfile --no-loadscope-reorder $suites "$@"
echo "== end to end, what measures time"
# shellcheck disable=SC2086
end_to_end alone $suites "$@"

# With pytest arguments it is about the tests that these name.
[ $# -eq 0 ] || finish "$reports/ctest.xml" "$reports/crowd.xml" "$reports/alone.xml"
echo "== chaos, briefly"
mkdir "$reports/chaos"
packages=
gameday=
if [ "$preset" = dev ]; then # beside it: chaos mostly waits; the package is always built as a release, and a game day measures time
	packages=$reports/packages.log gameday=$reports/gameday.log
	sh tests/packages/run.sh --bin "$VERIFYD_BIN" >"$packages" 2>&1 &
	sh tests/gameday.sh >"$gameday" 2>&1 &
fi
sh tests/chaos/run.sh --quick --dir "$PWD/$reports/chaos" || broken=$((broken + 1))
if [ -n "$packages" ]; then
	echo "== package and image"
	wait
	cat "$packages"
	echo "== game day"
	cat "$gameday"
fi
finish "$reports/ctest.xml" "$reports/crowd.xml" "$reports/alone.xml" "$reports/chaos/shards.jsonl" ${packages:+"$packages"} ${gameday:+"$gameday"}
