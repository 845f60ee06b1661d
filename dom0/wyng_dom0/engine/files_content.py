# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A session of a volume of files, as the stream that unpacks or compares it."""

from collections.abc import Callable, Iterator

from wyng_dom0.engine.content import SessionContent, Teller
from wyng_dom0.errors import IntegrityError
from wyng_dom0.events import Listener
from wyng_dom0.files.entry import Entry
from wyng_dom0.files.reader import FilesReader, Piece, begins

# Takes an entry, and its content, of which it may leave something.
Take = Callable[[Entry, Iterator[Piece]], None]


def is_of_files(content: SessionContent) -> bool:
    """Is the session one of files, whatever the volume is called?

    Fetches one chunk. What is damaged is taken for none.
    """
    for _, found in content.fetch(content.refs_in([(0, 1)])):
        if isinstance(found, bytes) and begins(found):
            return True
    return False


def read_files(content: SessionContent, listener: Listener, take: Take) -> None:
    """Hand over every entry of a session; raises IntegrityError."""
    teller = Teller(listener, content.page.name, content.session.size)
    reader = FilesReader(_pieces(content, teller))
    for entry in reader.entries():
        take(entry, reader.content())
    teller.end()


def _pieces(content: SessionContent, teller: Teller) -> Iterator[Piece]:
    at = 0
    for number, found in content.fetch(content.refs()):
        if isinstance(found, IntegrityError):
            raise found
        offset, length = content.extent(number)
        if offset > at:
            yield offset - at
        yield found[:length]
        at = offset + length
        teller.tell(at)
    if at < content.session.size:
        yield content.session.size - at
