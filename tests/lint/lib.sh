# lib.sh: what the lint scripts share. Each prints what is wrong, one line per mistake, then one line of summary, and ends
# with 0 (good), 1 (mistakes) or 77 (a tool it needs is not here: skipped). They run anywhere, on the tree they stand in.
cd "$(dirname "$0")/../.." || exit 1
LC_ALL=C
export LC_ALL

lint_name=$(basename "$0" .sh)
lint_found=$(mktemp) || exit 1
trap 'rm -f "$lint_found"' EXIT

# The files of the tree under the given folders whose names end as told: files 'c h' common ingress
files() {
	endings=$1
	shift
	for ending in $endings; do
		find "$@" -type f -name "*.$ending" -not -path '*/build/*' -not -path '*/__pycache__/*'
	done | sort
}

need() {
	command -v "$1" >/dev/null 2>&1 && return 0
	echo "lint $lint_name: skipped, $1 is not installed (Debian: $2)"
	exit 77
}

wrong() {
	printf '%s\n' "$*" >>"$lint_found"
}

finish() {
	count=$(wc -l <"$lint_found")
	sed "s/^/lint $lint_name: /" "$lint_found"
	if [ "$count" -eq 0 ]; then
		echo "lint $lint_name: good, $*"
		exit 0
	fi
	echo "lint $lint_name: $count mistakes, $*"
	exit 1
}
