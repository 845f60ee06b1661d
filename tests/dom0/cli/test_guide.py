# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command that the guide shows can be typed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wyng_dom0.cli.options import parse_options
from wyng_dom0.commands.context import Options

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "doc" / "guide.md").read_text("utf-8")


def shown(program: str) -> "list[list[str]]":
    """The words behind a program's name in each line of code."""
    joined = re.sub(r" *\\\n +", " ", TEXT)
    lines = re.findall(rf"^    {program} (.*)$", joined, re.M)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("words", shown("qvm-wyng"), ids=" ".join)
def test_command_of_the_guide_can_be_typed(words: "list[str]") -> None:
    parsed = parse_options(words, lambda _: {}, True)
    assert isinstance(parsed, Options)


def test_guide_shows_the_commands_that_a_backup_needs() -> None:
    first = {
        next(word for word in words if not word.startswith("-"))
        for words in shown("qvm-wyng")
    }
    assert {"arch-init", "send", "list", "receive", "verify"} <= first
    assert {"prune", "migrate", "key", "monitor", "overdue"} <= first


def test_options_and_stores_commands_in_the_text_are_there() -> None:
    from wyng_dom0.cli.option_table import OPTIONS

    named = set(re.findall(r"`--([a-z][a-z-]*)", TEXT))
    assert named <= set(OPTIONS), named - set(OPTIONS)
    used = set(re.findall(r"wyng-store ([a-z][a-z-]*)", TEXT))
    done = subprocess.run(
        [sys.executable, "-m", "wyng_store", "--help"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
    )
    assert used and all(re.search(rf"\b{each}\b", done.stdout) for each in used)


def test_links_of_the_guide_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    headings = re.findall(r"^#+ (.+)$", TEXT, re.M)
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-")
        for each in headings
    }
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        else:
            assert (ROOT / "doc" / link).exists(), link
