# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`configure`: show and set the options that an archive always has.

What stands in the user's config.yaml counts more and is never written.
"""

from wyng_dom0.commands.access import known_definition
from wyng_dom0.commands.archive_reports import OptionsReport, StandingRow
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.standing_options import (
    STANDING,
    check_together,
    parse_change,
)
from wyng_dom0.errors import BadInput
from wyng_dom0.rules import RULE_OPTIONS
from wyng_dom0.state.archive_options import change_options, read_options
from wyng_dom0.state.definitions import ArchiveDefinition

DEFAULT, ARCHIVE, CONFIG = "default", "archive", "config"


def run(context: Context) -> None:
    """Set what is given, all or nothing, then report how it is."""
    definition = known_definition(context)
    places, id = context.places, definition.archive
    changes = [parse_change(each) for each in context.options.names]
    if len({key for key, _ in changes}) < len(changes):
        raise BadInput("configure was given one option twice")
    known = read_options(places, id)
    if changes:
        dropped = [key for key, value in changes if not value]
        wanted = {**known, **{key: text for key, text in changes if text}}
        check_together({k: v for k, v in wanted.items() if k not in dropped})
        change_options(places, id, wanted, dropped)
        known = read_options(places, id)
    context.report(_reported(context, definition, known))


def _reported(
    context: Context, definition: ArchiveDefinition, known: dict[str, str]
) -> OptionsReport:
    rules_elsewhere = _has_rules_elsewhere(context, definition)
    rows = []
    for key, standing in STANDING.items():
        default = standing.default
        if key == "compression":
            default = definition.compression
        config = context.options.from_config.get(key)
        counts = not (key in RULE_OPTIONS and rules_elsewhere)
        value, origin = default, DEFAULT
        if config is not None:
            value, origin = config, CONFIG
        elif key in known and counts:
            value, origin = known[key], ARCHIVE
        rows.append(StandingRow(key, value, default, origin, known.get(key)))
    return OptionsReport(definition.name, rules_elsewhere, tuple(rows))


def _has_rules_elsewhere(
    context: Context, definition: ArchiveDefinition
) -> bool:
    """Has config.yaml rules, by which all that are set here count not?"""
    options = context.options
    book = options.retention.archives
    return definition.name in book or any(
        key in options.from_config for key in RULE_OPTIONS
    )
