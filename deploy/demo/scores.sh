# shellcheck shell=sh
# Sourced by deploy/demo.sh: the walk's questions about scores. Uses its functions and variables.
# shellcheck disable=SC2154,SC2034

# hops ID: when each part had the question, counted from the moment the ingress took it.
hops() {
	run state "$own/verifyctl" get "$1" --json || fail "$1 is not known:" "$work/state.log"
	state=$work/state.log
	created=$(number created_ms <"$state") taken=$(number taken_ms <"$state") asked=$(number asked_ms <"$state")
	answered=$(number answered_ms <"$state") updated=$(number updated_ms <"$state")
	if [ -z "$created" ] || [ -z "$taken" ] || [ -z "$asked" ] || [ -z "$answered" ] || [ -z "$updated" ]; then
		expect "the timeline of $1" incomplete complete
		return
	fi
	hop 0 ingress "took the call, wrote the question to Kafka (${VERIFYD_TOPIC_PREFIX}requests.biocatch.score)"
	hop "$((taken - created))" worker "read it from Kafka"
	hop "$((asked - created))" vendor "was asked"
	hop "$((answered - created))" vendor "answered, after $((answered - asked)) ms"
	hop "$((updated - created))" worker "wrote the result to Kafka (${VERIFYD_TOPIC_PREFIX}results), then to Redis"
	vendor_ms=$((answered - asked))
}

show_answer() {
	hop "$took_ms" B2C "has its answer: $code $answer"
}

walk_low() {
	title "1. GET GetScore: somebody who behaves as always"
	ask "http://$http/api/BioCatch/GetScore?$question&customerSessionID=session-1"
	first=$(say "$answer" | word verificationId)
	[ -z "$first" ] || hops "$first"
	show_answer
	expect status "$code" 200
	expect riskLevel "$(say "$answer" | word riskLevel)" LOW
	expect score "$(say "$answer" | number score)" 87
	right "LOW; $((took_ms - ${vendor_ms-0})) of $took_ms ms were verifyd's own"
}

walk_again() {
	title "2. The same question again, as in B2C's second try"
	ask "http://$http/api/BioCatch/GetScore?$question&customerSessionID=session-1"
	show_answer
	expect verificationId "$(say "$answer" | word verificationId)" "$first"
	expect score "$(say "$answer" | number score)" 87
	fetch "$work/answer" "http://$vendor/control/stats" >/dev/null
	expect "the vendor's count of calls" "$(number requests <"$work/answer")" 1
	right "the same verification, and still one call to the vendor"
}

walk_high() {
	title "3. POST GetScore: somebody else at the keyboard"
	ask -H 'Content-Type: application/json' -d '{"customerSessionID":"session-2~score=912","uuid":"user-2","activityType":"LOGIN"}' \
		"http://$http/api/BioCatch/GetScore"
	second=$(say "$answer" | word verificationId)
	[ -z "$second" ] || hops "$second"
	show_answer
	expect status "$code" 200
	expect riskLevel "$(say "$answer" | word riskLevel)" HIGH
	expect score "$(say "$answer" | number score)" 912
	right "HIGH; $((took_ms - ${vendor_ms-0})) of $took_ms ms were verifyd's own"
}

walk_slow() {
	title "4. The vendor needs $SLOW_MS ms, B2C is held $BUDGET_MS ms at most"
	ask "http://$http/api/BioCatch/GetScore?$question&customerSessionID=session-3~score=640~delay=$SLOW_MS"
	show_answer
	third=$(say "$answer" | word verificationId)
	expect status "$code" 200
	expect riskLevel "$(say "$answer" | word riskLevel)" UNKNOWN
	expect reason "$(say "$answer" | word reason)" pending
	expect score "$(say "$answer" | number score)" ""
	[ "$took_ms" -lt $((BUDGET_MS + 500)) ] || expect "the time" "$took_ms ms" "less than $((BUDGET_MS + 500)) ms"
	right "UNKNOWN in time, on which a policy asks for a second factor"
	waited_ms=$took_ms
	ask -H 'Prefer: wait=10' "http://$http/v1/verifications/$third"
	hop "$((waited_ms + took_ms))" caller "GET /v1/verifications/{id}: $code $(say "$answer" | sed 's/"kind".*"state"/"state"/')"
	expect status "$code" 200
	expect state "$(say "$answer" | word state)" completed
	expect risk "$(say "$answer" | word risk)" MEDIUM
	expect score "$(say "$answer" | number score)" 640
	right "the answer was not lost"
}

walk_refused() {
	title "5. A wrong key"
	fetched=$(fetch "$work/answer" -H 'X-Api-Key: not-the-key-of-anybody-here' "http://$http/api/BioCatch/GetScore?$question")
	code=${fetched% *} took_ms=${fetched#* } answer=$(cat "$work/answer")
	show_answer
	expect status "$code" 409
	expect code "$(say "$answer" | word code)" unauthenticated
	right "refused in the form that B2C can show"
}
