# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Proof by sample: does the store give back what it took and claimed?"""

from typing import Sequence, Tuple

from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.engine.opened import OpenArchive
from wyng_dom0.engine.upload import Sample
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.keys import DomainId

# What is fetched together: a round of questions for many volumes, and little
# memory where chunks are large.
_BYTES_AT_ONCE = 16 << 20
_AT_ONCE_LEAST = 16


def prove_sample(
    archive: OpenArchive, samples: Sequence[Tuple[DomainId, Sample]]
) -> None:
    """Fetch and open a few chunks of a session that was just committed.

    Raises IntegrityError naming the first that fails: a store that says yes
    to HAVE for what it hasn't is noticed with the first such session, or
    soon after.
    """
    wanted = [
        (domain, id)
        for domain, sample in samples
        for id in (*sample.sent, *sample.claimed)
    ]
    try:
        _open_all(archive, wanted)
    except IntegrityError as error:
        raise IntegrityError(
            "the session was committed, but the store does not give back"
            f" what it took: {error}; run wyng-store scrub on it, then"
            " send again"
        ) from error


def _open_all(
    archive: OpenArchive, wanted: Sequence[Tuple[DomainId, BlobId]]
) -> None:
    bound = archive.catalog.settings.chunk_size
    some = max(_AT_ONCE_LEAST, _BYTES_AT_ONCE // bound)
    for start in range(0, len(wanted), some):
        asked = wanted[start : start + some]
        frames = archive.reader.frames(id for _, id in asked)
        for (domain, _), (id, frame) in zip(asked, frames, strict=True):
            archive.reader.open(id, frame, BlobType.CHUNK, domain, bound)
