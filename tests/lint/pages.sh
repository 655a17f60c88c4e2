#!/bin/sh
# The pages of the B2C policies are what their sources make.
. "$(dirname "$0")/lib.sh"

need python3 python3
python3 deploy/b2c/ui/build.py --check >>"$lint_found" || [ -s "$lint_found" ] || wrong "deploy/b2c/ui/build.py failed"
finish "$(ls deploy/b2c/ui/*.html | wc -l) pages"
