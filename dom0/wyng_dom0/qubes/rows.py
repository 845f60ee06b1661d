# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A qube's settings as rows for people, and what two of them differ in. Pure.

A row is (kind, name, value); what a qube chose itself is any text.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from wyng_dom0.qubes.settings import QubeSettings

Row = tuple[str, str, str]
# (kind, name, before, after); None: there is none.
Change = tuple[str, str, "str | None", "str | None"]
# Of these the order counts, and none has a name: it goes by its place.
_IN_ORDER = ("firewall", "notes")


def rows_of(settings: QubeSettings) -> list[Row]:
    """All that is kept, in a fixed order."""
    return [*_named(settings), *_in_order(settings)]


def changes_between(old: QubeSettings, new: QubeSettings) -> list[Change]:
    """What is there on one side only, or has another value."""
    before, after = _by_name(old), _by_name(new)
    found: list[Change] = [
        (*key, before.get(key), after.get(key))
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]
    for kind in _IN_ORDER:
        found += _moved(kind, _lines(old, kind), _lines(new, kind))
    return found


def _named(settings: QubeSettings) -> Iterator[Row]:
    yield "class", "", settings.klass
    yield "label", "", settings.label
    if settings.template:
        yield "template", "", settings.template
    for each in settings.properties:
        yield "property", each.name, each.value
    for name, value in settings.features:
        yield "feature", name, value
    for tag in settings.tags:
        yield "tag", tag, ""
    for device in settings.devices:
        name = f"{device.klass} {device.device}"
        yield "device", name, device.options
    for volume in settings.volumes:
        yield "volume", volume.name, f"{volume.size} bytes in {volume.pool}"


def _in_order(settings: QubeSettings) -> Iterator[Row]:
    for kind in _IN_ORDER:
        for at, line in enumerate(_lines(settings, kind), 1):
            yield kind, str(at), line


def _lines(settings: QubeSettings, kind: str) -> Sequence[str]:
    if kind == "firewall":
        return settings.firewall
    return settings.notes.splitlines()


def _by_name(settings: QubeSettings) -> dict[tuple[str, str], str]:
    return {(kind, name): value for kind, name, value in _named(settings)}


def _moved(
    kind: str, old: Sequence[str], new: Sequence[str]
) -> Iterator[Change]:
    """The lines that went, came or are others, by their numbers."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for what, a, a_end, b, b_end in matcher.get_opcodes():
        if what == "equal":
            continue
        pairs = zip_longest(old[a:a_end], new[b:b_end])
        first = (a if a_end > a else b) + 1
        for at, (before, after) in enumerate(pairs, first):
            yield kind, str(at), before, after
