#!/usr/bin/env python3
"""Makes the pages from src/: each whole in itself, so that it can lie anywhere and asks nobody for anything else.

    python3 deploy/b2c/ui/build.py [--check]      --check: status 1 when a page is not what src/ makes

A page's source begins with its title (English | German), its picture and its scripts; the rest stands above B2C's own part.
The reasons of the block page are those of the service: ingress/pages.def, and journey_stages.def for what is not over yet.
csp.txt holds the hashes of style and scripts, for who serves these with a Content-Security-Policy."""
import base64
import hashlib
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, INGRESS = HERE / "src", HERE.parents[2] / "ingress"
CIRCLE = '<circle cx="12" cy="12" r="10"/>'
MARKS = {
    "wait": CIRCLE + '<path d="M12 12h4"/><path class="hand" d="M12 12V6"/>',
    "stop": CIRCLE + '<path d="M12 7v6M12 17v.01"/>',
    "person": '<circle cx="12" cy="8" r="4.5"/><path d="M3.5 21.5c.8-4.5 4-7 8.5-7s7.7 2.5 8.5 7"/>',
    "document": '<rect x="2" y="4" width="20" height="16" rx="2.5"/><circle cx="8" cy="10.5" r="2.25"/><path d="M4.75 16.5c.5-2 1.6-3 3.25-3s2.75 1 3.25 3M14.5 9.5h4M14.5 14h4"/>',
    "phone": '<rect x="6" y="2" width="12" height="20" rx="2.5"/><path d="M11 18.5h2"/>',
}
FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title data-de="{german}">{title}</title>
<style>
{style}</style>
</head>
<body>
<div class="card{kind}">
<header>
<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">{mark}</svg>
<h1 id="title" data-de="{german}">{title}</h1>
{text}</header>
<div id="api"></div>
</div>
<script>
{script}</script>
</body>
</html>
"""
# What ValidateVerificationToken says besides the reasons of pages.def: title, its German, the text's German, whether it is not over yet.
OTHERS = {
    "Your document is still being checked. Please sign in again later.": (
        "Your document is still being checked", "Ihr Ausweis wird noch geprüft",
        "Ihr Ausweis wird noch geprüft. Bitte melden Sie sich später noch einmal an.", True),
    "The check of your identity is not finished. Please sign in again and finish it.": (
        "Not finished yet", "Noch nicht fertig", "Die Prüfung Ihrer Identität ist noch nicht fertig. Bitte melden Sie sich noch einmal an und schließen Sie sie ab.", True),
    "That did not work. Please try again.": (
        "That did not work", "Das hat nicht geklappt", "Das hat nicht geklappt. Bitte versuchen Sie es noch einmal."),
    "This check has expired. Please try again.": (
        "This check has expired", "Diese Prüfung ist abgelaufen", "Diese Prüfung ist abgelaufen. Bitte versuchen Sie es noch einmal."),
}


def reasons():
    """Of each verdict that is not good: its text in English -> title, German title, German text."""
    text = (INGRESS / "pages.def").read_text(encoding="utf-8")
    for name, value in re.findall(r'#define (\w+) ("[^"]*")', text):
        text = re.sub(rf"\b{name}\b", lambda _, value=value: value, text)
    three = r'\(\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\s*\)'
    pages = re.findall(rf"PAGE\((\w+), BAD,\s*EN{three},\s*DE{three}\)", text)
    found = {f"{en} {advice}": (title, german, f"{de} {rat}") for _, title, en, advice, german, de, rat in pages}
    return found | OTHERS


def script_of(names):
    text = "".join((SOURCE / f"{name}.js").read_text(encoding="utf-8") for name in names)
    return text.replace("{{reasons}}", json.dumps(reasons(), ensure_ascii=False, indent="\t").replace("\n", "\n\t"))


def page(source):
    """Returns the page, its style and its script."""
    heads = dict(re.findall(r"^<!-- (\w+): (.*) -->$", source.read_text(encoding="utf-8"), re.M))
    text = re.sub(r"^<!-- \w+: .* -->\n", "", source.read_text(encoding="utf-8"), flags=re.M)
    title, german = heads["title"].split(" | ")
    mark, _, kind = heads["mark"].partition(" ")
    style, script = (SOURCE / "style.css").read_text(encoding="utf-8"), script_of(heads["scripts"].split())
    whole = FRAME.format(title=title, german=german, kind=kind and " " + kind, mark=MARKS[mark], text=text, style=style, script=script)
    return whole, "\n" + style, "\n" + script


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def main():
    made, styles, scripts = {}, [], []
    for source in sorted(SOURCE.glob("*.html")):
        made[source.name], style, script = page(source)
        styles, scripts = [digest(style)], scripts + [digest(script)]
    made["csp.txt"] = f"style-src {' '.join(styles)}; script-src {' '.join(scripts)}\n"
    old = [name for name, text in made.items() if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        print("\n".join(f"{name}: not what src/ makes; run python3 deploy/b2c/ui/build.py" for name in old), end="\n" if old else "")
        return 1 if old else 0
    for name in old:
        (HERE / name).write_text(made[name], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
