#!/bin/sh
# Builds the Debian package from this source tree: sh deploy/image/build-deb.sh OUT. In a Debian 12 or 13, as root (it
# installs what it needs to build); the Dockerfile's first stage, and build-rootfs.sh's.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
. deploy/packages.sh
verifyd_install build package
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake --preset release -B "$build" -DVERIFYD_TESTS=OFF >"$build/log" 2>&1 &&
	cmake --build "$build" --target all man >>"$build/log" 2>&1 &&
	cmake --build "$build" --target package >>"$build/log" 2>&1 || {
	tail -n 40 "$build/log" >&2
	exit 1
}
cp "$build"/verifyd_*.deb "$out/"
ls "$out"/verifyd_*.deb
