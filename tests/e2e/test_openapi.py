"""schemas/openapi.yaml against the running ingress: schemathesis makes requests out of it, right ones and wrong ones, and judges the answers."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lib.stack import KEYS

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "openapi.yaml"
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance",
          "negative_data_rejection", "missing_required_header"]
# What B2C's contract answers with 409 (ARCHITECTURE section 6), HTTP alone would answer with 401 and 405; test_auth.py and
# test_bad_input.py look at those.
REST = ["unsupported_method", "allow_header_conformance", "ignored_auth", "use_after_free", "ensure_resource_availability"]
PARTS = {
    "v1 and pages": ("^/(v1|start|return|wait)", CHECKS + REST, "examples,coverage,fuzzing,stateful"),
    "b2c": ("^/api", CHECKS, "examples,coverage,fuzzing"),
}
EXAMPLES = 25  # requests by chance, for each operation; the others come from the schema
SEED = 20261121


def schemathesis(folder, address, *arguments):
    """Runs in a folder of its own, where it may leave what it likes."""
    # Prefer: nothing is gained by waiting for answers; what a wait may look like is tested in test_verifications.py.
    command = [Path(sys.executable).with_name("schemathesis"), "run", SCHEMA, "--url", f"http://{address}", "--header", f"X-Api-Key: {KEYS['b2c']}",
               "--header", "Prefer: wait=0", "--suppress-health-check", "all", "--generation-database", "none", "--no-color", "--warnings", "off",
               "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--request-timeout", "30", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) >= 40


@pytest.fixture(scope="module")
def hurried_ingress(service):
    return service.stack.ingress(SYNC_BUDGET_MS=300, INITIATE_WAIT_MS=100)


@pytest.mark.parametrize("part", PARTS)
def test_what_the_description_promises_holds(hurried_ingress, folder, part):
    paths, checks, phases = PARTS[part]
    schemathesis(folder, hurried_ingress.process.address(listener="http"), "--include-path-regex", paths, "--checks", ",".join(checks),
                 "--phases", phases)


def test_of_the_ops_listener_too(hurried_ingress, folder):
    schemathesis(folder, hurried_ingress.process.address(listener="ops"), "--include-tag", "operations", "--checks", ",".join(CHECKS),
                 "--phases", "coverage,fuzzing")
