# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""doc/options.md leaves out nothing of wyng and claims nothing untrue."""

import re
from pathlib import Path

import pytest

from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_table import OPTIONS
from wyng_dom0.cli.options import parse_options
from wyng_dom0.cli.wyng_options import FOREIGN, Foreign
from wyng_dom0.commands.context import Options
from wyng_dom0.errors import BadInput

TEXT = (Path(__file__).parents[3] / "doc" / "options.md").read_text("utf-8")
COMMANDS_OF_WYNG = """
    list send receive verify prune monitor diff add delete rename arch-init
    arch-delete arch-deduplicate arch-check version wyng-util-qubes
"""
OPTIONS_OF_WYNG = """
    dest subdir from local session session-strict all-before all volex keep vid
    volume-desc tag vols-from local-from dedup testing-dedup remap
    import-other-from send-unchanged dry-run tar-bypass autoprune apdays vouch
    save-to sparse sparse-write use-snapshot use-snapshot-diff req-snapshot
    skip-corrupt-chunks compression hashtype chunk-factor encrypt authmin
    passcmd config meta-dir meta-reduce unattended quiet verbose debug
    purge-tmp maxsync opt-ssh opt-qubes force force-retry
    force-allow-rollback clean purge change-uuid upgrade-format json quick
"""
ABSENT = re.compile(r"not (there|needed)|refused")


def rows() -> "list[tuple[str, str]]":
    """(left, right) of every row of every table."""
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    return [
        (cells[1], cells[2]) for cells in (line.split("|") for line in lines)
    ]


def test_every_command_and_option_of_wyng_has_a_row() -> None:
    left = " ".join(first for first, _ in rows())
    for command in COMMANDS_OF_WYNG.split():
        assert f"`{command}" in left, command
    named = set(re.findall(r"--([a-z-]+)", left))
    assert named >= set(OPTIONS_OF_WYNG.split())


def test_every_option_of_wyng_is_ours_or_is_answered() -> None:
    assert set(OPTIONS_OF_WYNG.split()) <= {*OPTIONS, *FOREIGN}
    assert not set(FOREIGN) & set(OPTIONS)


def said_of(name: str) -> str:
    """What the table says of an option that is none here."""
    (found,) = [second for first, second in rows() if f"`--{name}`" in first]
    return found.strip()


@pytest.mark.parametrize("option", FOREIGN.values(), ids=lambda o: o.name)
def test_foreign_option_is_taken_or_refused_as_the_table_says(
    option: Foreign,
) -> None:
    word = "not needed" if option.is_taken else "refused"
    assert said_of(option.name).startswith(f"{word}: ")
    given = [f"--{option.name}"]
    if option.takes_value:
        given = [f"--{option.name}=x"]
    words = ["send", *given, "a"]
    if not option.is_taken:
        with pytest.raises(BadInput) as caught:
            parse_options(words, lambda _: {}, True)
        assert f"there is no --{option.name} here: " in str(caught.value)
        return
    parsed = parse_options(words, lambda _: {}, True)
    assert isinstance(parsed, Options) and parsed.names == ("a",)
    (sentence,) = parsed.passed_over
    assert sentence.startswith(f"--{option.name} is not needed: ")


def test_value_of_a_foreign_option_may_stand_behind_it() -> None:
    parsed = parse_options(
        ["--meta-reduce", "on:3000", "send", "a"], lambda _: {}, True
    )
    assert isinstance(parsed, Options)
    assert (parsed.command, parsed.names) == ("send", ("a",))


def test_name_behind_two_dashes_is_no_option() -> None:
    parsed = parse_options(["send", "--", "--maxsync"], lambda _: {}, True)
    assert isinstance(parsed, Options)
    assert parsed.names == ("--maxsync",) and parsed.passed_over == ()


def test_what_a_row_says_is_there_is_there() -> None:
    for first, second in rows():
        if ABSENT.search(second):
            continue
        options = set(re.findall(r"--([a-z-]+)", first))
        missing = options & set(OPTIONS_OF_WYNG.split()) - {"purge"}
        assert missing <= set(OPTIONS), (first, second)
        command = re.match(r" `([a-z-]+)`", first)
        if command and command[1] in COMMANDS_OF_WYNG.split():
            assert command[1] in COMMANDS
