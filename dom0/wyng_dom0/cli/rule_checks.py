# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what was typed to prune by can be heeded.

What stands in the configuration is for every command, and may mean nothing to
this one; what was typed must count, or be refused: a rule that is passed over
would remove more than was told.
"""

import argparse

from wyng_dom0.errors import BadInput
from wyng_dom0.rules import RULE_OPTIONS, Rules

_BY_RULES = ("on", "full")
_FULL = "--autoprune=full removes all that the rules don't keep"


def check_rules(
    command: str,
    typed: argparse.Namespace,
    merged: argparse.Namespace,
    rules: Rules | None,
) -> None:
    """Raise BadInput for a typed option that would be passed over.

    `merged` is with what the configuration says; `rules` are those typed.
    """
    _check_some_kept(typed, rules)
    if typed.min_free_space is not None and merged.autoprune != "on":
        raise BadInput(
            "--min-free-space goes with --autoprune=on: it says how much that"
            " frees"
        )
    if command == "prune":
        _check_prune(typed, merged)


def _check_prune(typed: argparse.Namespace, merged: argparse.Namespace) -> None:
    if typed.session is not None:
        if typed.autoprune in _BY_RULES:
            raise BadInput(
                "--session and --autoprune contradict each other: the one"
                " names what goes, the other finds it"
            )
        return
    if typed.autoprune == "off":
        raise BadInput(f"prune by --autoprune=off removes nothing: {_FULL}")
    means_on = typed.autoprune == "on" or not typed_rules(typed)
    if means_on and merged.autoprune == "on" and not merged.min_free_space:
        raise BadInput(
            "prune by --autoprune=on needs --min-free-space, how much shall"
            f" be free; {_FULL}"
        )


def _check_some_kept(typed: argparse.Namespace, rules: Rules | None) -> None:
    """Rules that keep 0 of everything would leave it to the default ones."""
    if rules is None or rules.selects or rules.apdays is not None:
        return
    zeros = [each for each in typed_rules(typed) if each != "--keep-tag"]
    if zeros:
        raise BadInput(
            f"{', '.join(zeros)} of 0 keeps nothing: --session=newest with"
            " --all-before removes all but the newest"
        )


def typed_rules(typed: argparse.Namespace) -> list[str]:
    """The rules that were typed, as options."""
    return [
        f"--{name}"
        for name in RULE_OPTIONS
        if getattr(typed, name.replace("-", "_"))
    ]


def unheeded(
    command: str, typed: argparse.Namespace, merged: argparse.Namespace
) -> tuple[str, ...]:
    """A sentence where a send was told what to remove, and removes nothing.

    Not refused: the backup is worth more.
    """
    if command != "send" or merged.autoprune in _BY_RULES:
        return ()
    given = [*typed_rules(typed), *(["--keep"] if typed.keep else [])]
    if not given:
        return ()
    return (
        f"nothing is pruned: {', '.join(given)} without --autoprune=on or full"
        " removes nothing",
    )
