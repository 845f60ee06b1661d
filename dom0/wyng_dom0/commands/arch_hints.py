# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What arch-init advises: for it can't be changed afterwards."""

from dataclasses import dataclass

from wyng_common import limits
from wyng_dom0.commands.context import Context
from wyng_dom0.errors import Dom0Error
from wyng_dom0.events import Notice
from wyng_dom0.names import quote
from wyng_dom0.sources.choose import choose_source
from wyng_dom0.sources.source import Source

LARGE_BYTES = 100 * 10**9
_LOOKED_AT_MAX = 1000


@dataclass(frozen=True)
class Largest:
    """The largest volume of a source."""

    name: str
    size: int


def advise_chunk_factor(context: Context, source: str, factor: int) -> None:
    """Say when larger chunks suit the source's volumes better.

    Nothing where `--chunk-factor` was given or the source is not in reach,
    which was told already.
    """
    if context.options.chunk_factor is not None or not source:
        return
    try:
        opened = choose_source(source, context.places, lambda _: None)
        largest = find_largest(opened)
    except Dom0Error:
        return
    if largest is None or largest.size <= LARGE_BYTES:
        return
    chunks = largest.size // (limits.CHUNK_SIZE_MIN << (factor - 1))
    context.listener(
        Notice(
            f"{quote(largest.name)} has {largest.size // 10**9} GB, which is"
            f" {chunks // 1000} thousand chunks: --chunk-factor=3 or 4 halves"
            " them or more, for larger sends where small pieces change"
        )
    )


def find_largest(source: Source) -> Largest | None:
    """The largest of a source's first volumes, by name; None without any."""
    found = []
    for name in source.list_volumes()[:_LOOKED_AT_MAX]:
        try:
            found.append(Largest(name, source.describe(name).size))
        except Dom0Error:
            continue  # gone since it was listed
    return max(found, key=lambda each: each.size, default=None)
