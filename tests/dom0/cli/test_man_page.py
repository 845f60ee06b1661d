# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages, the tables behind --help and the README say the same."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wyng_dom0.cli import exit_codes
from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_table import OPTIONS

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "doc" / "man").glob("*.1"))
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


def plain(page: Path) -> str:
    """A page's text without roff's escapes; requests stay."""
    text = page.read_text("utf-8")
    text = re.sub(r"\\f[BIPR]|\\&|\\c", "", text)
    return text.replace(r"\-", "-").replace(r"\~", " ")


def section(text: str, name: str) -> str:
    return text.split(f"\n.SH {name}\n", 1)[1].split("\n.SH ", 1)[0]


def tagged(text: str) -> "list[str]":
    """The first word of what stands behind each .TP, without its macro."""
    return re.findall(r"^\.TP\n\.[BIR]+ (\S+)", text, re.M)


MANUAL = plain(ROOT / "doc" / "man" / "qvm-wyng.1")


def test_manual_has_every_option_and_no_other() -> None:
    assert set(OPTION.findall(MANUAL)) == set(OPTIONS)


def test_manual_explains_every_option_once() -> None:
    tags = re.findall(
        r"^\.TP\n\.[BIR]+ (?:-\w ,\s+)?--([a-z-]+)",
        section(MANUAL, "OPTIONS"),
        re.M,
    )
    assert sorted(tags) == sorted(OPTIONS)


def test_manual_has_each_short_letter() -> None:
    for row in OPTIONS.values():
        if row.short:
            assert f"-{row.short} ,  --{row.name}\n" in MANUAL


def test_manual_has_every_choice() -> None:
    text = section(MANUAL, "OPTIONS")
    for row in OPTIONS.values():
        body = text.split(f"--{row.name}", 1)[1].split("\n.TP", 1)[0]
        for choice in row.choices:
            if not choice.isdigit():
                assert choice in body, (row.name, choice)


def test_manual_has_every_command_and_no_other() -> None:
    named = set(tagged(section(MANUAL, "COMMANDS")))
    assert named == {*COMMANDS, "help"}


def test_manual_has_every_exit_code() -> None:
    codes = {
        str(value)
        for name, value in vars(exit_codes).items()
        if name.isupper() and isinstance(value, int)
    }
    assert set(tagged(section(MANUAL, "EXIT STATUS"))) == codes


def test_manual_names_what_no_config_holds() -> None:
    said = section(MANUAL, "FILES").split("can not stand there", 1)[1]
    listed = said.split(":", 1)[1].split(".", 1)[0]
    names = {each.strip() for each in listed.split(",")}
    assert names == {row.name for row in OPTIONS.values() if not row.in_config}


def test_readme_shows_only_what_there_is() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    # How the others were run is told by lines that begin with their names.
    ours = re.sub(r"^- (borg|restic).*$", "", text, flags=re.M)
    assert set(OPTION.findall(ours)) <= set(OPTIONS)
    shown = re.findall(r"^    qvm-wyng (.*?)(?:  +#.*)?$", text, re.M)
    assert len(shown) >= 8
    for line in shown:
        words = [w for w in line.split() if not w.startswith("-")]
        assert words[0] in COMMANDS, line


def test_readme_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert "doc/man/qvm-wyng.1" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def store_help(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "wyng_store", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout


def test_store_manual_has_every_command_and_option() -> None:
    manual = plain(ROOT / "doc" / "man" / "wyng-store.1")
    listed = store_help().split("COMMAND\n", 1)[1].split("\n\n", 1)[0]
    commands = re.findall(r"^    (\S+)", listed, re.M)
    assert set(tagged(section(manual, "COMMANDS"))) == set(commands)
    options = {
        option
        for command in commands
        for option in OPTION.findall(store_help(command))
    }
    assert set(OPTION.findall(manual)) == options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_renders_without_a_warning(page: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8", str(page)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(PAGES) == 5
