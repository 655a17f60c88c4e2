"""What the documents name is there: verifyctl's commands and flags, settings, files and sections that links lead to; and librdkafka takes
the Kafka settings that they print."""
import re
from pathlib import Path

import pytest

from lib import process

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
# Of tests, not of verifyd.
OTHERS = {"VERIFYD_BIN", "VERIFYD_OLD_BIN"}


def helped(program, *words):
    done = process.run(program, *words, "--help", settings={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def anchors(text):
    """The names that GitHub gives to headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.fixture(scope="module")
def commands():
    """Command -> its flags."""
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +", helped("verifyctl").partition("Commands\n")[2].partition("\n\n")[0], re.M)
    assert {"status", "dead list", "config schema"} <= set(listed)
    return {command: set(re.findall(r"--[a-z-]+", helped("verifyctl", *command.split()))) for command in listed}


@pytest.fixture(scope="module")
def settings():
    known = re.findall(r"VERIFYD_[A-Z0-9_]+", helped("verifyd-ingress") + helped("verifyd-worker", "--vendor", "biocatch,jumio") + helped("verifyctl"))
    return set(known) | {f"{name}_FILE" for name in known} | OTHERS


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_commands_and_settings_of_a_document_exist(path, commands, settings):
    text, wrong = path.read_text(encoding="utf-8"), []
    printed = re.findall(r"`(?:[^`\n]*; )?verifyctl ([^`\n)]*)[`)]", text)
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.S | re.M):
        printed += re.findall(r"(?:^|[;&(] *)verifyctl ([^\n#;)|>]*)", block, re.M)
    for line in printed:
        words = line.split()
        if not words or words[0].startswith("-"):
            continue
        command = next((name for name in (" ".join(words[:2]), words[0]) if name in commands), None)
        if command is None and words[0] not in {name.split()[0] for name in commands}:
            wrong.append(f"verifyctl {line}: no such command")
        for flag in re.findall(r"(?<![\w-])--[a-z-]+", line) if command else ():
            if flag not in commands[command] | {"--help"}:
                wrong.append(f"verifyctl {line}: no such flag of {command}")
    for name in set(re.findall(r"VERIFYD_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_]|…)", text)):
        if name not in settings and not any(known.startswith(name + "_") for known in settings):
            wrong.append(f"{name}: no such setting")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, section = target.partition("#")
        there = path.parent / name if name else path
        assert there.exists(), f"{path.name}: {target}"
        assert not section or section in anchors(there.read_text(encoding="utf-8")), f"{path.name}: {target}"


def test_the_kafka_settings_that_are_printed_are_taken(folder):
    text = (ROOT / "docs" / "kafka-platforms.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"^```\n(.*?)^```$", text, re.S | re.M) if block.startswith("security.protocol")]
    assert len(blocks) == 4
    file = folder / "kafka.conf"
    folder.mkdir(parents=True, exist_ok=True)
    for block in blocks:
        file.write_text(block)
        done = process.run("verifyctl", "topics", "check", "--timeout", "1", settings={
            "VERIFYD_KAFKA_BROKERS": "127.0.0.1:1", "VERIFYD_REDIS_URL": "redis://127.0.0.1:1", "VERIFYD_KAFKA_CONFIG_FILE": file})
        needs_files = "ssl.key.location" in block
        assert done.returncode == 1 and ("refuses the settings: ssl.certificate.location" if needs_files else "no broker answered") in done.stderr, done.stderr
