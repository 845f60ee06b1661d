# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which options an archive can always have, and what they may be.

Checked by the very functions that read the options when they are typed. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wyng_dom0.commands.overdue import EVERY_DEFAULT, parse_every
from wyng_dom0.engine.guard import DATA_PERCENT, METADATA_PERCENT
from wyng_dom0.errors import BadInput
from wyng_dom0.names import quote
from wyng_dom0.portions import parse_percent
from wyng_dom0.rules import RULE_OPTIONS, RuleValue, parse_rules, parse_size
from wyng_dom0.seal.compression import parse_compression
from wyng_dom0.sources.qubes import STATES
from wyng_dom0.transport.reach import parse_hours, parse_rate, parse_seconds

ON, OFF = "on", "off"
_TEXT_MAX = 1000
# Of these several may stand, with commas between.
LISTS = frozenset({"keep-tag"})
FLAGS = frozenset({"send-unchanged"})


@dataclass(frozen=True)
class Standing:
    """An option that can be set; `default` is what counts otherwise."""

    default: str
    check: Callable[[str], object]


def _one_of(name: str, *choices: str) -> Callable[[str], object]:
    def check(text: str) -> None:
        if text not in choices:
            raise BadInput(
                f"{name} takes {', '.join(choices)}; not {quote(text)}"
            )

    return check


def _as_rule(name: str) -> Callable[[str], object]:
    return lambda text: parse_rules({name: rule_value(name, text)})


STANDING: dict[str, Standing] = {
    "autoprune": Standing(OFF, _one_of("autoprune", OFF, ON, "full")),
    **{name: Standing("", _as_rule(name)) for name in RULE_OPTIONS},
    "min-free-space": Standing("", parse_size),
    "every": Standing(EVERY_DEFAULT, parse_every),
    "limit-rate": Standing("", parse_rate),
    "session-limit": Standing("72", parse_hours),
    "timeout": Standing("120", parse_seconds),
    "guard-data": Standing(
        str(DATA_PERCENT), lambda text: parse_percent("guard-data", text)
    ),
    "guard-metadata": Standing(
        str(METADATA_PERCENT),
        lambda text: parse_percent("guard-metadata", text),
    ),
    "compression": Standing("", parse_compression),
    "send-unchanged": Standing(OFF, _one_of("send-unchanged", ON, OFF)),
    "dedup": Standing(ON, _one_of("dedup", ON, OFF)),
    "state": Standing("auto", _one_of("state", *STATES)),
}


def rule_value(name: str, text: str) -> RuleValue:
    """A rule's text as rules take it."""
    return text.split(",") if name in LISTS else text


def parse_change(text: str) -> tuple[str, str]:
    """(option, text) of KEY=VALUE, "" for the default; raises BadInput."""
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(
            f"configure takes KEY=VALUE, or KEY= for the default; not"
            f" {quote(text)}"
        )
    if key not in STANDING:
        raise BadInput(
            f"{quote(key)} is no option that an archive can always have:"
            f" configure shows those there are"
        )
    if len(value) > _TEXT_MAX:
        raise BadInput(f"the value of {key} is too long")
    if value:
        STANDING[key].check(value)
    return key, value


def check_together(values: Mapping[str, str]) -> None:
    """Raise BadInput where two that are set contradict each other."""
    parse_rules(
        {
            name: rule_value(name, values[name])
            for name in RULE_OPTIONS
            if name in values
        }
    )
    if "min-free-space" in values and values.get("autoprune") == OFF:
        raise BadInput(
            "min-free-space contradicts autoprune=off: it says how much"
            " autoprune=on frees"
        )
