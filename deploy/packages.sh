# shellcheck shell=sh
# Sourced by deploy/demo.sh and tests/run.sh: installs what a Debian 12 or 13 lacks, and only that.
#
#   verifyd_install build test kafka      any of: build, package, rootfs, redis, demo, test, kafka
#
# A row is `group|package|check`; what passes its check, from wherever it came, is left alone. What brings a service is not started
# (SYSTEMD_OFFLINE): the tests start their own.
verifyd_packages() {
	cat <<'ROWS'
build|gcc|command -v gcc
build|libc6-dev|test -e /usr/include/stdio.h
build|cmake|command -v cmake
build|ninja-build|command -v ninja
build|pkg-config|command -v pkg-config
build|libjemalloc-dev|pkg-config --exists jemalloc
build|libjansson-dev|pkg-config --exists jansson
build|libssl-dev|pkg-config --exists libcrypto
build|libjose-dev|pkg-config --exists jose
build|libxml2-dev|pkg-config --exists libxml-2.0
build|libuv1-dev|pkg-config --exists libuv
build|librdkafka-dev|pkg-config --exists rdkafka
build|libhiredis-dev|pkg-config --exists hiredis
build|libcurl4-openssl-dev|pkg-config --exists libcurl
build|libmicrohttpd-dev|pkg-config --exists libmicrohttpd
package|help2man|command -v help2man
package|dpkg-dev|command -v dpkg-shlibdeps
package|file|command -v file
rootfs|mmdebstrap|command -v mmdebstrap
rootfs|git|command -v git
rootfs|iproute2|command -v ip
redis|redis-server|command -v redis-server
demo|curl|command -v curl
demo|python3|command -v python3
test|libcmocka-dev|pkg-config --exists cmocka
test|python3|command -v python3
test|python3-venv|python3 -c "import ensurepip, venv"
test|haproxy|test -x /usr/sbin/haproxy
test|chromium|command -v chromium
test|chromium-driver|command -v chromedriver
test|prometheus|command -v promtool
test|ca-certificates|test -s /etc/ssl/certs/ca-certificates.crt
kafka|python3|command -v python3
kafka|ca-certificates|test -s /etc/ssl/certs/ca-certificates.crt
kafka|default-jre-headless|command -v java
kafka|maven|command -v mvn
ROWS
}

# Prints the packages of the groups that are missing, each once.
verifyd_missing() {
	verifyd_packages | while IFS='|' read -r group package check; do
		case " $* " in *" $group "*) ;; *) continue ;; esac
		sh -c "$check" </dev/null >/dev/null 2>&1 || echo "$package"
	done | sort -u | tr '\n' ' '
}

# Runs its arguments as root. Returns 1 when that is not possible here.
verifyd_as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
		sudo "$@"
	else
		return 1
	fi
}

# Returns 0 when everything is there; else 1, after the one command that mends it.
verifyd_install() {
	missing=$(verifyd_missing "$@")
	[ -n "$missing" ] || return 0
	advice="apt-get update && apt-get install -y --no-install-recommends $missing"
	if ! command -v apt-get >/dev/null 2>&1; then
		printf 'Missing (Debian names): %s\n' "$missing" >&2
		return 1
	fi
	if [ "$(id -u)" != 0 ] && ! verifyd_as_root true; then
		printf 'Missing packages. As root:\n  %s\n' "$advice" >&2
		return 1
	fi
	printf 'Installing %s\n' "$missing" >&2
	log=$(mktemp) || return 1
	# shellcheck disable=SC2086
	if verifyd_as_root apt-get update -q >"$log" 2>&1 && verifyd_as_root env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
		apt-get install -y -q --no-install-recommends $missing >>"$log" 2>&1 </dev/null; then
		rm -f "$log"
		missing=$(verifyd_missing "$@")
		[ -z "$missing" ] && return 0
		printf 'Installed, but still not usable: %s\n' "$missing" >&2
		return 1
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	printf 'That failed. As root:\n  %s\n' "$advice" >&2
	return 1
}
