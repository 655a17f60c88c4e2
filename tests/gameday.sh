#!/bin/sh
# A game day: a running verifyd (real Kafka, Redis, Prometheus with deploy/prometheus/alerts.yaml) under a small load. One thing after
# the other is broken: which metric and which alert show it, after how many seconds; what docs/operations.md has against it, done
# literally; that the alert goes, and that everything that was accepted ends right. What it prints is a report.
#
#   sh tests/gameday.sh [--full] [SCENARIO...]      vendor, quota, redis, kafka, poison, certificate; all when none is named
#
# Alerts that look back over minutes are seen to go in a second Prometheus, whose rules look back over ten seconds (about two minutes in
# all). --full: also in the one that has the rules as they are (a quarter of an hour). Programs: $VERIFYD_BIN, else build/dev/bin.
# Last line: 'N passed, N failed'; exit status 0 when nothing failed, 2 on bad usage.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 2
cache=${VERIFYD_CACHE:-$HOME/.cache/verifyd}
. "$root/tests/venv.sh"
. "$root/deploy/packages.sh"

verifyd_install test redis kafka || exit 2
if ! venv_is_made && ! venv_make; then
	echo "gameday.sh: the Python packages of tests/requirements.txt could not be installed into $venv" >&2
	exit 2
fi
VERIFYD_BIN=${VERIFYD_BIN:-$root/build/dev/bin}
export VERIFYD_BIN
exec "$venv/bin/python" "$root/tests/gameday/main.py" "$@"
