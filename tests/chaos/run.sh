#!/bin/sh
# Chaos: a whole verifyd on real Kafka and Redis, clients, faults of every kind, and a checker of what was left behind.
#
#   sh tests/chaos/run.sh --quick                                  fixed seeds, less than 4 minutes
#   sh tests/chaos/run.sh --full [--minutes N] [--dir D] [--seed S]  shards of a minute; a further start goes on in D
#   sh tests/chaos/run.sh --report --dir D                         a markdown table of D's shards
#   sh tests/chaos/run.sh --burst [--seed S]                       a crowd signs up, and one of two ingresses is killed
#   sh tests/chaos/run.sh --shard N --seed S                       one shard again
#
# Programs: $VERIFYD_BIN, else build/dev/bin. Exit status: 0 clean, 1 violation, 2 usage.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
cache=${VERIFYD_CACHE:-$HOME/.cache/verifyd}
. "$root/tests/venv.sh"

if ! venv_is_made && ! venv_make; then
	echo "run.sh: the Python packages of tests/requirements.txt could not be installed into $venv" >&2
	exit 2
fi
VERIFYD_BIN=${VERIFYD_BIN:-$root/build/dev/bin}
export VERIFYD_BIN
exec "$venv/bin/python" "$root/tests/chaos/main.py" "$@"
