#!/bin/sh
# The chart, the package and the image, for real: renders the chart, builds the .deb in a Debian 13 root, installs it in an empty one, and runs the services
# from there, as the image's user, against Kafka, Redis and the vendors' stand-in outside; and those of deploy/compose.yaml, as a container engine would.
# Needs root and mmdebstrap; for the chart and compose.yaml, go.
#
#   sh tests/packages/run.sh [--bin DIR]     stand-ins and test programs are taken from DIR (build/dev/bin)
#
# One line a check; last line 'N passed, N failed'. 4 minutes; half of it is kept for the next time in the cache.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
. deploy/packages.sh
bin=$root/build/dev/bin
[ "${1-}" != --bin ] || bin=$2
cache=${VERIFYD_CACHE:-$HOME/.cache/verifyd}
. tests/venv.sh
passed=0 failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/verifyd-packages-XXXXXX") || exit 1
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check WHAT COMMAND…
check() {
	what=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		passed=$((passed + 1))
		printf 'ok      %s\n' "$what"
	else
		failed=$((failed + 1))
		printf 'FAILED  %s\n' "$what"
		tail -n 40 "$work/log" | sed 's/^/        /'
	fi
}

finish() {
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ]
	exit $?
}

image() {
	sh deploy/image/build-rootfs.sh --demo "$work/image"
}

# What systemd says of a unit's sandbox, 0 (safe) to 10: 2.0 at most, and no line that it does not understand.
is_sandboxed() {
	level=$(systemd-analyze security --offline=yes "$1" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\) .*/\1/p')
	echo "$1: $level"
	awk -v level="$level" 'BEGIN { exit !(level != "" && level <= 2.0) }'
}

# The unit as systemd reads it; the programs are not on this machine, so that /bin/true stands for them.
is_understood() {
	mkdir -p "$work/units" && sed 's#/usr/bin/verifyd-[a-z]*#/bin/true#' "$1" >"$work/units/$(basename "$1")" &&
		systemd-analyze verify --man=no "$work/units/$(basename "$1")" 2>&1 | grep -F "$(basename "$1")" && return 1
	return 0
}

# Programs in the image's root, which is read-only as `docker run --read-only` has it, with the network and $work from outside;
# as the image's user where one is named. What root owns outside is that user's inside, so that it can read a test's keys.
# wrappers DIR [USER]
wrappers() {
	mkdir -p "$1" "$work/image/rootfs$work" || return 1
	for program in verifyd-ingress verifyd-worker verifyctl; do
		cat >"$1/$program" <<SCRIPT
#!/bin/sh
exec unshare --mount --propagation private sh -c 'cd "$work/image/rootfs" && mount --bind . . && cd "$work/image/rootfs" &&
	mount --bind "$work" ".$work" && mount -t proc proc proc && mount --bind /dev dev && mount -o remount,bind,ro . &&
	pivot_root . mnt && umount -l /mnt && cd / && exec ${2:+unshare --user --map-user=$2 --map-group=$2} /usr/bin/$program "\$@"' sh "\$@"
SCRIPT
		chmod 755 "$1/$program"
	done
	ln -sf "$bin/vendorsim" "$bin/verifyd-devbroker" "$1/"
}

end_to_end() {
	TMPDIR=$work VERIFYD_BIN=$work/as-user "$venv/bin/python" -m pytest -c tests/pytest.ini --rootdir tests -q \
		tests/e2e/test_score.py
}

demo() {
	TMPDIR=$work sh deploy/demo.sh --once --bin "$work/as-root"
}

# Everything that was installed is owned by the package, and the settings are the administrator's.
is_well_packed() {
	package=$(ls "$work"/image/verifyd_*.deb) &&
		dpkg-deb --info "$package" | grep -q '^ Depends: .*librdkafka1' &&
		dpkg-deb --contents "$package" | grep -q '/usr/share/man/man8/verifyd-worker.8.gz' &&
		chroot "$work/image/rootfs" dpkg --verify verifyd &&
		chroot "$work/image/rootfs" dpkg-query --show --showformat='${Conffiles}\n' verifyd | grep -q /etc/verifyd/worker.env &&
		! chroot "$work/image/rootfs" sh -c 'command -v gcc || command -v curl || command -v java'
}

# The settings that the package brings need only keys and a vendor's name to be complete.
starts_from_its_settings() {
	chroot "$work/image/rootfs" sh -c '
		rm -rf /tmp/keys && verifyctl keys new --out /tmp/keys >/dev/null || exit 1
		set -a
		for each in verifyd ingress worker; do . /etc/verifyd/$each.env; done
		. /tmp/keys/env
		VERIFYD_BIOCATCH_CUSTOMER_ID=contoso
		verifyd-ingress --check-config && verifyd-worker --vendor "$VENDORS" --check-config'
}

