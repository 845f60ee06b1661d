# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields that say where an archive lies or shall lie."""

from typing import Dict, List, Optional, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLineEdit,
    QRadioButton,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.inputs import PathField, line_edit
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.wizard.places import (
    DIRECTORY,
    KINDS,
    QUBE,
    QUBE_SSH,
    SSH,
    Place,
)
from wyng_dom0.applet.wording import shown, tr


class PlaceFields(QWidget):
    """Four kinds of places, the fields of the chosen one, and the URL."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._edits: Dict[str, QLineEdit] = {}
        self._qubes: List[QComboBox] = []
        self._ports: Dict[str, QSpinBox] = {}
        self._kinds = QButtonGroup(self)
        self._stack = QStackedWidget()
        self._radios: Dict[str, QRadioButton] = {}
        self._directory = PathField(
            "directory",
            tr("&Directory"),
            tr("as /mnt/disk/laptop; the directory above it must be there"),
        )
        self._bootstrap = QCheckBox(
            tr("Bring the program to the server, if it has only Python")
        )
        self._bootstrap.setObjectName("bootstrap")
        self._bootstrap.toggled.connect(self._say)
        self._url = plain_label(name="place-url")
        self._url.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._add_kinds(layout)
        layout.addWidget(self._stack)
        layout.addWidget(self._url)
        self._stack.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum
        )
        self._directory.changed.connect(self._say)
        self._radios[DIRECTORY].setChecked(True)
        # Until it is known that there are some.
        self.offer_qubes(None)

    @property
    def kind(self) -> str:
        """Which kind is chosen."""
        return KINDS[max(self._kinds.checkedId(), 0)]

    @property
    def place(self) -> Place:
        """What was typed."""
        kind = self.kind
        return Place(
            kind,
            path=self._text(f"{kind}-path"),
            qube=self._text(f"{kind}-qube"),
            user=self._text(f"{kind}-user"),
            host=self._text(f"{kind}-host"),
            port=self._ports[kind].value() if kind in self._ports else 0,
            bootstrap=kind == SSH and self._bootstrap.isChecked(),
        )

    def offer_qubes(self, names: Optional[Sequence[str]]) -> None:
        """The qubes of this machine; None where it has none of them."""
        for kind in (QUBE, QUBE_SSH):
            self._radios[kind].setVisible(names is not None)
        for box in self._qubes:
            typed = box.currentText()
            box.clear()
            box.addItems(list(names or ()))
            box.setCurrentText(typed)
        if names is not None and not self._text(f"{DIRECTORY}-path"):
            self._radios[QUBE].setChecked(True)

    def _add_kinds(self, layout: QVBoxLayout) -> None:
        for number, (kind, text) in enumerate(
            (
                (QUBE, tr("In a &qube that has a disk")),
                (DIRECTORY, tr("In a d&irectory of this machine")),
                (SSH, tr("On a server, by &SSH from here")),
                (QUBE_SSH, tr("On a server, by SSH &through a qube")),
            )
        ):
            radio = QRadioButton(text)
            radio.setObjectName(f"kind-{kind}")
            self._radios[kind] = radio
            self._kinds.addButton(radio, number)
            layout.addWidget(radio)
            self._stack.addWidget(self._form(kind))
        self._kinds.idToggled.connect(self._choose_kind)

    def _form(self, kind: str) -> QWidget:
        body = QWidget()
        form = QFormLayout(body)
        if kind == DIRECTORY:
            form.addRow(tr("&Directory:"), self._directory)
            self._edits[f"{kind}-path"] = self._directory.edit
            return body
        if kind in (QUBE, QUBE_SSH):
            form.addRow(tr("&Qube:"), self._qube_box(kind))
        if kind == QUBE:
            hint = tr("a name as laptop, or a path as /home/user/laptop")
            form.addRow(tr("&Archive there:"), self._edit(kind, "path", hint))
            return body
        form.addRow(tr("S&erver:"), self._edit(kind, "host", "backup.example"))
        form.addRow(tr("&User:"), self._edit(kind, "user", tr("as set up")))
        form.addRow(tr("&Port:"), self._port_box(kind))
        form.addRow(
            tr("&Directory:"), self._edit(kind, "path", "/srv/backup/laptop")
        )
        if kind == SSH:
            form.addRow(self._bootstrap)
        return body

    def _edit(self, kind: str, field: str, hint: str) -> QLineEdit:
        labels = {
            "path": tr("Archive there"),
            "host": tr("Server"),
            "user": tr("User"),
        }
        edit = line_edit(f"{kind}-{field}", labels[field], hint)
        edit.textChanged.connect(self._say)
        self._edits[f"{kind}-{field}"] = edit
        return edit

    def _qube_box(self, kind: str) -> QComboBox:
        box = QComboBox()
        box.setEditable(True)
        box.setObjectName(f"{kind}-qube-box")
        box.setAccessibleName(tr("Qube"))
        box.currentTextChanged.connect(self._say)
        self._qubes.append(box)
        edit = box.lineEdit()
        if edit is not None:
            edit.setObjectName(f"{kind}-qube")
            edit.setAccessibleName(tr("Qube"))
            self._edits[f"{kind}-qube"] = edit
        return box

    def _port_box(self, kind: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(0, 65535)
        box.setSpecialValueText(tr("as set up"))
        box.setObjectName(f"{kind}-port")
        box.setAccessibleName(tr("Port"))
        box.valueChanged.connect(self._say)
        self._ports[kind] = box
        return box

    def _choose_kind(self, number: int, is_chosen: bool) -> None:
        if is_chosen:
            self._stack.setCurrentIndex(number)
            _fit(self._stack)
            self._say()

    def _text(self, field: str) -> str:
        edit = self._edits.get(field)
        return edit.text().strip() if edit is not None else ""

    def _say(self, *_: object) -> None:
        place = self.place
        url = shown(place.url) if place.is_filled else ""
        self._url.setText(url and tr("That is {0}").format(url))
        self.changed.emit()


def _fit(stack: QStackedWidget) -> None:
    """As high as the page that is shown, and no higher."""
    for number in range(stack.count()):
        page = stack.widget(number)
        if page is not None:
            is_shown = number == stack.currentIndex()
            policy = QSizePolicy.Policy
            page.setSizePolicy(
                policy.Preferred,
                policy.Preferred if is_shown else policy.Ignored,
            )
    stack.adjustSize()
