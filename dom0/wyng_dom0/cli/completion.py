# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the shell offers when Tab is pressed; needs argcomplete.

Commands, options and choices from the tables, archives and volumes from this
machine's state. Reaches no archive, asks for nothing, prints nothing but what
argcomplete tells the shell; what can't be read is not offered.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from wyng_common.errors import WyngError
from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_table import OPTIONS, Kind
from wyng_dom0.runs.run_files import list_runs
from wyng_dom0.state import definitions
from wyng_dom0.state.places import Places, find_places
from wyng_dom0.state.volumes import list_states

# By which the shell's function asks.
ASKED = "_ARGCOMPLETE"


def complete() -> None:
    """Answer the shell and end the process; nothing without argcomplete."""
    try:
        import argcomplete
    except ImportError:
        return
    line = os.environ.get("COMP_LINE", "")
    # The word that is being typed says nothing yet.
    given = line.split() if line[-1:].isspace() else line.split()[:-1]
    parser = build_parser(given)
    argcomplete.autocomplete(parser, always_complete_options="long")


def build_parser(given: Sequence[str] = ()) -> ArgumentParser:
    """The command line for argcomplete, with what may stand where.

    Where a command is among the words given so far, only its options are
    offered, and those that were typed already.
    """
    command = next((word for word in given[1:] if word in COMMANDS), None)
    known = COMMANDS[command].options if command else frozenset(OPTIONS)
    typed = {word[2:].split("=", 1)[0] for word in given if word[:2] == "--"}
    parser = ArgumentParser(prog="qvm-wyng", add_help=False)
    for row in OPTIONS.values():
        if row.name not in known | typed:
            continue
        flags = [f"--{row.name}"] + ([f"-{row.short}"] if row.short else [])
        if row.kind in (Kind.FLAG, Kind.COUNT):
            parser.add_argument(*flags, action="store_true")
            continue
        action = parser.add_argument(*flags, choices=row.choices or None)
        if row.name == "archive":
            action.completer = offer_archives  # type: ignore[attr-defined]
        elif row.name == "volex":
            action.completer = offer_volumes  # type: ignore[attr-defined]
    words = parser.add_argument("words", nargs="*")
    words.completer = offer_words  # type: ignore[attr-defined]
    return parser


def offer_archives(parsed_args: Namespace, **_: object) -> list[str]:
    """The names of the archives known here."""
    try:
        return definitions.list_names(_places(parsed_args))
    except (WyngError, OSError):
        return []


def offer_words(parsed_args: Namespace, **more: object) -> list[str]:
    """Commands, then what the command's row says that it takes."""
    words = list(parsed_args.words or [])
    if not words or words[0] not in (*COMMANDS, "help"):
        return [*COMMANDS, "help"]
    if words[0] == "help":
        return [*COMMANDS]
    takes = COMMANDS[words[0]].arguments.strip("[]")
    is_first = len(words) == 1
    if "|" in takes:
        offered = takes.split(" ")[0].split("|") if is_first else []
        return [each for each in offered if each.islower()]
    if takes.startswith("SOURCE") and is_first:
        return offer_folders(str(more.get("prefix", "")))
    if takes.startswith("RUN"):
        return offer_runs(parsed_args)
    return offer_volumes(parsed_args, **more) if takes else []


def offer_folders(prefix: str) -> list[str]:
    """The directories whose paths begin so, each with its slash."""
    above, begun = os.path.split(prefix)
    try:
        with os.scandir(os.path.expanduser(above) or ".") as entries:
            return sorted(
                os.path.join(above, each.name, "")
                for each in entries
                if each.name.startswith(begun) and each.is_dir()
            )
    except OSError:
        return []


def offer_runs(parsed_args: Namespace, **_: object) -> list[str]:
    """The names of what runs now."""
    try:
        return [each.run for each in list_runs(_places(parsed_args))]
    except (WyngError, OSError):
        return []


def offer_volumes(parsed_args: Namespace, **_: object) -> list[str]:
    """The volumes that this machine keeps ledgers of."""
    try:
        kept = list_states(_places(parsed_args))
    except (WyngError, OSError):
        return []
    return sorted({state.volume for state in kept})


def _places(parsed_args: Namespace) -> Places:
    return find_places(parsed_args.meta_dir, os.geteuid(), os.environ)
