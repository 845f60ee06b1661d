# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run has told so far, as short as it can be told to a late joiner.

Pure, and bounded whatever the run tells: of what comes once per volume the
newest few thousand are kept.
"""

from collections import deque
from collections.abc import Iterator

Object = dict[str, object]

_VOLUMES_MOST = 4096
_WORDS_MOST = 256
# Of these only the newest counts.
_LATEST = ("run-started", "run-sized", "volume-started", "progress", "overall")


class Picture:
    """One run as it stands."""

    def __init__(self) -> None:
        self._latest: dict[str, Object] = {}
        self._volumes: deque[Object] = deque(maxlen=_VOLUMES_MOST)
        self._words: deque[Object] = deque(maxlen=_WORDS_MOST)
        self._paused: Object | None = None

    def take(self, told: Object) -> None:
        """Note what was told just now."""
        kind = told.get("event")
        if kind in _LATEST:
            self._latest[str(kind)] = told
        if kind == "volume-started":
            self._latest.pop("progress", None)
        elif kind in ("volume-done", "volume-skipped"):
            self._volumes.append(told)
            self._end(told)
        elif kind in ("notice", "warning"):
            self._words.append(told)
        elif kind in ("paused", "resumed"):
            self._paused = told if kind == "paused" else None

    def _end(self, told: Object) -> None:
        now = self._latest.get("volume-started", {})
        if now.get("volume") == told.get("volume"):
            self._latest.pop("volume-started", None)
            self._latest.pop("progress", None)

    def objects(self) -> Iterator[Object]:
        """What a joiner is told first, in an order that makes sense."""
        for kind in ("run-started", "run-sized"):
            if kind in self._latest:
                yield self._latest[kind]
        yield from self._words
        yield from self._volumes
        for kind in ("volume-started", "progress", "overall"):
            if kind in self._latest:
                yield self._latest[kind]
        if self._paused is not None:
            yield self._paused
