#!/bin/sh
# Builds what the demo's image has besides the package, as a tree for its root: sh deploy/image/build-demo.sh OUT. In the Debian in which
# build-deb.sh has run (it installed what is needed); the Dockerfile's second stage, and build-rootfs.sh's with --demo.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake --preset release -B "$build" -DVERIFYD_TESTS=ON >"$build/log" 2>&1 &&
	cmake --build "$build" --target vendorsim verifyd-devbroker >>"$build/log" 2>&1 || {
	tail -n 40 "$build/log" >&2
	exit 1
}
mkdir -p "$out/usr/bin" "$out/usr/share/verifyd/demo"
for program in vendorsim verifyd-devbroker; do strip -o "$out/usr/bin/$program" "$build/bin/$program"; done
cp -R deploy/demo/playground deploy/demo/policies.sh deploy/compose/keys.sh deploy/compose/playground.sh "$out/usr/share/verifyd/demo/"
rm -rf "$out/usr/share/verifyd/demo/playground/__pycache__"
