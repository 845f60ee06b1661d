# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A call whose answer is wanted only as long as who asked is there."""

from typing import Callable, Optional, Sequence

from PyQt6.QtCore import QObject

from wyng_dom0.applet.engine import Call, Engine, Outcome


class Asking(QObject):
    """Gives `then` the Outcome, unless `parent` was deleted by then.

    The call goes on without it: what it does is done.
    """

    def __init__(
        self,
        engine: Engine,
        words: Sequence[str],
        parent: QObject,
        then: Callable[[Outcome], None],
        secret: Optional[bytes] = None,
    ) -> None:
        super().__init__(parent)
        self._then = then
        self.call: Call = engine.call(words, secret)
        # A method of ours is let go with us, which a function is not.
        self.call.ended.connect(self._take)

    def _take(self, outcome: Outcome) -> None:
        self._then(outcome)
        self.deleteLater()

    def stop(self) -> None:
        """End the call in order, where the process is ours to signal."""
        if not self.call.is_over:
            self.call.terminate()
