# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept: a preset or own numbers, with a picture of it."""

import time
from typing import Dict, List, Mapping

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QGridLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.keep_picture import KeepPicture, summary
from wyng_dom0.applet.keeping_rules import (
    ALL,
    COUNT_MAX,
    COUNTS,
    LONG,
    OWN,
    PRESETS,
    SHORT,
    USUAL,
    kept_ages,
    preset_of,
)
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wording import tr


class KeepFields(QWidget):
    """`counts` is what is kept of each kind; all 0 keeps everything."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._every = "daily"
        self._radios: Dict[str, QRadioButton] = {}
        self._boxes: Dict[str, QSpinBox] = {}
        self._filling = False
        self.ages: List[int] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for name, text in (
            (SHORT, tr("&Little: a day of hours, a week of days, 4 weeks")),
            (USUAL, tr("&Usual: 2 days of hours, 30 days, 24 months")),
            (LONG, tr("L&ong: as usual, then weeks, 60 months, 20 years")),
            (ALL, tr("&Everything, for ever")),
            (OWN, tr("O&wn numbers:")),
        ):
            radio = QRadioButton(text)
            radio.setObjectName(f"keep-{name}")
            radio.toggled.connect(self._choose)
            self._radios[name] = radio
            layout.addWidget(radio)
        layout.addLayout(self._numbers())
        self.picture = KeepPicture()
        self._said = plain_label(name="keep-summary")
        layout.addSpacing(self.fontMetrics().height() // 2)
        layout.addWidget(self.picture)
        layout.addWidget(self._said)
        self._radios[USUAL].setChecked(True)

    @property
    def counts(self) -> Dict[str, int]:
        """Hourly to yearly, without what is 0."""
        values = {key: box.value() for key, box in self._boxes.items()}
        return {key: value for key, value in values.items() if value}

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """What is set now."""
        self._fill(counts)
        self._radios[preset_of(counts)].setChecked(True)
        self._draw()

    def show_every(self, every: str) -> None:
        """How often sessions are made, for the picture."""
        self._every = every
        self._draw()

    def _numbers(self) -> QGridLayout:
        grid = QGridLayout()
        titles = [tr("hours"), tr("days"), tr("weeks"), tr("months")]
        titles.append(tr("years"))
        for column, (key, title) in enumerate(zip(COUNTS, titles, strict=True)):
            box = QSpinBox()
            box.setRange(0, COUNT_MAX)
            box.setObjectName(f"count-{key}")
            box.setAccessibleName(title)
            box.valueChanged.connect(self._count)
            label = QLabel(title)
            label.setBuddy(box)
            grid.addWidget(box, 0, column)
            grid.addWidget(label, 1, column)
            self._boxes[key] = box
        return grid

    def _choose(self, is_chosen: bool) -> None:
        if not is_chosen:
            return
        name = next(k for k, radio in self._radios.items() if radio.isChecked())
        if name != OWN:
            self._fill(PRESETS[name])
        for box in self._boxes.values():
            box.setEnabled(name == OWN)
        self._draw()

    def _fill(self, counts: Mapping[str, int]) -> None:
        self._filling = True
        for key, box in self._boxes.items():
            box.setValue(min(counts.get(key, 0), COUNT_MAX))
        self._filling = False

    def _count(self) -> None:
        if not self._filling:
            self._draw()

    def _draw(self) -> None:
        counts = self.counts
        self.ages = kept_ages(counts, self._every, int(time.time()))
        said = summary(self.ages, not counts)
        self.picture.show_ages(self.ages, said)
        self._said.setText(said)
        self.changed.emit()
