# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What qrexec would decide: the part of its grammar that our lines use.

Test code: the first line that matches decides, and none means deny. It
takes well-formed lines; the lint is the product's.
"""

from dataclasses import dataclass
from typing import List

DOM0 = ("dom0", "@adminvm")


@dataclass(frozen=True)
class Rule:
    service: str
    argument: str
    source: str
    target: str
    action: str


@dataclass(frozen=True)
class Call:
    """`argument` begins with '+', which alone means none."""

    service: str
    argument: str
    source: str
    target: str


def read_policy(text: str) -> List[Rule]:
    rules = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            rules.append(Rule(*line.split()[:5]))
    return rules


def uncommented(text: str) -> str:
    """The text with its examples in force."""
    lines = [
        line[1:] if line.startswith("#wyng.") else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


def decide(rules: List[Rule], call: Call) -> str:
    for rule in rules:
        if _matches(rule, call):
            return rule.action
    return "deny"


def _matches(rule: Rule, call: Call) -> bool:
    return (
        rule.service in ("*", call.service)
        and rule.argument in ("*", call.argument)
        and _is(rule.source, call.source)
        and _is(rule.target, call.target)
    )


def _is(pattern: str, name: str) -> bool:
    if pattern == "*":
        return True
    if pattern == "@anyvm":
        return name not in DOM0
    if pattern in DOM0:
        return name in DOM0
    return pattern == name
