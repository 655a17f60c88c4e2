#!/bin/sh
# verifyd on this machine, from nothing: installs, builds, starts every part on free loopback ports, and walks BioCatch
# scores and a sign-up with Jumio from B2C's call to the answer. Then it stays up to try, also in a browser: the playground
# runs the policies of deploy/b2c with their pages (deploy/demo/playground). Ctrl-C ends what it started.
#
#   sh deploy/demo.sh [--once] [--kafka | --brokers HOST:PORT] [--bin DIR]
#
# --once      ends after the walk; status 0 only if every answer was right
# --kafka     real Apache Kafka, fetched by Maven, in place of the in-memory stand-in (verifyd-devbroker)
# --brokers   your Kafka: the demo's topics get a prefix of their own there, and stay when it ends
#             (VERIFYD_KAFKA_CONFIG_FILE, when it is set, names librdkafka settings for it: TLS, SASL)
# --bin       verifyd-ingress, verifyd-worker and verifyctl from there, such as /usr/bin of the package, not those built here
#
# Debian 12 or 13. Missing packages are installed with apt, as root or by sudo; otherwise the command to run is printed.
# Needs nothing that listens already, changes nothing outside build/ and a temporary directory; several run side by side.
# Status: 0 all is right, 1 something failed, 2 bad usage, 129 130 143 ended by a signal (Ctrl-C: 130).
set -u
cd "$(dirname "$0")/.." || exit 1
. deploy/packages.sh
. deploy/demo/scores.sh
. deploy/demo/signup.sh
. deploy/demo/playground.sh

BUDGET_MS=1500 # how long a call of B2C is held here; 8500 when nothing is set
VENDOR_MS=100  # how long the vendor's stand-in thinks
SLOW_MS=2500   # and in the walk's last question: longer than the budget

# ---- words ----

bold='' dim='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ] && [ "${TERM-dumb}" != dumb ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m')
	red=$(printf '\033[31m') plain=$(printf '\033[0m')
fi

say() {
	printf '%s\n' "$*"
}

complain() {
	printf 'demo.sh: %s\n' "$*" >&2
}

usage() {
	complain "$1 (try --help)"
	exit 2
}

# fail MESSAGE [LOG]
fail() {
	complain "$1"
	[ $# -lt 2 ] || tail -n 25 "$2" >&2
	exit 1
}

once=no
kafka=devbroker
brokers=
own=
while [ $# -gt 0 ]; do
	case $1 in
	--once) once=yes ;;
	--kafka)
		[ "$kafka" != given ] || usage "--kafka and --brokers exclude each other"
		kafka=real
		;;
	--brokers)
		[ -n "${2-}" ] || usage "--brokers needs HOST:PORT"
		[ "$kafka" != real ] || usage "--kafka and --brokers exclude each other"
		kafka=given
		brokers=$2
		shift
		;;
	--bin)
		[ -x "${2-}/verifyd-ingress" ] || usage "--bin needs the folder of verifyd-ingress"
		own=$2
		shift
		;;
	--help | -h)
		sed -n '2,17s/^# \{0,1\}//p' deploy/demo.sh
		exit 0
		;;
	*) usage "unknown argument $1" ;;
	esac
	shift
done

# ---- processes: each in a session of its own, so that a Ctrl-C reaches only this script, which then ends them in order;
# and ended by the kernel should this script be killed ----

work=
helper=
parts= # PID/NAME of what runs, newest first: the worker and the ingress drain while what they talk to is still there

# launch NAME COMMAND…: standard error and output go to $work/NAME.log. Sets $pid.
launch() {
	name=$1
	shift
	setsid setpriv --pdeathsig TERM "$@" >"$work/$name.log" 2>&1 </dev/null &
	pid=$!
}

# keep: what was launched last is a part of the demo.
keep() {
	parts="$pid/$name $parts"
}

# is_up PID: false for one that ended, waited for or not.
is_up() {
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	case ${stat##*) } in Z* | X*) return 1 ;; esac
}

# run NAME COMMAND…: to its end, interruptible by a signal. Returns its status; output in $work/NAME.log.
run() {
	launch "$@"
	helper=$pid
	wait "$helper"
	status=$?
	helper=
	return $status
}

nap() {
	sleep "$1" &
	helper=$!
	wait "$helper"
	helper=
}

# Ends the parts: what asks before what answers, each given the time to drain, none for ever.
end_processes() {
	[ -z "$helper" ] || kill -s TERM -- "-$helper" 2>/dev/null || kill -TERM "$helper" 2>/dev/null
	[ -n "$parts" ] || return 0
	each_pid=
	for part in $parts; do each_pid="$each_pid ${part%/*}"; done
	# shellcheck disable=SC2086
	setsid sh -c 'sleep 12; kill -KILL "$@"' sh $each_pid >/dev/null 2>&1 </dev/null &
	guard=$!
	for part in $parts; do
		case $part in */ingress | */worker) kill -TERM "${part%/*}" 2>/dev/null ;; esac
	done
	for each in $each_pid; do
		kill -TERM "$each" 2>/dev/null
		wait "$each" 2>/dev/null
	done
	kill -s KILL -- "-$guard" 2>/dev/null
	wait "$guard" 2>/dev/null
}

