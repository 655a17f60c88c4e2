# shellcheck shell=sh
# Sourced by deploy/demo.sh: a sign-up with Jumio, as B2C, its page and the person's browser go through it. Uses demo.sh's
# functions and variables.
# shellcheck disable=SC2154,SC2034

# browse ARGUMENT…: one step of the person's browser, cookies kept. Sets $code, $took_ms and $location.
browse() {
	stepped=$(curl -q -sS --noproxy '*' --max-time 30 -b "$work/cookies" -c "$work/cookies" -o "$work/page" \
		-w '%{http_code} %{time_total} %{redirect_url}\n' "$@" 2>"$work/curl.log")
	code=${stepped%% *} location=${stepped#* }
	took_ms=$(say "${location%% *}" | awk '{ printf "%d", $1 * 1000 + 0.5 }')
	location=${location#* }
}

# post ROUTE JSON: B2C's call. Sets what ask sets.
post() {
	ask -H 'Content-Type: application/json' -d "$2" "http://$http/api/$1"
}

# initialize OBJECT_ID: a journey's first call.
initialize() {
	post Jumio/InitializeTransaction "{\"ObjectId\":\"$1\",\"ClientId\":\"demo-app\",\"RedirectUri\":\"https://jwt.ms\",\"Scope\":\"openid\",
		\"Policy\":\"B2C_1A_Return\",\"CorrelationId\":\"$(random_word)\"}"
}

random_word() {
	od -An -N8 -tx8 /dev/urandom | tr -d ' \n'
}

# parameter NAME: of the address in $location, as it stands there.
parameter() {
	say "$location" | tr '?&' '\n\n' | sed -n "s/^$1=//p" | head -n 1
}

# claim NAME: of the JWT on standard input (base64url without padding).
claim() {
	cut -d. -f2 | tr -- '-_' '+/' | sed 's/$/===/' | base64 -d 2>/dev/null | word "$1"
}

walk_signup_out() {
	title "6. A sign-up: B2C asks for a verification, the browser is sent to Jumio"
	person="person-$(random_word)~pending=1" # Jumio has not decided when it is asked first
	initialize "$person"
	signup=$(say "$answer" | word transactionReference) start=$(say "$answer" | word redirectUrl)
	hop "$took_ms" B2C "InitializeTransaction: $code, transactionReference $signup"
	expect status "$code" 200
	browse "$start"
	hop "$took_ms" browser "GET /start/…: $code, on to Jumio's page"
	expect status "$code" 302
	browse "$location"
	capture=$(sed -n 's/.*name="authorizationToken" value="\([^"]*\)".*/\1/p' "$work/page" | head -n 1)
	expect "Jumio's page" "$code" 200
	right "bound to this browser by a cookie; the page's address was never in a log or a topic in clear"
}

walk_signup_back() {
	title "7. The person shows a passport and comes back"
	browse --data-urlencode "authorizationToken=$capture" -d outcome=approved "http://$vendor/jumio/capture/finish"
	hop "$took_ms" vendor "has its pictures, sends the browser back: $code"
	browse "$location"
	hop "$took_ms" browser "GET /return/…: $code, on to B2C with a fresh id_token_hint"
	expect status "$code" 302
	expect "the hint's ObjectId" "$(parameter id_token_hint | claim ObjectId)" "$person"
	expect transactionReference "$(parameter transactionReference)" "$signup"
	right "signed (RS256, 15 minutes); B2C checks it by /api/Oidc/.well-known/keys"
}

walk_signup_verified() {
	title "8. B2C's page polls until Jumio has decided"
	post Jumio/InitializeVerification "{\"ObjectId\":\"$person\",\"TransactionReference\":\"$signup\"}"
	token=$(say "$answer" | word verificationToken)
	expect status "$code" 200
	polls=0 status_word=
	while [ "$status_word" != SUCCESS ] && [ "$status_word" != FAILED ] && [ $polls -lt 20 ]; do
		polls=$((polls + 1))
		ask -H 'Content-Type: application/json' -H 'Prefer: wait=5' -d "{\"verificationToken\":\"$token\"}" \
			"http://$http/api/Jumio/VerifyTransactionStatus"
		status_word=$(say "$answer" | word status)
		hop "$took_ms" page "VerifyTransactionStatus: $status_word"
	done
	expect status "$status_word" SUCCESS
	post Jumio/ValidateVerificationToken "{\"ObjectId\":\"$person\",\"TransactionReference\":\"$signup\",\"VerificationToken\":\"$token\"}"
	hop "$took_ms" B2C "ValidateVerificationToken: $answer"
	expect success "$(say "$answer" | sed -n 's/.*"success":\([a-z]*\).*/\1/p')" true
	fetch "$work/answer" "http://$vendor/control/jumio/transactions" >/dev/null
	expect "transactions at Jumio" "$(grep -o '"reference"' "$work/answer" | wc -l | tr -d ' ')" 1
	right "verified: document, face and references; one transaction was bought"
	say
	run story "$own/verifyctl" get "$signup"
	sed 's/^/  /' "$work/story.log"
}

walk_signup() {
	walk_signup_out
	walk_signup_back
	walk_signup_verified
}
