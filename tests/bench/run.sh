#!/bin/sh
# One table of the peers' harness with verifyd in it, from the release build.
#
#   sh tests/bench/run.sh P1|P2|P3 [peer...]     (default peers: floor verifyd)
#
# PEERS: the harness's folder (default ../shared/peers beside this repository); its setup.sh is run once, for the floor only.
# REPS, P1_CASES, P3_RATES and the like go through to it.
set -eu
cd "$(dirname "$0")/../.."
case ${1:-} in
P1 | P2 | P3) ;;
*)
	sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
table=$1
shift
[ $# -gt 0 ] || set -- floor verifyd
peers=${PEERS:-../shared/peers}
[ -e "$peers/run.sh" ] || { echo "tests/bench/run.sh: no harness in $peers; set PEERS" >&2; exit 2; }
. deploy/packages.sh
verifyd_install build redis
cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
[ -x "${ART:-/tmp/peers}/bin/floor-worker" ] || SKIP="bento parallel-consumer bullmq python celery" bash "$peers/setup.sh"
export PEERS_DIR="$PWD/tests/bench/peers.d" P1_CASES="${P1_CASES:-100:20000}" P3_RATES="${P3_RATES:-200}"
exec bash "$peers/run.sh" "$table" "$@"
