# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes with what: options with commands, and with each other.

Reads what was typed, not what stands in the configuration. Every fault is
one BadInput sentence that says what to do instead.
"""

import argparse
from collections.abc import Sequence

from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_table import OPTIONS, Kind, OptionRow
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote

# An empty text is a description, too.
_MAY_BE_EMPTY = ("volume-desc",)
# Two that say different things about one.
_CONTRADICTIONS = (
    ("dedup", "testing-dedup", "they are one option under two names"),
    ("vols-from", "local-from", "they are the same"),
    ("remember", "authmin", "the one keeps the key for good"),
    ("sparse-write", "standby", "the one fetches all, the other little"),
    ("sparse-write", "sparse", "the one fetches all, the other little"),
)
# What a list of volumes says already.
_IN_LISTS = ("all", "local", "save-to")
# Where people of wyng's expect one.
_INSTEAD = {
    "dest": "--archive names an archive known here; receive, verify, list"
    " and diff take the URL of another one under --from",
    "subdir": "it goes with --from",
    "vid": "volumes go by their names",
}
_COMMANDS_SHOWN = 4


def check_options(command: str, typed: argparse.Namespace) -> None:
    """Raise BadInput unless all that was typed can be meant together."""
    given = _given(typed)
    names = {row.name for row in given}
    for row in given:
        if row.name not in COMMANDS[command].options:
            raise BadInput(_means_nothing(row, command))
        _check_value(row, getattr(typed, _dest(row.name)))
    for one, other, why in _CONTRADICTIONS:
        if one in names and other in names:
            raise BadInput(
                f"--{one} and --{other} contradict each other: {why}"
            )
    if "dest" in names and (typed.subdir or "").startswith("/"):
        raise BadInput("--subdir is a path below --dest: leave its '/' out")
    if "slots-from" in names and "from" not in names:
        raise BadInput(
            "--slots-from goes with --from: an archive known here has its"
            " slots here"
        )
    if is_listed(typed):
        _check_list(names)
    if typed.all and typed.words[1:] and command != "send":
        raise BadInput("--all and names of volumes contradict each other")


def check_names(command: str, names: Sequence[str], listed: bool) -> None:
    """Raise BadInput unless a command takes so many names."""
    row = COMMANDS[command]
    if listed and names:
        raise BadInput("--vols-from and names of volumes contradict each other")
    if listed or row.least <= len(names) <= row.most:
        return
    if row.most == 0:
        raise BadInput(f"{command} takes no name, but got {quote(names[0])}")
    raise BadInput(
        f"{command} takes {row.arguments}, but got {len(names)} name(s)"
    )


def is_listed(typed: argparse.Namespace) -> bool:
    """Are volumes given by a file?"""
    return (typed.vols_from or typed.local_from) is not None


def _check_list(names: set[str]) -> None:
    for name in _IN_LISTS:
        if name in names:
            raise BadInput(
                f"--vols-from and --{name} contradict each other: the file"
                " says which volumes and where"
            )


def _given(typed: argparse.Namespace) -> list[OptionRow]:
    return [
        row
        for row in OPTIONS.values()
        if getattr(typed, _dest(row.name)) not in (None, False, 0)
        and getattr(typed, _dest(row.name)) != []
    ]


def _dest(name: str) -> str:
    return name.replace("-", "_")


def _check_value(row: OptionRow, value: str | list[str]) -> None:
    if row.kind not in (Kind.VALUE, Kind.LIST) or row.name in _MAY_BE_EMPTY:
        return
    if value == "" or "" in value and isinstance(value, list):
        raise BadInput(f"--{row.name} needs a value: {row.metavar}")


def _means_nothing(row: OptionRow, command: str) -> str:
    said = f"--{row.name} means nothing to {command}"
    if row.name in _INSTEAD:
        return f"{said}: {_INSTEAD[row.name]}"
    takers = [
        each.name for each in COMMANDS.values() if row.name in each.options
    ]
    if len(takers) > _COMMANDS_SHOWN:
        return f"{said}: qvm-wyng {command} --help shows what does"
    return f"{said}: it goes with {' and '.join(takers)}"
