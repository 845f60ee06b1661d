# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is to say of files that could not be taken as they are.

Many files may share one fault: each is counted and a few are named.
"""

import threading
from collections.abc import Iterator

from wyng_dom0.files.entry import shown
from wyng_dom0.names import quote

_NAMED = 3


class Notes:
    """Gathers faults; may be told of them from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[int, list[bytes]]] = {}

    def add(self, what: str, path: bytes) -> None:
        """`what` is said of a path, as in "can't be read: 'a', 'b'"."""
        with self._lock:
            count, named = self._found.get(what, (0, []))
            if len(named) < _NAMED:
                named.append(path)
            self._found[what] = (count + 1, named)

    def sentences(self) -> Iterator[tuple[str, str]]:
        """(what, a sentence) of each fault, as they came; then none."""
        with self._lock:
            found, self._found = self._found, {}
        for what, (count, named) in found.items():
            names = ", ".join(quote(shown(each)) for each in named)
            more = f" and {count - len(named)} more" * (count > len(named))
            yield what, f"{what}: {names}{more}"
