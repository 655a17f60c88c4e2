# verifyd in the tables of the peers' harness: PEERS_DIR=tests/bench/peers.d run.sh P1|P2|P3 floor verifyd
# Sourced by it with bash; what it may set and define is in the harness's peers.d/_example.txt.
PEER_LABEL="verifyd"; PEER_WORKLOADS="P1 P2 P3"
verifyd_root=$(cd "${PEERS_DIR:-$(dirname "${BASH_SOURCE[0]}")}/../../.." && pwd)
verifyd_bin=${VERIFYD_BIN:-$verifyd_root/build/release/bin}

# Keys and settings of one run; every run has topics and groups of its own.
verifyd_env() {
	local keys=$ART/run/verifyd-keys
	[ -e "$keys/env" ] || "$verifyd_bin/verifyctl" keys new --out "$keys" >/dev/null
	set -a; . "$keys/env"; set +a
	verifyd_key=$(cut -d= -f2- "$keys/api-keys")
	export VERIFYD_TOPIC_PREFIX=$RUN. VERIFYD_KAFKA_BROKERS=$BROKERS VERIFYD_REDIS_URL=redis://$REDIS_HOST:$REDIS_PORT/$REDIS_DB
	export VERIFYD_HTTP_LISTEN=127.0.0.1:$INGRESS_PORT VERIFYD_OPS_LISTEN=127.0.0.1:0 VERIFYD_MAX_IN_FLIGHT=$INFLIGHT
	export VERIFYD_BIOCATCH_BASE_URL=${VENDOR_URL%/verify} VERIFYD_BIOCATCH_CUSTOMER_ID=bench VERIFYD_MAX_WAITERS=10000
	export WATCH_TOPIC_ONLY=1 MOCK_ID_KEY=customerSessionID
	# the harness's load for P2 looks for %%ID%%, everything else for %ID%
	export P2_BODY='{"kind":"biocatch.score","subject":"0f8fad5b-d9cb-469f-a165-70867728950e","session":"%%ID%%","activity":"LOGIN","brand":"retail","correlation":"7c9e6679-7425-40de-944b-e07fc1f90ae7"}'
	export P2_HEADER="X-Api-Key: $verifyd_key" OPENLOOP_HEADER="X-Api-Key: $verifyd_key" OPENLOOP_NOECHO=1 OPENLOOP_OK='"score":87'
	export OPENLOOP_BODY='{"customerSessionID":"%ID%","uuid":"0f8fad5b-d9cb-469f-a165-70867728950e","activityType":"LOGIN","brand":"retail"}'
	PEER_P2_PATH=/v1/verifications PEER_P3_PATH=/api/BioCatch/GetScore
}
peer_topics() {
	verifyd_env
	"$verifyd_bin/verifyctl" topics create --partitions 8 >/dev/null
	TOPIC_IN=$RUN.requests.biocatch.score TOPIC_OUT=$RUN.results GROUP=$RUN.biocatch
}
peer_topics_gone() {
	local t
	for t in requests.biocatch.score results dead delay.5s delay.30s delay.120s delay.600s; do "$BIN/ktool" delete "$RUN.$t"; done
}
# A Redis that no worker has filled yet is filled first, from every open request: that is a start's work, not a drain's.
fill_cache() {
	local redis="redis-cli -p $REDIS_PORT -n $REDIS_DB" worker
	"$verifyd_bin/verifyd-worker" --vendor biocatch >>"$ART/logs/verifyd-preload.log" 2>&1 & worker=$!
	until [ "$($redis exists verifyd:epoch)" = 1 ]; do sleep 0.1; done
	stop_pid $worker
}
# P1's requests are written by the ingress itself, so they are sealed and named as real ones.
p1_preload() {
	fill_cache
	local rate=4000 # well below what one ingress takes: a crowd of connections would be refused
	"$verifyd_bin/verifyd-ingress" >>"$ART/logs/verifyd-preload.log" 2>&1 & local ingress=$!
	until curl -s -o /dev/null "http://127.0.0.1:$INGRESS_PORT/"; do sleep 0.2; done
	sleep 1
	OPENLOOP_BODY=${P2_BODY//%%ID%%/%ID%} "$BIN/openloop" "$INGRESS_PORT" /v1/verifications $rate 0 $((N / rate)) "$RUN" 20 >>"$ART/logs/verifyd-preload.log"
	stop_pid $ingress
	# Pointers live 30 s: a backlog that waited has none. One key a message is left, its queued state.
	redis-cli -p "$REDIS_PORT" -n "$REDIS_DB" --scan --pattern 'verifyd:q:*' | xargs -r -n 500 redis-cli -p "$REDIS_PORT" -n "$REDIS_DB" del >/dev/null
	local n; n=$("$BIN/ktool" count "$TOPIC_IN")
	[ "$n" = "$N" ] || say "verifyd: preloaded $n of $N"
}
p1_start() { VERIFYD_OPS_LISTEN=127.0.0.1:$((INGRESS_PORT + 1)) "$verifyd_bin/verifyd-worker" --vendor biocatch & PEER_PIDS=$!; }
# How late the loop came to its 10 ms timer: how many of all, by the buckets of the histogram.
loop_lag() {
	curl -s "http://127.0.0.1:$((INGRESS_PORT + 1))/metrics" |
		sed -n 's/^verifyd_loop_lag_seconds_bucket{le="\([^"]*\)"} /\1 /p' |
		awk '{ le[$1] = $2 } END { printf "of %d turns %d within 5 ms, %d within 10 ms, %d within 25 ms, %d within 100 ms", le["+Inf"], le["0.005"], le["0.01"], le["0.025"], le["0.1"] }'
}
p2_start() { "$verifyd_bin/verifyd-ingress" & PEER_PIDS=$!; }
p3_start() {
	"$verifyd_bin/verifyd-ingress" & local ingress=$!
	"$verifyd_bin/verifyd-worker" --vendor biocatch & PEER_PIDS=$ingress,$!
}
# After P1: every result must stand in Redis too.
peer_stop() {
	local p
	if [ -n "${N:-}" ] && [ "$W" = P1 ]; then
		local done=0
		done=$(redis-cli -p "$REDIS_PORT" -n "$REDIS_DB" --scan --pattern 'verifyd:v:*' | xargs -r -n 500 redis-cli -p "$REDIS_PORT" -n "$REDIS_DB" mget | grep -c '"state":"completed"')
		say "verifyd: $done of $N results in Redis; loop lag: $(loop_lag)"
	fi
	for p in ${PEER_PIDS//,/ }; do stop_pid "$p"; done
}
