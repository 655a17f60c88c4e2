#!/bin/sh
# Makes the image's file system what it is to be: sh install-deb.sh FILE.deb, in a minimal Debian 13. The Dockerfile's
# second stage, and build-rootfs.sh's. Services run as user 65532, which owns nothing.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends ca-certificates "$1"
rm -rf "$1" /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/apt /var/log/dpkg.log
echo 'verifyd:x:65532:65532::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'verifyd:x:65532:' >>/etc/group
