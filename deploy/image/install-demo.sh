#!/bin/sh
# Makes the image the demo's, after build-demo.sh's tree was put over its root: sh install-demo.sh. The playground is Python; /keys and
# /tls are where volumes are mounted, which take over whom they belong to.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends openssl python3
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/apt /var/log/dpkg.log
install -d -o 65532 -g 65532 -m 700 /keys
install -d -o 65532 -g 65532 -m 755 /tls
