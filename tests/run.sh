#!/bin/sh
# Builds and runs every test. Last line: 'N passed, N failed' (', N skipped' may follow); status 0 only when nothing failed.
#
#   sh tests/run.sh [--quick] [--preset NAME] [-- pytest arguments]
#
# --quick: what takes seconds, no servers. --preset: dev (default), asan, clang, … of CMakePresets.json.
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
		sed -n '2,8s/^# \{0,1\}//p' tests/run.sh
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

# A sanitizer's report ends a program with 86, which no program uses itself.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:exitcode=86}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=86}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-exitcode=86}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=0:exitcode=86}"

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

# Makes the venv in the cache, whole or not at all; its name changes with Python and with the pinned versions.
make_venv() {
	venv=$cache/venv-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(cksum <tests/requirements.txt | cut -d' ' -f1)
	[ -e "$venv/.complete" ] && return 0
	mkdir -p "$cache"
	quietly "Python packages of the tests" sh -c '
		rm -rf "$1" && python3 -m venv "$1" &&
		"$1/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: -r tests/requirements.txt &&
		touch "$1/.complete"' sh "$venv"
}

if [ "$quick" = yes ]; then groups="build test"; else groups="build test redis kafka"; fi
if [ "$quick" = yes ]; then labels='unit|lint|fuzz-corpus'; else labels=''; fi
# shellcheck disable=SC2086
verifyd_install $groups || { echo "0 passed, 1 failed"; exit 1; }
rm -rf "$reports"
mkdir -p "$reports"

quietly "build ($preset)" configure_and_build || finish

echo "== unit tests and vendor cases"
ctest --test-dir "$build" ${labels:+-L "$labels"} -j "$(nproc)" --output-on-failure --no-tests=error --test-output-size-passed 1048576 \
	--test-output-size-failed 1048576 --output-junit "$PWD/$reports/ctest.xml" >"$reports/ctest.log" 2>&1
[ $? -eq 0 ] || grep -v ' Passed ' "$reports/ctest.log" | tail -n 200
[ "$quick" = no ] || finish "$reports/ctest.xml"

make_venv && quietly "Apache Kafka (jars)" python3 tests/kafka/broker.py fetch || finish "$reports/ctest.xml"

echo "== end to end, on real Kafka and Redis"
suites=tests/e2e
for suite in tests/integration; do
	[ -n "$(find "$suite" -name 'test_*.py' 2>/dev/null)" ] && suites="$suite $suites"
done
# shellcheck disable=SC2086
VERIFYD_BIN=$PWD/$build/bin "$venv/bin/python" -m pytest -c tests/pytest.ini --rootdir tests -q --junitxml "$reports/pytest.xml" \
	$suites "$@"
finish "$reports/ctest.xml" "$reports/pytest.xml"
