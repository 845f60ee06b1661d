# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What --help says: text made of the tables, nothing printed here."""

from collections.abc import Collection, Sequence
from textwrap import wrap

from wyng_dom0.cli.command_table import COMMANDS, USUAL, CommandRow
from wyng_dom0.cli.option_table import OPTIONS, Kind, OptionRow
from wyng_dom0.rules import RULE_OPTIONS

SCREEN_LINES = 24
# Named without a line of their own first, where a screen is too small.
_RARE = frozenset(
    {"guard-data", "guard-metadata", "testing-dedup", "vols-from", "subdir"}
    | {"local-from", "import-other-from", "slots-from", "no-slot-upload"}
    | {"req-snapshot", "session-strict", "send-unchanged", "vid"}
)
# With a line of their own before any other.
_FREQUENT = frozenset(
    {"session", "save-to", "tag"}
    | {"keep-last", "keep-daily", "keep-weekly", "keep-monthly"}
)


def help_text(command: str) -> str:
    """All commands on one screen, or one command when it is named."""
    return _one(COMMANDS[command]) if command else _all()


def _all() -> str:
    lines = ["Usage: qvm-wyng [OPTION...] COMMAND [NAME...]", ""]
    width = max(len(name) for name in COMMANDS)
    lines += [
        f"  {row.name:<{width}}  {row.summary}" for row in COMMANDS.values()
    ]
    return "\n".join(
        [
            *lines,
            "",
            "Options stand before or after the command.",
            "qvm-wyng COMMAND --help shows a command's options.",
            "",
            f"Example: qvm-wyng {COMMANDS['send'].example}",
        ]
    )


def _one(row: CommandRow) -> str:
    """A command's own options in full, what many take by name, on a screen."""
    rules = frozenset(RULE_OPTIONS) if row.name != "prune" else frozenset()
    own = sorted(row.options - USUAL - rules, key=_how_rare)
    for shown in range(len(own), -1, -1):
        text = _laid_out(row, own[:shown], own[shown:], rules)
        if text.count("\n") < SCREEN_LINES:
            break
    return text


def _how_rare(name: str) -> tuple[bool, bool, str]:
    return name in _RARE, name not in _FREQUENT, name


def _laid_out(
    row: CommandRow,
    shown: Sequence[str],
    named: Sequence[str],
    rules: frozenset[str],
) -> str:
    usage = f"Usage: qvm-wyng [OPTION...] {row.name} {row.arguments}".rstrip()
    return "\n".join(
        [
            usage,
            "",
            f"{row.summary[0].upper()}{row.summary[1:]}.",
            "",
            *(_option_line(OPTIONS[name]) for name in sorted(shown)),
            *_in_short("also:", named),
            *_in_short("rules, see prune:", row.options & rules),
            *_in_short("as usual:", row.options & USUAL),
            "",
            f"Example: qvm-wyng {row.example}",
        ]
    )


def _in_short(heading: str, names: Collection[str]) -> list[str]:
    """Options by their names alone; the manual page says more."""
    words = " ".join(f"--{name}" for name in sorted(names))
    return wrap(
        f"  {heading} {words}" if words else "",
        width=80,
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _option_line(row: OptionRow) -> str:
    short = f"-{row.short}, " if row.short else "    "
    takes_value = row.kind in (Kind.VALUE, Kind.LIST)
    value = f"={row.metavar}" if takes_value else ""
    flag = f"{short}--{row.name}{value}"
    return f"  {flag:<36}  {row.help}"
