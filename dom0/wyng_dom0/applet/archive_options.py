# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The options that an archive always has, as the engine reports them. Pure."""

from dataclasses import dataclass
from typing import Dict, Mapping, Tuple

from wyng_dom0.applet.engine import Object
from wyng_dom0.applet.keeping_rules import COUNT_MAX, COUNTS, KEEP_ALL
from wyng_dom0.applet.reading import flag_of, rows_of, text_of

CONFIG = "config"
# Of the rules those that the fields have no place for.
_OTHER_RULES = ("apdays", "keep-last", "keep-within", "keep-tag")


@dataclass(frozen=True)
class ArchiveOptions:
    """`values` are what counts, `stored` what is set for this archive,
    `defaults` what counts otherwise; "" for none. `fixed` are those that the
    user's own configuration says, which goes before."""

    values: Mapping[str, str]
    stored: Mapping[str, str]
    defaults: Mapping[str, str]
    fixed: Tuple[str, ...] = ()
    rules_in_config: bool = False

    @property
    def counts(self) -> Dict[str, int]:
        """What is kept of each kind, see keeping_rules."""
        found = {}
        for kind in COUNTS:
            text = self.values.get(f"keep-{kind}", "")
            # What is no number is none of ours.
            if text.isascii() and text.isdigit() and len(text) < 8:
                found[kind] = min(int(text), COUNT_MAX)
        return {kind: count for kind, count in found.items() if count}

    @property
    def other_rules(self) -> Tuple[str, ...]:
        """Rules that are set beside the counts, as KEY=VALUE."""
        return tuple(
            f"{key}={self.values[key]}"
            for key in _OTHER_RULES
            if self.values.get(key, "") not in ("", KEEP_ALL)
        )

    @property
    def has_rules(self) -> bool:
        """False where only the engine's own habit thins."""
        other = self.values.get("apdays", "")
        return bool(self.counts or self.other_rules or other)


def options_in(report: Object) -> ArchiveOptions:
    """Read them out of a report of `configure`."""
    rows = rows_of(report, "options")
    return ArchiveOptions(
        {text_of(each, "key"): text_of(each, "value") for each in rows},
        {text_of(each, "key"): text_of(each, "stored") for each in rows},
        {text_of(each, "key"): text_of(each, "default") for each in rows},
        tuple(
            text_of(each, "key")
            for each in rows
            if text_of(each, "origin") == CONFIG
        ),
        flag_of(report, "rules_in_config"),
    )


def rules_change(counts: Mapping[str, int], autoprune: str) -> Dict[str, str]:
    """What is set for these counts; "" takes an option back.

    `--apdays` says what goes and contradicts what says what stays.
    """
    found = {f"keep-{kind}": str(counts.get(kind) or "") for kind in COUNTS}
    found["apdays"] = "" if any(counts.values()) else KEEP_ALL
    return {**found, "autoprune": autoprune}


def differing(
    wanted: Mapping[str, str], stored: Mapping[str, str]
) -> Dict[str, str]:
    """What of it is not so already."""
    return {k: v for k, v in wanted.items() if stored.get(k, "") != v}