finish() {
	status=$?
	trap '' INT TERM HUP
	trap - EXIT
	end_processes
	[ -z "$work" ] || rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# await SECONDS WHAT PID LOG COMMAND…: until the command succeeds; fails when the process ends first or the time is over.
await() {
	tries=$(($1 * 20)) what=$2 awaited=$3 log=$4
	shift 4
	until "$@"; do
		is_up "$awaited" || fail "$what ended at once:" "$log"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$what is not there in time:" "$log"
		nap 0.05
	done
}

# ---- install, build ----

# The lock: two demos that start together must not install or build at once.
prepare() {
	groups="build redis demo"
	[ "$kafka" != real ] || groups="$groups kafka"
	mkdir -p build || exit 1
	exec 9>build/demo.lock || exit 1
	flock -n 9 || { say "Waiting for another demo that is building." && flock 9; } || exit 1
	# shellcheck disable=SC2086
	verifyd_install $groups 9>&- || exit 1
	work=$(mktemp -d "${TMPDIR:-/tmp}/verifyd-demo.XXXXXX") || exit 1
	began=$(date +%s)
	printf 'Building build/release ... '
	run build sh -c 'cmake --preset release -DVERIFYD_TESTS=ON && exec cmake --build --preset release --target \
		verifyd-ingress verifyd-worker verifyctl vendorsim verifyd-devbroker' || {
		say
		fail "the build failed:" "$work/build.log"
	}
	say "done in $(($(date +%s) - began)) s"
	[ "$kafka" != real ] || fetch_kafka
	exec 9>&-
	bin=$PWD/build/release/bin
	[ -n "$own" ] || own=$bin
}

fetch_kafka() {
	printf 'Apache Kafka from Maven Central, once ... '
	run fetch python3 tests/kafka/broker.py fetch || {
		say
		fail "no Kafka:" "$work/fetch.log"
	}
	say "done"
}

# ---- start ----

# address LOG LISTENER: of its "listening" line.
address() {
	sed -n "s/.*\"event\":\"listening\",\"listener\":\"$2\",\"address\":\"\([^\"]*\)\".*/\1/p" "$1" | head -n 1
}

is_listening() {
	[ -n "$(address "$1" "$2")" ]
}

# Nobody can say which port will still be free: Redis tries to take one, and another if that was taken.
start_redis() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		launch redis redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$work"
		while is_up "$pid" && ! grep -q 'Ready to accept connections' "$work/redis.log"; do nap 0.02; done
		if is_up "$pid"; then
			keep
			export VERIFYD_REDIS_URL="redis://127.0.0.1:$port"
			return 0
		fi
		wait "$pid"
		grep -qi 'in use' "$work/redis.log" || break
	done
	fail "redis-server did not start:" "$work/redis.log"
}

start_kafka() {
	VERIFYD_TOPIC_PREFIX=verifyd.
	case $kafka in
	devbroker) launch kafka "$bin/verifyd-devbroker" --ready-file "$work/kafka.ready" ;;
	real) launch kafka python3 tests/kafka/broker.py start --ready-file "$work/kafka.ready" --dir "$work" ;;
	given)
		VERIFYD_TOPIC_PREFIX=verifyd-demo-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ').
		VERIFYD_KAFKA_BROKERS=$brokers
		;;
	esac
	if [ "$kafka" != given ]; then
		keep
		kafka_pid=$pid
	fi
	export VERIFYD_TOPIC_PREFIX
}

# Kafka is started first and waited for last: it needs the longest.
await_kafka() {
	if [ "$kafka" != given ]; then
		await 100 Kafka "$kafka_pid" "$work/kafka.log" test -s "$work/kafka.ready"
		read -r VERIFYD_KAFKA_BROKERS <"$work/kafka.ready"
	fi
	export VERIFYD_KAFKA_BROKERS
	if [ "$kafka" = devbroker ]; then
		# The stand-in answers a fetch only when its wait is over; a real broker answers when there is something.
		echo 'fetch.wait.max.ms=5' >"$work/kafka.conf"
		export VERIFYD_KAFKA_CONFIG_FILE="$work/kafka.conf"
	fi
	[ "$kafka" = devbroker ] || run topics "$own/verifyctl" topics create --partitions 4 ||
		fail "the topics cannot be made:" "$work/topics.log"
}

