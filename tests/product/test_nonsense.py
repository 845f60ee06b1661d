# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is given to whatever option: one sentence, a code, no change.

Made from the tables of commands and options, so that a new option is tried
as well. In this process, for there are a thousand cases.
"""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout

import pytest

from product.machine import OFF, Machine, Template
from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.main import main
from wyng_dom0.cli.option_table import OPTIONS, Kind
from wyng_dom0.cli.options import parse_options
from wyng_dom0.errors import BadInput

DATA = b"volume" * 1000
# Beside its own names, what a command needs to be more than refused.
WORDS: "dict[str, tuple[str, ...]]" = {
    "arch-init": ("--local={images}", "--dest=internal:{backup}/b", *OFF),
    "add": ("b",),
    "receive": ("a", "--save-to={root}/out"),
    "diff": ("a",),
    "prune": ("--session=19990101-000000",),
    "protect": ("a", "--session=newest"),
    "unprotect": ("a", "--session=newest"),
    "rename": ("a", "b"),
    "key": ("list",),
    "probe": ("--dest=internal:{backup}/b",),
    "requests": ("approve",),
    "watch": ("nonsense",),
    "include": ("nonsense",),
    "exclude": ("nonsense",),
}
NONSENSE = ("", "nonsense", "-1", "a\x1b[31m\nb", "\udcff", "9" * 30, "/")
RUN = 5
# They need the least.
FIRST = ("status", "overdue", "list", "send", "receive", "prune")
# To which a word of nonsense may be what was meant.
FREE = {"tag", "volume-desc", "volex", "save-to", "meta-dir", "new-key-file"}
FREE |= {"keep-tag", "subdir", "passcmd", "exclude"}
# An archive that is not sealed needs no key; -1 minutes are none; / is a place.
FREE |= {"key-file", "authmin", "local"}


@pytest.fixture(scope="module")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("small") / "m"
    return Template(root, *OFF, volumes={"a": DATA})


@pytest.fixture
def small(
    _small: Template, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    """A machine with one session, and a program with nobody to ask."""
    machine = _small.fresh()
    monkeypatch.setenv("HOME", str(machine.root / "home"))
    monkeypatch.chdir(machine.root)
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield machine


def run(machine: Machine, *words: str) -> "tuple[int, list[str]]":
    """Exit code, and what went to standard error, warnings left out."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([f"--meta-dir={machine.state}", *words])
    lines = err.getvalue().splitlines()
    return code, [each for each in lines if "warning: " not in each]


def kept(machine: Machine) -> "dict[str, bytes]":
    """All that a command that failed must have left as it was."""
    places = ["backup", "images", "state/archives", "state/heads", "out"]
    places += ["state/remembered", "state/slots", "state/volumes"]
    return {
        str(path): path.read_bytes()
        for place in places
        for path in sorted((machine.root / place).rglob("*"))
        if path.is_file() and "index.db" not in path.name
    }


def faults(
    machine: Machine, words: "list[str]", must_fail: bool
) -> "list[str]":
    """What is wrong with how a command took it."""
    before = kept(machine)
    code, lines = run(machine, *words)
    found = []
    if code == 0 and must_fail:
        found.append("it was taken")
    if code and len(lines) != 1:
        found.append(f"{len(lines)} lines: {lines}")
    if any(not line.isprintable() for line in lines):
        found.append("not printable")
    if any("a fault of this program" in line for line in lines):
        found.append(lines[0])
    if code and kept(machine) != before:
        found.append(f"it changed something, then said {lines}")
    return [f"{words}: {each}" for each in found]


def words_of(machine: Machine, command: str) -> "list[str]":
    places = {
        "images": machine.images,
        "backup": machine.backup,
        "root": machine.root,
    }
    more = [each.format(**places) for each in WORDS.get(command, ())]
    return [command, *more]


def without(words: "list[str]", option: str) -> "list[str]":
    return [each for each in words if not each.startswith(f"--{option}=")]


def values_of(names: "Iterable[str]") -> "list[str]":
    """Those of some options that take a value."""
    kinds = (Kind.VALUE, Kind.LIST)
    return [each for each in sorted(names) if OPTIONS[each].kind in kinds]


@pytest.mark.parametrize("command", COMMANDS)
def test_nonsense_is_read_as_one_sentence_or_as_what_it_is(
    command: str,
) -> None:
    for name in values_of(COMMANDS[command].options):
        for value in NONSENSE:
            words = [command, f"--{name}={value}"]
            try:
                parse_options(words, lambda _: {}, has_terminal=False)
            except BadInput as error:
                assert str(error).isprintable(), words


def tried() -> "Iterator[tuple[str, str]]":
    """Each option, with the two first commands that take it."""
    for name in values_of(OPTIONS):
        takers = [
            command
            for command in (*FIRST, *COMMANDS)
            if name in COMMANDS[command].options
        ]
        yield from ((command, name) for command in [*dict.fromkeys(takers)][:2])


@pytest.mark.parametrize("command", sorted({c for c, _ in tried()}))
def test_nonsense_is_one_sentence_and_changes_nothing(
    small: Machine, command: str
) -> None:
    found: "list[str]" = []
    for name in [each for by, each in tried() if by == command]:
        words = without(words_of(small, command), name)
        for value in NONSENSE[:RUN]:
            given = [*words, f"--{name}={value}"]
            found += faults(small, given, name not in FREE and bool(value))
    assert found == []


@pytest.mark.parametrize(
    "given",
    [
        "send a --dedup=off --testing-dedup=2",
        "send a --min-free-space=1G --autoprune=off",
        "send a --remember --authmin=5",
        "send --vols-from=x --local-from=x",
        "send --vols-from=x a",
        "receive a --sparse-write --standby",
        "receive a --sparse-write --sparse",
        "receive a b --save-to=x",
        "receive a --session=19990101-000000,newest",
        "verify --all a",
        "verify --from=internal:/x --archive=a",
        "verify --slots-from=x",
        "verify --from=internal:/x --remember",
        "diff a --session=19990101-000000,newest --quick",
        "prune --session=newest --keep-last=3",
        "prune --all-before",
        "prune --all a",
        "delete a --clean --vid=00",
        "delete",
        "key list --recovery --new-key-file=x",
        "key frobnicate",
        "arch-init --bootstrap",
        "pause a b",
    ],
)
def test_contradiction_is_one_sentence_and_changes_nothing(
    small: Machine, given: str
) -> None:
    assert faults(small, given.split(), must_fail=True) == []


@pytest.mark.parametrize("command", ["receive", "delete"])
def test_question_that_nobody_answers_changes_nothing(
    small: Machine, command: str
) -> None:
    (small.root / "out").write_bytes(b"mine")
    words = words_of(small, command)
    if command == "delete":
        words.append("a")
    assert faults(small, words, must_fail=True) == []
