# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""`configure`: show and set the options that an archive always has.

What stands in the user's config.yaml counts more and is never written.
"""

from wyng_dom0.commands.access import known_definition
from wyng_dom0.commands.archive_reports import OptionsReport, StandingRow
from wyng_dom0.commands.archive_status import default_name
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.standing_options import (
    OFF,
    ON,
    STANDING,
    check_together,
    parse_change,
)
from wyng_dom0.errors import BadInput
from wyng_dom0.events import Warning_
from wyng_dom0.names import quote
from wyng_dom0.rules import RULE_OPTIONS
from wyng_dom0.state.archive_options import change_options, read_options
from wyng_dom0.state.default_archive import forget_default, write_default
from wyng_dom0.state.definitions import ArchiveDefinition

DEFAULT, ARCHIVE, CONFIG = "default", "archive", "config"
# No option: that one archive is the default takes it from the other.
_SWITCH = "default"


def run(context: Context) -> None:
    """Set what is given, all or nothing, then report how it is."""
    definition = known_definition(context)
    places, id = context.places, definition.archive
    words = context.options.names
    switches = [each for each in words if each.partition("=")[0] == _SWITCH]
    changes = [parse_change(each) for each in words if each not in switches]
    keys = {key for key, _ in changes}
    if len(keys) < len(changes) or len(switches) > 1:
        raise BadInput("configure was given one option twice")
    is_default = _parse_switch(switches[0]) if switches else None
    known = read_options(places, id)
    if changes:
        dropped = [key for key, value in changes if not value]
        wanted = {**known, **{key: text for key, text in changes if text}}
        check_together({k: v for k, v in wanted.items() if k not in dropped})
        change_options(places, id, wanted, dropped)
        known = read_options(places, id)
    if is_default is not None:
        _set_default(context, definition.name, is_default)
    context.report(_reported(context, definition, known))


def _parse_switch(text: str) -> bool:
    """Whether this archive is to be the default one; raises BadInput."""
    value = text.partition("=")[2]
    if "=" not in text or value not in (ON, OFF, ""):
        raise BadInput(f"{_SWITCH} takes {ON} or {OFF}; not {quote(text)}")
    return value == ON


def _set_default(context: Context, name: str, is_default: bool) -> None:
    if is_default:
        write_default(context.places, name)
    else:
        forget_default(context.places, name)
    configured = context.options.from_config.get("archive")
    if configured is not None:
        context.listener(
            Warning_(
                f"config.yaml says archive: {configured}, which goes before"
            )
        )


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
    return OptionsReport(
        archive=definition.name,
        rules_in_config=rules_elsewhere,
        default=default_name(context) == definition.name,
        options=tuple(rows),
    )


def _has_rules_elsewhere(
    context: Context, definition: ArchiveDefinition
) -> bool:
    """Has config.yaml rules, by which all that are set here count not?"""
    options = context.options
    book = options.retention.archives
    return definition.name in book or any(
        key in options.from_config for key in RULE_OPTIONS
    )