start_vendor() {
	launch vendorsim "$bin/vendorsim" --listen 127.0.0.1:0
	keep
	await 10 vendorsim "$pid" "$work/vendorsim.log" is_listening "$work/vendorsim.log" vendorsim
	vendor=$(address "$work/vendorsim.log" vendorsim)
	fetched=$(fetch /dev/null -d "{\"delay_ms\":$VENDOR_MS}" "http://$vendor/control/biocatch")
	[ "${fetched% *}" = 200 ] || fail "vendorsim does not answer as it should:" "$work/vendorsim.log"
}

is_ready() {
	[ "$(fetch /dev/null "http://$1/readyz" | cut -d' ' -f1)" = 200 ]
}

# program NAME ARGUMENT…: one with an ops listener. Sets $pid and $ops.
program() {
	launch "$@"
	keep
	await 15 "$1" "$pid" "$work/$1.log" is_listening "$work/$1.log" ops
	ops=$(address "$work/$1.log" ops)
}

# The ingress must know its own address before it listens: people are sent to it. A port that was taken is tried again.
start_ingress() {
	for _ in 1 2 3 4 5 6 7 8; do
		port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		export VERIFYD_HTTP_LISTEN="127.0.0.1:$port" VERIFYD_PUBLIC_URL="http://127.0.0.1:$port"
		launch ingress "$own/verifyd-ingress"
		until is_listening "$work/ingress.log" http || ! is_up "$pid"; do nap 0.05; done
		if is_up "$pid"; then
			keep
			ingress_pid=$pid ingress_ops=$(address "$work/ingress.log" ops) http=$(address "$work/ingress.log" http)
			return 0
		fi
		wait "$pid"
		grep -q 'in use' "$work/ingress.log" || break
	done
	fail "ingress ended at once:" "$work/ingress.log"
}

start_all() {
	began=$(date +%s%N)
	printf 'Starting ... '
	cp -R deploy/b2c/ui "$work/ui" || fail "the pages cannot be copied" # programs from an image see nothing but that folder
	start_kafka
	start_redis
	start_vendor
	await_kafka
	start_playground
	export VERIFYD_OPS_LISTEN=127.0.0.1:0 VERIFYD_SYNC_BUDGET_MS=$BUDGET_MS VERIFYD_DRAIN_MS=6000 \
		VERIFYD_BIOCATCH_BASE_URL="http://$vendor/biocatch" VERIFYD_BIOCATCH_CUSTOMER_ID=demo \
		VERIFYD_B2C_BASE_REDIRECT_URL="http://$playground/playground" VERIFYD_UI_DIR="$work/ui" VERIFYD_TOKEN_ISSUER=demo-issuer VERIFYD_TOKEN_AUDIENCE=demo-audience \
		VERIFYD_CALLBACK_ALLOW_FROM=127.0.0.1 VERIFYD_JUMIO_BASE_URL="http://$vendor/jumio" \
		VERIFYD_JUMIO_AUTH_USERNAME=sim-token VERIFYD_JUMIO_AUTH_PASSWORD=sim-secret \
		VERIFYD_JUMIO_USER_AGENT="Contoso Demo/1.0" VERIFYD_JUMIO_POLL_S=1,2,3,4,5,7,10,15,20,30
	start_ingress
	program worker "$own/verifyd-worker" --vendor biocatch,jumio
	worker_pid=$pid worker_ops=$ops
	render_policies
	await 30 ingress "$ingress_pid" "$work/ingress.log" is_ready "$ingress_ops"
	await 60 worker "$worker_pid" "$work/worker.log" is_ready "$worker_ops"
	say "done in $((($(date +%s%N) - began) / 1000000)) ms"
}

# No setting of yours gets in, but the cache of downloads and the settings of your own Kafka.
make_settings() {
	kafka_config=${VERIFYD_KAFKA_CONFIG_FILE-}
	for name in $(env | sed -n 's/^\(VERIFYD_[A-Z0-9_]*\)=.*/\1/p'); do
		[ "$name" = VERIFYD_CACHE ] || unset "$name"
	done
	[ "$kafka" != given ] || [ -z "$kafka_config" ] || export VERIFYD_KAFKA_CONFIG_FILE="$kafka_config"
	run keys "$own/verifyctl" keys new --out "$work/keys" || fail "no keys:" "$work/keys.log"
	set -a
	# shellcheck source=/dev/null
	. "$work/keys/env"
	set +a
	key=$(cut -d= -f2- "$work/keys/api-keys")
}

# ---- the walk ----

# fetch FILE ARGUMENT…: curl; the body goes to FILE. Prints the status and the milliseconds.
fetch() {
	body=$1
	shift
	curl -q -sS --noproxy '*' --max-time 30 -o "$body" -w '%{http_code} %{time_total}\n' "$@" 2>"$work/curl.log" |
		awk '{ printf "%s %d\n", $1, $2 * 1000 + 0.5 }'
}

# ask ARGUMENT…: a question with the demo's key. Sets $code, $took_ms and $answer.
ask() {
	fetched=$(fetch "$work/answer" -H "X-Api-Key: $key" "$@")
	code=${fetched% *} took_ms=${fetched#* }
	answer=$(cat "$work/answer" 2>/dev/null)
	: >"$work/answer"
}

# number NAME and word NAME: a member of the flat JSON object on standard input; nothing when it is not there.
number() {
	sed -n "s/.*\"$1\":\(-\{0,1\}[0-9][0-9]*\)[,}].*/\1/p"
}

word() {
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

wrong=0

# expect WHAT IS SHOULD
expect() {
	[ "$2" = "$3" ] && return 0
	say "  ${red}WRONG${plain}  $1 is '$2', not '$3'"
	wrong=$((wrong + 1))
}

# right TEXT: what this step shows; said only when nothing of it was wrong.
right() {
	[ "$wrong" = "$wrong_before" ] && say "  ${green}right${plain}  $1"
}

title() {
	wrong_before=$wrong
	say
	say "${bold}$1${plain}"
}

hop() {
	printf '  %6s ms  %-8s %s\n' "$1" "$2" "$3"
}

walk() {
	question="uuid=user-1&activityType=LOGIN"
	say
	say "  B2C --HTTP--> ingress --> Kafka --> worker --HTTPS--> vendor"
	say "   ^               ^                    |"
	say "   +--- answer ----+-- Redis, Kafka <---+        (the vendors here are vendorsim, plain HTTP on loopback)"
	walk_low
	walk_again
	walk_high
	walk_slow
	walk_refused
	walk_signup
	walk_playground
	say
	if [ "$wrong" = 0 ]; then
		say "${green}Every answer was right.${plain}"
	else
		say "${red}$wrong answers were not right.${plain} The ingress and the worker said last:"
		tail -n 5 "$work/ingress.log" "$work/worker.log"
	fi
}

# ---- to try ----

invite() {
	say
	say "${bold}It is up. To try:${plain}"
	say
	say "  curl -H 'X-Api-Key: $key' \\"
	say "    'http://$http/api/BioCatch/GetScore?customerSessionID=mine-1~score=700&uuid=me'"
	say
	say "  curl -H 'X-Api-Key: $key' -H 'Content-Type: application/json' -H 'Prefer: wait=5' \\"
	say "    -d '{\"kind\":\"biocatch.score\",\"subject\":\"me\",\"session\":\"mine-2~bot\"}' http://$http/v1/verifications"
	say
	say "  ${bold}a sign-up in a browser on this machine, with all that happens on the way:  http://$playground/${plain}"
	say
	say "  ${bold}what goes on, live, for who runs it:  http://$worker_ops/console${plain}"
	say
	say "  curl -X POST -d '{\"down\":true}' http://$vendor/control/biocatch    # the vendor is gone; {\"down\":null}: back"
	say "  curl http://$ingress_ops/healthz http://$worker_ops/metrics"
	say "  (export VERIFYD_KAFKA_BROKERS=$VERIFYD_KAFKA_BROKERS VERIFYD_REDIS_URL=$VERIFYD_REDIS_URL VERIFYD_TOPIC_PREFIX=$VERIFYD_TOPIC_PREFIX;"
	say "   $own/verifyctl get $signup; $own/verifyctl status)"
	say
	say "  ${dim}markers such as ~score=912 ~delay=MS ~status=503 in the session steer the vendor: tests/sim/README.md${plain}"
	say "  ${dim}logs: $work/*.log${plain}"
	[ "$kafka" != given ] || say "  ${dim}the topics ${VERIFYD_TOPIC_PREFIX}* stay in your Kafka${plain}"
	say
	say "Ctrl-C ends all of it."
}

# Until a signal comes, or a part ends by itself.
stay() {
	while :; do
		for part in $parts; do
			is_up "${part%/*}" || fail "${part#*/} ended by itself:" "$work/${part#*/}.log"
		done
		nap 1
	done
}

prepare
make_settings
start_all
walk
[ "$once" = no ] || exit $((wrong > 0))
invite
stay