completes() {
	bash -c 'verifyctl() { "$1/verifyctl" "${@:2}"; }
		PATH=$1:$PATH; unset -f verifyctl; . deploy/completion/verifyctl
		COMP_WORDS=(verifyctl topics ""); COMP_CWORD=2; _verifyctl; [[ " ${COMPREPLY[*]} " == *" create "* ]] || exit 1
		COMP_WORDS=(verifyctl topics create --p); COMP_CWORD=3; _verifyctl; [[ "${COMPREPLY[*]}" == --partitions ]]' bash "$bin"
}

# helm is built from the Go module proxy, once; Debian has none.
helm_version=v3.19.0
helm=$cache/helm-$helm_version/helm
fetch_helm() {
	[ -x "$helm" ] || GOBIN=$cache/helm-$helm_version go install "helm.sh/helm/v3/cmd/helm@$helm_version"
}

chart=deploy/helm/verifyd
renders() {
	"$helm" lint --strict "$chart" -f "$1" && "$helm" template v "$chart" --kube-version 1.33.0 --namespace identity -f "$1" >"$work/manifests" &&
		"$venv/bin/python" tests/packages/chart.py <"$work/manifests"
}

# refuses WORD ARGUMENT…: and says why, in a line with that word
refuses() {
	word=$1
	shift
	if "$helm" template v "$chart" --kube-version 1.33.0 "$@" >"$work/manifests" 2>&1; then return 1; fi
	cat "$work/manifests"
	grep -q -- "$word" "$work/manifests"
}

check_chart() {
	check "the chart's schema is that of the settings" python3 deploy/helm/schema.py "$bin/verifyctl" --check
	for values in deploy/helm/values/*.yaml; do
		check "the chart renders $(basename "$values")" renders "$values"
	done
	minimal=deploy/helm/values/minimal.yaml
	check "the chart refuses a setting that there is not" refuses NO_SUCH -f $minimal --set settings.NO_SUCH=1
	check "the chart refuses a value out of range" refuses MAX_BODY_BYTES -f $minimal --set settings.MAX_BODY_BYTES=1
	check "the chart refuses a secret among the settings" refuses SEAL_KEYS -f $minimal --set settings.SEAL_KEYS=k
	check "the chart refuses a host without TLS" refuses tlsSecret -f $minimal --set ingress.host=a.example
}

# Compose's own reader of its files, built as helm is.
compose_version=v2.9.0
compose=$cache/compose-$compose_version/cmd
fetch_compose() {
	[ -x "$compose" ] || GOBIN=$cache/compose-$compose_version go install "github.com/compose-spec/compose-go/v2/cmd@$compose_version"
}

# It takes the current folder for the file's.
reads_compose() {
	(cd deploy && "$compose" -format json compose.yaml) >"$work/model" && python3 tests/packages/compose.py check "$bin/verifyctl" <"$work/model"
}

runs_compose() {
	mkdir "$work/engine" && python3 tests/kafka/broker.py fetch && unshare --net python3 tests/packages/compose.py run "$work/image" "$work/engine" "$cache" <"$work/model"
}

if ! venv_is_made && ! venv_make >"$work/log" 2>&1; then
	echo "packages: no Python packages:" && tail -n 5 "$work/log"
	failed=1
	finish
elif command -v go >/dev/null 2>&1; then
	check "helm builds" fetch_helm
	check_chart
	check "compose-go builds" fetch_compose
	check "Compose reads deploy/compose.yaml, and nothing in it is wrong" reads_compose
else
	echo "packages: the chart and compose.yaml are not checked: needs go 1.24 or later, to build helm and compose-go"
fi
if [ "$(id -u)" != 0 ]; then
	echo "packages: not run: needs root (mmdebstrap, chroot)"
	finish
fi
verifyd_install rootfs redis kafka test || { failed=1; finish; }
check "the package builds in a Debian 13 and installs in an empty one" image
[ $failed -eq 0 ] || finish
units=$work/image/rootfs/lib/systemd/system
check "the ingress is sandboxed" is_sandboxed "$units/verifyd-ingress.service"
check "the worker is sandboxed" is_sandboxed "$units/verifyd-worker.service"
check "systemd understands the ingress's unit" is_understood "$units/verifyd-ingress.service"
check "systemd understands the worker's unit" is_understood "$units/verifyd-worker.service"
check "the package holds what it should, and nothing else is in the image" is_well_packed
check "its settings are complete with keys and a vendor" starts_from_its_settings
check "bash completes commands and flags" completes
wrappers "$work/as-user" 65532 && wrappers "$work/as-root"
check "scores end to end, from the image, as its user" end_to_end
check "the demo, from the image" demo
[ ! -s "$work/model" ] || check "the services of deploy/compose.yaml, from the images" runs_compose
finish
