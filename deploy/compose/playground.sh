#!/bin/sh
# The playground in its container: renders the policies for these addresses, then serves. API_URL and PORT come from the environment.
set -eu
here=$(dirname "$0")
mkdir -p /tmp/policies
sh "$here/policies.sh" verifyctl "$API_URL" demo-audience /tmp/policies
exec python3 -B "$here/playground" --bind 0.0.0.0 --port "$PORT" --policies /tmp/policies --key-file /keys/verifyd/api-keys \
	--vendor "$VENDOR_URL" --verifyctl verifyctl
