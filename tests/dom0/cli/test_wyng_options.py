# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""doc/options.md leaves out nothing of wyng and claims nothing untrue."""

import re
from pathlib import Path

from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_table import OPTIONS

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
ABSENT = re.compile(r"not (there|needed)")


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
