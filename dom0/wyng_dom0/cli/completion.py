# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the shell offers when Tab is pressed; needs argcomplete.

Commands, options and choices from the tables, archives and volumes from this
machine's state. Reaches no archive, asks for nothing, prints nothing but what
argcomplete tells the shell; what can't be read is not offered.
"""

import os
from argparse import ArgumentParser, Namespace

from wyng_common.errors import WyngError
from wyng_dom0.cli.command_table import COMMANDS
from wyng_dom0.cli.option_table import OPTIONS, Kind
from wyng_dom0.state import definitions
from wyng_dom0.state.places import Places, find_places
from wyng_dom0.state.volumes import list_states

# By which the shell's function asks.
ASKED = "_ARGCOMPLETE"
_WITHOUT_VOLUMES = frozenset({"arch-init", "overdue", "version", "help"})


def complete() -> None:
    """Answer the shell and end the process; nothing without argcomplete."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(build_parser(), always_complete_options="long")


def build_parser() -> ArgumentParser:
    """The command line for argcomplete, with what may stand where."""
    parser = ArgumentParser(prog="qvm-wyng", add_help=False)
    for row in OPTIONS.values():
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
    """Commands, then volumes for those that take any."""
    given = [word for word in parsed_args.words or [] if word in COMMANDS]
    if not given:
        return [*COMMANDS, "help"]
    if given[0] in _WITHOUT_VOLUMES:
        return []
    return offer_volumes(parsed_args, **more)


def offer_volumes(parsed_args: Namespace, **_: object) -> list[str]:
    """The volumes that this machine keeps ledgers of."""
    try:
        kept = list_states(_places(parsed_args))
    except (WyngError, OSError):
        return []
    return sorted({state.volume for state in kept})


def _places(parsed_args: Namespace) -> Places:
    return find_places(parsed_args.meta_dir, os.geteuid(), os.environ)
