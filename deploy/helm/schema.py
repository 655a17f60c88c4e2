#!/usr/bin/env python3
"""Makes the chart's values.schema.json of its own part (values.schema.in.json) and verifyd's settings (verifyctl config schema).
Usage: schema.py VERIFYCTL [--check]    --check: status 1 when the file is not what would be made"""
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "verifyd" / "values.schema.json"


def main():
    schema = json.loads((HERE / "values.schema.in.json").read_text())
    settings = json.loads(subprocess.run([sys.argv[1], "config", "schema"], check=True, capture_output=True, text=True).stdout)
    schema["definitions"] |= settings["definitions"]
    text = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    if sys.argv[2:] == ["--check"]:
        if OUT.read_text() != text:
            sys.exit(f"{OUT.name} is not current: run deploy/helm/schema.py build/dev/bin/verifyctl")
    else:
        OUT.write_text(text)


if __name__ == "__main__":
    main()
