# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Retention rules as people write them: their form, and which one counts.

Owns the words (`--apdays`, `--keep-daily`, durations, sizes) and what goes
before what. Which sessions a rule keeps is said by engine/retention.py.
Every fault is one BadInput sentence.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Callable, Dict, List, Mapping, Tuple, Union

from wyng_dom0.errors import BadInput
from wyng_dom0.names import check_archive_name, check_tag, quote

# Options that make up a set of rules, as typed and in the configuration.
RULE_OPTIONS = (
    "apdays",
    "keep-last",
    "keep-hourly",
    "keep-daily",
    "keep-weekly",
    "keep-monthly",
    "keep-yearly",
    "keep-within",
    "keep-tag",
)
_COUNT_MAX = 1_000_000
_DAYS_MAX = 1_000_000
_SECONDS = {
    "h": 3600,
    "d": 86400,
    "w": 7 * 86400,
    # Never less than what the calendar says: more is kept, not less.
    "m": 31 * 86400,
    "y": 366 * 86400,
}
_DURATION = re.compile(r"(?:[0-9]{1,6}[hdwmy])+", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15})([KMGTP]?)(?:i?B)?", re.ASCII | re.IGNORECASE)

RuleValue = Union[str, List[str]]


@dataclass(frozen=True)
class ApDays:
    """`--apdays=A:B:C:D`.

    What is over `older` days goes; of what is over `thin` days about `left`
    sessions stay in each `span` days. 0 for the first two is never.
    """

    older: int = 0
    thin: int = 62
    span: int = 1
    left: int = 2


@dataclass(frozen=True)
class Rules:
    """One set of rules; 0 and () keep nothing by themselves.

    `within` is in seconds. `apdays` None is wyng's default. Where one of
    the counts or `within` is given, what none of them keeps goes; otherwise
    `apdays` says what goes. `tags` spare sessions from either.
    """

    apdays: Union[ApDays, None] = None
    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: int = 0
    tags: Tuple[str, ...] = ()

    @property
    def selects(self) -> bool:
        """True when the rules say what stays, not what goes."""
        counts = (self.last, self.hourly, self.daily, self.weekly)
        return any((*counts, self.monthly, self.yearly, self.within))


@dataclass(frozen=True)
class ArchiveRules:
    """The rules of one archive; `volumes` are (pattern, rules), in order."""

    rules: Union[Rules, None] = None
    volumes: Tuple[Tuple[str, Rules], ...] = ()


@dataclass(frozen=True)
class RuleBook:
    """Every set of rules there is; the first that speaks counts, whole.

    In order: what was typed, the volume's own, the archive's, the general
    ones of the configuration, wyng's default.
    """

    typed: Union[Rules, None] = None
    general: Union[Rules, None] = None
    archives: Mapping[str, ArchiveRules] = field(default_factory=dict)

    def rules_for(self, archive: str, volume: str) -> Rules:
        """The one set of rules that counts for a volume of an archive."""
        if self.typed is not None:
            return self.typed
        known = self.archives.get(archive, ArchiveRules())
        for pattern, rules in known.volumes:
            if volume == pattern or fnmatchcase(volume, pattern):
                return rules
        return known.rules or self.general or Rules()


def parse_rules(values: Mapping[str, RuleValue]) -> Union[Rules, None]:
    """Rules from option names and their texts; None when there is none."""
    if not values:
        return None
    counts = {
        name: _count(f"keep-{name}", values.get(f"keep-{name}"))
        for name in _COUNTS
    }
    apdays = values.get("apdays")
    rules = Rules(
        apdays=None if apdays is None else parse_apdays(_text(apdays)),
        within=parse_duration(_text(values.get("keep-within", "0d"))),
        tags=_tags(values.get("keep-tag", ())),
        **counts,
    )
    if rules.apdays is not None and rules.selects:
        raise BadInput(
            "--apdays and --keep-last, -hourly ... -within contradict each"
            " other: the one says what goes, the others what stays"
        )
    return rules


_COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def parse_apdays(text: str) -> ApDays:
    """`A:B:C:D`, four numbers of days and sessions; C and D at least 1."""
    parts = text.split(":")
    if len(parts) != 4 or not all(re.fullmatch("[0-9]{1,7}", p) for p in parts):
        raise BadInput(f"--apdays takes A:B:C:D, four numbers; not {_q(text)}")
    older, thin, span, left = map(int, parts)
    if span < 1 or left < 1:
        raise BadInput("the last two numbers of --apdays are 1 or more")
    if max(older, thin, span, left) > _DAYS_MAX:
        raise BadInput(f"--apdays takes numbers up to {_DAYS_MAX}")
    return ApDays(older, thin, span, left)


def parse_duration(text: str, option: str = "keep-within") -> int:
    """Seconds of `36h`, `30d`, `8w`, `6m`, `2y` or several in a row."""
    if not _DURATION.fullmatch(text):
        raise BadInput(
            f"--{option} takes numbers with h, d, w, m or y, as in 1y6m;"
            f" not {_q(text)}"
        )
    parts = re.findall("([0-9]+)([hdwmy])", text)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def parse_size(text: str) -> int:
    """Bytes of `500M`, `20G`, `1T` and such; binary units."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise BadInput(
            "--min-free-space takes a size as 500M, 20G or 1T; not"
            f" {_q(text)}"
        )
    number, unit = found.groups()
    power = "KMGTP".index(unit.upper()) + 1 if unit else 0
    return int(number) << (10 * power)


def parse_book(
    typed: Mapping[str, RuleValue],
    general: Mapping[str, RuleValue],
    untyped: object,
) -> RuleBook:
    """All there is: what was typed, and what the configuration says.

    `untyped` is what stands under the configuration's `retention`: archive
    names, each with rules and perhaps `volumes`, patterns with rules.
    """
    archives: Dict[str, ArchiveRules] = {}
    for name, value in _mapping("retention", untyped or {}).items():
        check_archive_name(name)
        archives[name] = _archive_rules(f"retention: {name}", value)
    return RuleBook(parse_rules(typed), parse_rules(general), archives)


def _archive_rules(where: str, untyped: object) -> ArchiveRules:
    values = dict(_mapping(where, untyped))
    volumes = _mapping(f"{where}: volumes", values.pop("volumes", None) or {})
    return ArchiveRules(
        _config_rules(where, values),
        tuple(
            (pattern, _config_rules(f"{where}: {pattern}", each) or Rules())
            for pattern, each in volumes.items()
        ),
    )


def _config_rules(where: str, untyped: object) -> Union[Rules, None]:
    values: Dict[str, RuleValue] = {}
    for key, value in _mapping(where, untyped).items():
        if key not in RULE_OPTIONS:
            raise BadInput(
                f"the config has {_q(key)} under {_q(where)}, which is no rule"
            )
        values[key] = _rule_value(where, key, value)
    try:
        return parse_rules(values)
    except BadInput as error:
        raise BadInput(f"the config under {_q(where)}: {error}") from None


def _rule_value(where: str, key: str, value: object) -> RuleValue:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return [value] if key == "keep-tag" else value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [str(each) for each in value]
    raise BadInput(
        f"the config's value of {key} under {_q(where)} is no number or text"
    )


def _mapping(where: str, untyped: object) -> Mapping[str, object]:
    if isinstance(untyped, dict) and all(isinstance(k, str) for k in untyped):
        return untyped
    raise BadInput(f"the config must hold 'key: value' lines under {_q(where)}")


def _count(name: str, value: Union[RuleValue, None]) -> int:
    if value is None:
        return 0
    text = _text(value)
    if not re.fullmatch("[0-9]{1,7}", text) or int(text) > _COUNT_MAX:
        raise BadInput(
            f"--{name} takes a number up to {_COUNT_MAX}; not {_q(text)}"
        )
    return int(text)


def _tags(values: Union[RuleValue, Tuple[str, ...]]) -> Tuple[str, ...]:
    given = [values] if isinstance(values, str) else values
    plain = [each[1:] if each.startswith("^") else each for each in given]
    return tuple(each if each == "all" else check_tag(each) for each in plain)


def _text(value: RuleValue) -> str:
    if isinstance(value, str):
        return value
    raise BadInput("a rule of the configuration is a list where one text goes")


_q: Callable[[str], str] = quote
