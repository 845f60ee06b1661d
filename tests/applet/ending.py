# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of what a test began, before the next one puts its files back."""

from PyQt6.QtCore import QCoreApplication

from wyng_dom0.applet.engine import Call, Engine

_LONGEST = 60_000  # milliseconds


def end_calls(engine: Engine) -> None:
    """Stop each call that goes on, in order, and wait until it is over.

    Nobody hears of their ends: windows are gone by now, and what is still
    there would go on with calls of its own.
    """
    going = [call for call in engine.findChildren(Call) if not call.is_over]
    for call in going:
        call.blockSignals(True)
        call.terminate()
    for call in going:
        call.wait(_LONGEST)
    # Those that could not be started say so in the event loop alone.
    QCoreApplication.processEvents()
    lasting = [call.words for call in going if not call.is_over]
    assert not lasting, lasting
