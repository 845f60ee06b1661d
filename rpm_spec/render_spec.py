# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills @VERSION@, @REL@ and @CHANGELOG@ of a spec, as Qubes' builder does.

Reads `version`, `rel` and debian/changelog, which all packages share; the
spec goes to standard output. Builds nothing.
"""

import re
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRY = re.compile(
    r"^\S+ \((?P<version>[^)]+)\) .*?\n\n(?P<body>.*?)\n\n"
    r" -- (?P<who>.+?)  (?P<when>.+?)$",
    re.M | re.S,
)


def render_changelog(debian: str) -> str:
    """The entries of a Debian changelog in the form of a spec."""
    entries = []
    for entry in ENTRY.finditer(debian):
        day = parsedate_to_datetime(entry["when"]).strftime("%a %b %d %Y")
        lines = [line.strip() for line in entry["body"].splitlines()]
        text = " ".join(line for line in lines if line)
        points = [f"- {point}" for point in text.split("* ") if point]
        head = f"* {day} {entry['who']} - {entry['version']}"
        entries.append("\n".join([head, *(p.rstrip() for p in points)]))
    return "\n\n".join(entries)


def render_spec(template: str, version: str, rel: str, changelog: str) -> str:
    """The spec with everything between @ filled in; ValueError if some is."""
    filled = (
        template.replace("@VERSION@", version)
        .replace("@REL@", rel)
        .replace("@CHANGELOG@", changelog)
    )
    left = re.search(r"@[A-Z]+@", filled)
    if left:
        raise ValueError(f"nothing fills {left[0]}")
    return filled


def main() -> None:
    """Render the spec of the package named on the command line."""
    template = ROOT / "rpm_spec" / f"{sys.argv[1]}.spec.in"
    sys.stdout.write(
        render_spec(
            template.read_text("utf-8"),
            (ROOT / "version").read_text("ascii").strip(),
            (ROOT / "rel").read_text("ascii").strip(),
            render_changelog((ROOT / "debian/changelog").read_text("utf-8")),
        )
    )


if __name__ == "__main__":
    main()
