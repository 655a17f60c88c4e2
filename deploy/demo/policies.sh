#!/bin/sh
# Renders the three sets of policies that the playground runs, as for a tenant but for the addresses:
#
#   sh policies.sh VERIFYCTL API_URL TOKEN_AUDIENCE OUT     OUT: a folder; gets one folder for each set, and its settings
set -eu
verifyctl=$1 api=$2 audience=$3 out=$4

# render NAME JOURNEYS [SETTING]…
render() {
	name=$1
	{
		printf '%s\n' "Name = $name" "Journeys = $2" "Tenant = playground.onmicrosoft.com" "ApiUrl = $api" \
			"TokenAudience = $audience" "ExtensionsAppId = 11111111-1111-4111-8111-111111111111" \
			"ExtensionsAppObjectId = 22222222-2222-4222-8222-222222222222"
		shift 2
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$out/../$name.settings"
	"$verifyctl" policy render --loopback-http --settings "$out/../$name.settings" --out "$out/$name"
}

render Verifyd combined
render VerifydJumio jumio
render VerifydBioCatch biocatch 'HighRisk = block'
