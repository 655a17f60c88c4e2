# shellcheck shell=sh
# Sourced by deploy/demo.sh: B2C's stand-in, with the policies of deploy/b2c made for this machine. Uses demo.sh's functions and variables.
# shellcheck disable=SC2154,SC2034

# It listens before there are policies: the ingress has to know its address, and the policies that of the ingress.
start_playground() {
	mkdir "$work/policies" || exit 1
	launch playground python3 deploy/demo/playground --port 0 --policies "$work/policies" --key-file "$work/keys/api-keys" \
		--vendor "http://$vendor" --verifyctl "$own/verifyctl"
	keep
	await 20 playground "$pid" "$work/playground.log" is_listening "$work/playground.log" playground
	playground=$(address "$work/playground.log" playground)
}

render_policies() {
	run render sh deploy/demo/policies.sh "$own/verifyctl" "http://$http" "$VERIFYD_TOKEN_AUDIENCE" "$work/policies" ||
		fail "the policies cannot be made:" "$work/render.log"
}

walk_playground() {
	title "9. The same as a person goes it: the policies of deploy/b2c, their pages, B2C's stand-in"
	run person python3 deploy/demo/playground/person.py "http://$playground" || wrong=$((wrong + 1))
	cat "$work/person.log"
	right "the rendered policies and pages took this person from sign-up to a token"
}
