#!/bin/sh
# The image's file system without a container engine: the Dockerfile's two stages, by mmdebstrap.
#
#   sh deploy/image/build-rootfs.sh [--demo] OUT      as root; makes OUT/rootfs (a folder) and OUT/verifyd_*.deb
#
# --demo: also OUT/rootfs-demo, the Dockerfile's target of that name: the same and the stand-ins of deploy/compose.yaml.
# A Debian 13 with what the build needs is kept in ${VERIFYD_CACHE:-~/.cache/verifyd} and used again.
set -eu
demo=no
[ "${1-}" != --demo ] || { demo=yes && shift; }
[ $# -eq 1 ] || { echo "build-rootfs.sh: needs OUT, a folder" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "build-rootfs.sh: must be run as root" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
[ ! -e "$out/rootfs" ] && [ ! -e "$out/rootfs-demo" ] || { echo "build-rootfs.sh: $out/rootfs is there already" >&2; exit 2; }
cd "$(dirname "$0")/../.."
. deploy/packages.sh
verifyd_install rootfs
cache=${VERIFYD_CACHE:-$HOME/.cache/verifyd}
mkdir -p "$cache"

# base NAME PACKAGES…: a Debian 13 with these packages, as a tar file in the cache. Prints its path.
base() {
	name=$1
	shift
	file=$cache/trixie-$name-$(echo "$*" | cksum | cut -d' ' -f1).tar
	if [ ! -e "$file" ]; then
		mmdebstrap --quiet --variant=minbase --include="$(echo "$*" | tr ' ' ',')" trixie "$file.part.tar" >&2
		mv "$file.part.tar" "$file"
	fi
	echo "$file"
}

# The network of the build and of the installation is the host's, with its resolver, package mirror and authorities.
enter() {
	root=$1
	shift
	for each in /etc/resolv.conf /etc/hosts; do [ ! -e $each ] || cp -L $each "$root$each"; done
	lent=
	for each in /etc/apt/apt.conf.d/*; do
		[ -e "$root$each" ] || { cp "$each" "$root$each" && lent="$lent $root$each"; }
	done
	status=0
	chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@" || status=$?
	# shellcheck disable=SC2086
	rm -f $lent
	return $status
}

work=$(mktemp -d "$out/build-XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "Building the package in a Debian 13" >&2
# shellcheck disable=SC2046
tar -xf "$(base build $(verifyd_packages | awk -F'|' '$1 == "build" || $1 == "package" { print $2 }'))" -C "$work"
mkdir "$work/src"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$work/src"
enter "$work" sh /src/deploy/image/build-deb.sh /out >&2
cp "$work"/out/verifyd_*.deb "$out/"

echo "Installing it in an empty Debian 13" >&2
mkdir "$out/rootfs"
tar -xf "$(base run ca-certificates)" -C "$out/rootfs"
cp "$out"/verifyd_*.deb "$out/rootfs/tmp/verifyd.deb"
cp deploy/image/install-deb.sh "$out/rootfs/tmp/"
enter "$out/rootfs" sh /tmp/install-deb.sh /tmp/verifyd.deb >"$work/install.log" 2>&1 || { tail -n 30 "$work/install.log" >&2; exit 1; }
rm "$out/rootfs/tmp/install-deb.sh"
[ "$demo" = no ] || {
	echo "Adding the demo's stand-ins" >&2
	enter "$work" sh /src/deploy/image/build-demo.sh /demo >&2
	cp -a "$out/rootfs" "$out/rootfs-demo"
	cp -a "$work/demo/." "$out/rootfs-demo/"
	cp deploy/image/install-demo.sh "$out/rootfs-demo/tmp/"
	enter "$out/rootfs-demo" sh /tmp/install-demo.sh >"$work/install.log" 2>&1 || { tail -n 30 "$work/install.log" >&2; exit 1; }
	rm "$out/rootfs-demo/tmp/install-demo.sh"
}
du -sh "$out/rootfs" | sed 's/\t.*/ in rootfs/' >&2
