# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions of a restore: where to, what of it, under which name.

Owns the inputs and the sentences beside them. Makes no call.
"""

import os.path
from typing import Callable, List, Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.path_look import PathFacts, PathLook
from wyng_dom0.applet.plain_text import letters_wide, plain_label
from wyng_dom0.applet.points import Point, Subject
from wyng_dom0.applet.restore_plan import (
    EVERYTHING,
    IN_PLACE,
    NEW_FOLDER,
    NEW_QUBE,
    SETTINGS,
    TO_FILE,
    RestoreChoice,
    copy_name,
    needed_bytes,
    replaced_text,
)
from wyng_dom0.applet.typed_name import TypedName
from wyng_dom0.applet.wording import shown, size, tr

_INDENT = 3


class RestoreForm(QWidget):
    """`changed` comes with every change; `choice` is what is chosen then."""

    changed = pyqtSignal()

    def __init__(
        self,
        subject: Subject,
        points: Sequence[Point],
        of: Point,
        volumes: Sequence[str],
    ) -> None:
        super().__init__()
        self._subject, self._points, self._of = subject, points, of
        self._volumes = volumes
        self._ways: List[QRadioButton] = []
        self._there = PathLook(self)
        self._there.seen.connect(self._look)
        self._make_inputs()
        self._lay_out()
        self._ways[0].setChecked(True)
        self._look()

    # The inputs

    def _make_inputs(self) -> None:
        subject = self._subject
        self._new = self._way(NEW_QUBE, tr("As a &new qube, beside the old"))
        self._file = self._way(
            TO_FILE,
            (
                tr("One volume as a &file")
                if subject.is_qube
                else tr("As a &copy, in a file")
            ),
        )
        self._over = self._way(
            IN_PLACE, tr("In &place, over what {0} is now").format(self._name())
        )
        self._folder = self._way(
            NEW_FOLDER, tr("Into a &new folder; nothing there is written to")
        )
        self._ways = [self._file, self._over]
        if subject.is_dom0:
            self._ways = [self._folder, self._file]
        elif subject.is_qube:
            self._ways.insert(0, self._new)
        self._qube = _line("new-name", tr("Name of the new qube"), self._look)
        self._qube.setText(copy_name(subject.name))
        self._pool = _line("pool", tr("Pool of the new qube"), self._look)
        self._pool.setPlaceholderText(tr("where it was"))
        self._isolated = self._check(
            "isolated", tr("Without network, &tags and devices")
        )
        self._path = _line("path", tr("File for the copy"), self._look)
        self._path.setMinimumWidth(letters_wide(self, 36))
        self._browse = QPushButton(tr("&Browse…"))
        self._browse.setObjectName("browse")
        self._browse.setAutoDefault(False)
        self._browse.clicked.connect(self._choose_file)
        self._sparse = self._check(
            "sparse", tr("Fetch only what &differs from what is there")
        )
        self._typed = TypedName(subject.name, "typed-name")
        self._typed.changed.connect(self._look)
        self._replaced = plain_label(name="replaced")
        self._part = QComboBox()
        self._part.setObjectName("part")
        self._part.setAccessibleName(tr("What to restore"))
        self._part.addItem(tr("Everything"), EVERYTHING)
        if not subject.is_dom0:
            self._part.addItem(tr("Settings only"), SETTINGS)
        for each in self._volumes:
            text = tr("Only the volume {0}")
            self._part.addItem(text.format(shown(subject.short(each))), each)
        self._part.currentIndexChanged.connect(lambda _: self._look())
        self._space = plain_label(name="space")

    def _name(self) -> str:
        # A & in a name is no shortcut.
        return shown(self._subject.name, 40).replace("&", "&&")

    def _way(self, way: str, text: str) -> QRadioButton:
        button = QRadioButton(text)
        button.setObjectName(f"way-{way}")
        button.toggled.connect(lambda _: self._look())
        return button

    def _check(self, name: str, text: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setObjectName(name)
        box.toggled.connect(lambda _: self._look())
        return box

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        if self._subject.is_qube:
            top = QFormLayout()
            top.addRow(tr("&What"), self._part)
            column.addLayout(top)
        boxes = {
            self._new: self._new_box(),
            self._file: self._file_box(),
            self._over: self._over_box(),
        }
        for way in self._ways:
            column.addWidget(way)
            if way in boxes:
                column.addWidget(boxes[way])
        column.addWidget(self._space)

    def _new_box(self) -> QWidget:
        self._for_new = QWidget()
        form = _indented(self._for_new)
        form.addRow(tr("Na&me"), self._qube)
        form.addRow(tr("P&ool"), self._pool)
        form.addRow(self._isolated)
        return self._for_new

    def _file_box(self) -> QWidget:
        self._for_file = QWidget()
        form = _indented(self._for_file)
        beside = QHBoxLayout()
        beside.addWidget(self._path, 1)
        beside.addWidget(self._browse)
        said = QLabel(tr("F&ile"))
        said.setBuddy(self._path)
        form.addRow(said, beside)
        return self._for_file

    def _over_box(self) -> QWidget:
        self._for_over = QWidget()
        form = _indented(self._for_over)
        form.addRow(self._replaced)
        form.addRow(self._sparse)
        form.addRow(self._typed)
        return self._for_over

    # What they mean

    @property
    def choice(self) -> RestoreChoice:
        """What is chosen now."""
        path = self._path.text()
        return RestoreChoice(
            subject=self._subject,
            session=self._of.session,
            way=self._chosen_way(),
            part=self._chosen_part(),
            qube=self._qube.text().strip(),
            path=path,
            pool=self._pool.text().strip(),
            isolated=self._isolated.isChecked(),
            sparse=self._sparse.isChecked(),
            typed=self._typed.is_right,
            path_is_taken=self._there.look(path).is_taken,
        )

    def _chosen_way(self) -> str:
        for way, button in (
            (NEW_QUBE, self._new),
            (IN_PLACE, self._over),
            (NEW_FOLDER, self._folder),
        ):
            if button.isChecked():
                return way
        return TO_FILE

    def _chosen_part(self) -> str:
        if not self._subject.is_qube:
            return EVERYTHING
        return str(self._part.currentData())

    def _look(self) -> None:
        """Show what belongs to the choice, and say what it means."""
        if not hasattr(self, "_for_over"):
            return
        way, part = self._chosen_way(), self._chosen_part()
        for box, its in (
            (self._for_new, NEW_QUBE),
            (self._for_file, TO_FILE),
            (self._for_over, IN_PLACE),
        ):
            # What is in no layout would be a window of its own.
            box.setVisible(way == its and box.parent() is not None)
        self._sparse.setVisible(part != SETTINGS)
        self._replaced.setText(replaced_text(self._subject, part))
        self._space.setText(self._space_text(way, part))
        self.changed.emit()

    def _space_text(self, way: str, part: str) -> str:
        needed = needed_bytes(self._points, self._of, self._volumes, part)
        if not needed:
            return ""
        said = tr("Needs at most {0}.").format(size(needed))
        free = ""
        if way == TO_FILE:
            free = _free_text(self._there.look(self._path.text()))
        return f"{said} {tr('Now: {0}.').format(free)}" if free else said

    def tell(self, plan: str) -> None:
        """What the engine says of room and loss, in place of our guess."""
        self._space.setText(plan)

    def _choose_file(self) -> None:
        volume = self._chosen_part()
        if volume in (EVERYTHING, SETTINGS):
            volume = self._subject.name
        name = volume.replace("/", "-").replace(":", "-")
        dialog = QFileDialog(self, tr("A file for the copy"))
        dialog.setObjectName("choose-file")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        # A copy never goes over a file, so there is nothing to confirm.
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.selectFile(f"{name}-{self._of.session}.img")
        dialog.fileSelected.connect(self._path.setText)
        dialog.open()


def _line(name: str, said: str, then: Callable[[], None]) -> QLineEdit:
    field = QLineEdit()
    field.setObjectName(name)
    field.setAccessibleName(said)
    field.textChanged.connect(lambda _: then())
    return field


def _indented(box: QWidget) -> QFormLayout:
    form = QFormLayout(box)
    form.setContentsMargins(letters_wide(box, _INDENT), 0, 0, 0)
    return form


def _free_text(facts: PathFacts) -> str:
    """The room where a file would lie; "" where that is not known yet."""
    if facts.free is None:
        return ""
    folder = shown(os.path.dirname(facts.path))
    return tr("{0} free in {1}").format(size(facts.free), folder)
