# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""How good a passphrase is, as a bar and in honest words."""

from typing import Tuple

from PyQt6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import tr
from wyng_dom0.passphrases import guessed_bits, seconds_to_guess

# Seven generated words have 90.
_FULL_BITS = 80
_DAY = 86400.0
_YEAR = 365 * _DAY
# What stands that long is not worth a question.
_ENOUGH = 100 * _YEAR


def is_enough(passphrase: str) -> bool:
    """True when nobody can hope to guess it."""
    return seconds_to_guess(guessed_bits(passphrase)) >= _ENOUGH


def judged(passphrase: str) -> Tuple[int, str]:
    """Percent of what is wanted, and what it means, in words."""
    bits = guessed_bits(passphrase)
    part = min(100, int(100 * bits / _FULL_BITS))
    return part, _words(seconds_to_guess(bits))


def _words(seconds: float) -> str:
    if seconds < _DAY:
        return tr("Very weak: who has the archive finds it within a day.")
    if seconds < 30 * _DAY:
        return tr("Weak: who has the archive finds it within a month.")
    if seconds < _YEAR:
        return tr("Weak: who has the archive finds it within a year.")
    if seconds < _ENOUGH:
        return tr("Fair: it costs years and many machines to find it.")
    if seconds < 1e6 * _YEAR:
        return tr("Good: nobody finds it in a lifetime.")
    return tr("Strong: nobody finds it by trying.")


class StrengthBar(QWidget):
    """Shows what was typed is worth, as it is typed."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = QProgressBar()
        self._bar.setRange(0, 100)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("Strength"))
        self._bar.setObjectName("strength")
        self._said = plain_label(name="strength-words")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bar)
        layout.addWidget(self._said)
        self.show_of("")

    def show_of(self, passphrase: str) -> None:
        """Judge this one; nothing of it is kept."""
        part, words = judged(passphrase)
        self._bar.setValue(part)
        self._said.setText(
            tr(
                "{0} An estimate: it does not know what is known of you."
            ).format(words)
            if passphrase
            else tr("Several words that have nothing to do with each other.")
        )
