# shellcheck shell=sh
# Sourced by tests/run.sh and tests/chaos/run.sh, which have set `root` (the repository) and `cache`: where the tests' Python is.

# Its name changes with Python and with the pinned versions.
venv=$cache/venv-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(cksum <"$root/tests/requirements.txt" | cut -d' ' -f1)

venv_is_made() {
	[ -e "$venv/.complete" ]
}

# Whole or not at all.
venv_make() {
	mkdir -p "$cache" && rm -rf "$venv" && python3 -m venv "$venv" &&
		"$venv/bin/pip" install -q --disable-pip-version-check --no-deps --only-binary :all: -r "$root/tests/requirements.txt" &&
		touch "$venv/.complete"
}
