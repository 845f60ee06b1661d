# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""From the store's sealed chunks to plaintext, in order, as a pipeline.

Requests run ahead while worker threads open what has arrived. Memory is
bounded by a few groups of chunks, whatever the volume.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Deque, Iterator, List, Sequence, Tuple, Union

from wyng_common import limits
from wyng_common.frames import BlobType
from wyng_common.ids import BlobId
from wyng_dom0.engine.blobs import BlobReader
from wyng_dom0.errors import IntegrityError
from wyng_dom0.seal.keys import DomainId
from wyng_dom0.transport.connection import Question

WORKERS = 2
_GROUP_BYTES = 2 * limits.MIB
_ASKED_MOST = 4
_OPENING_MOST = 3

Ref = Tuple[int, BlobId]
# A chunk's plaintext, or why it can't be had.
Fetched = Tuple[int, Union[bytes, IntegrityError]]
_Arrived = List[Tuple[Ref, Union[bytes, IntegrityError]]]


class Downloader:
    """Fetches chunks of one volume; `workers` open them.

    Owns no thread: whoever stops reading leaves the iterator to the garbage
    collector, which runs anywhere, and threads must not be ended there.
    """

    def __init__(
        self,
        reader: BlobReader,
        domain: DomainId,
        chunk_size: int,
        workers: ThreadPoolExecutor,
    ) -> None:
        self._reader = reader
        self._domain = domain
        self._chunk_size = chunk_size
        self._group = min(
            limits.GET_IDS_MAX, max(1, _GROUP_BYTES // chunk_size)
        )
        self._workers = workers

    def fetch(self, refs: Iterator[Ref]) -> Iterator[Fetched]:
        """(number, plaintext or error) of each (number, id), in order."""
        asked: Deque[Tuple[Question, List[Ref]]] = deque()
        opening: "Deque[Future[List[Fetched]]]" = deque()
        while group := list(islice(refs, self._group)):
            asked.append((self._reader.ask([id for _, id in group]), group))
            if len(asked) > _ASKED_MOST:
                opening.append(self._open(*asked.popleft()))
            if len(opening) > _OPENING_MOST:
                yield from opening.popleft().result()
        while asked:
            opening.append(self._open(*asked.popleft()))
            yield from opening.popleft().result()
        while opening:
            yield from opening.popleft().result()

    def _open(
        self, question: Question, group: Sequence[Ref]
    ) -> "Future[List[Fetched]]":
        arrived: _Arrived = []
        for ref in group:
            try:
                arrived.append((ref, self._reader.arrived(question, ref[1])))
            except IntegrityError as error:
                arrived.append((ref, error))
        return self._workers.submit(self._open_group, arrived)

    def _open_group(self, arrived: _Arrived) -> List[Fetched]:
        return [(ref[0], self._open_one(ref[1], got)) for ref, got in arrived]

    def _open_one(
        self, id: BlobId, arrived: Union[bytes, IntegrityError]
    ) -> Union[bytes, IntegrityError]:
        if isinstance(arrived, IntegrityError):
            return arrived
        try:
            _, plaintext = self._reader.open(
                id, arrived, BlobType.CHUNK, self._domain, self._chunk_size
            )
        except IntegrityError as error:
            return error
        if len(plaintext) != self._chunk_size:
            return IntegrityError(f"chunk {id.hex()} has the wrong length")
        return plaintext
