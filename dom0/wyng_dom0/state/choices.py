# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is always, and what never, sent to an archive unless it is named.

A standing choice of the user's, beside the archive's definition. Names of
volumes, or patterns as of the shell.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wyng_common.ids import ArchiveId
from wyng_dom0.errors import BadInput
from wyng_dom0.state import json_files, locks
from wyng_dom0.state.places import Places

NAMES_MAX = 10_000


@dataclass(frozen=True)
class Choices:
    """`included` is sent though the archive may not know it yet; `excluded`
    is left out though it does. No name is in both."""

    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


NONE = Choices()


def read_choices(places: Places, archive: ArchiveId) -> Choices:
    """The choices; raises BadInput when they can't be read.

    Not taken for none: what the user left out for a reason would be sent.
    """
    path = places.choices(archive)
    if not path.exists():
        return NONE
    values = json_files.read_object(path)
    found = [values.get(key) for key in ("included", "excluded")]
    if not all(_is_names(each) for each in found):
        raise BadInput(
            f"what is left out of the archive can't be read: {path} is"
            " damaged; remove it and exclude again what should not be sent",
            about=str(path),
        )
    included, excluded = found
    assert isinstance(included, list) and isinstance(excluded, list)
    return Choices(tuple(included), tuple(excluded))


def choose(
    places: Places,
    archive: ArchiveId,
    included: Iterable[str] = (),
    excluded: Iterable[str] = (),
    dropped: Iterable[str] = (),
) -> Choices:
    """Durably make these choices, over the earlier ones of the same names.

    Of what is `dropped` nothing is chosen any more. Raises BadInput when
    there would be too many.
    """
    include, exclude, drop = {*included}, {*excluded}, {*dropped}
    with locks.hold_noted(places, places.choices(archive)):
        known = read_choices(places, archive)
        chosen = Choices(
            tuple(sorted({*known.included} - exclude - drop | include)),
            tuple(sorted({*known.excluded} - include - drop | exclude)),
        )
        if len(chosen.included) + len(chosen.excluded) > NAMES_MAX:
            raise BadInput(
                f"an archive has at most {NAMES_MAX} standing choices: say"
                " with a pattern what is left out"
            )
        if chosen != known:
            json_files.write_object(places.choices(archive), vars(chosen))
    return chosen


def forget(places: Places, archive: ArchiveId) -> None:
    """Forget them, as after arch-delete."""
    json_files.remove(places.choices(archive))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(n, str) for n in value)
