# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery sheet on the screen, with what brings it onto paper."""

from typing import Optional

from PyQt6.QtCore import Qt, QUrl, pyqtSignal
from PyQt6.QtPrintSupport import QPrintDialog, QPrinter
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from wyng_dom0.applet.inputs import button
from wyng_dom0.applet.plain_text import plain_label
from wyng_dom0.applet.recovery_sheet import Sheet, sheet_html
from wyng_dom0.applet.sheet_paper import document_of, pdf_of, save_private
from wyng_dom0.applet.wording import shown, tr


class SheetView(QWidget):
    """A sheet, and Print, Save as PDF, Save as HTML. `kept` says that one of
    them was done."""

    kept = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._sheet: Optional[Sheet] = None
        self._html = ""
        self.browser = _Still()
        self.browser.setObjectName("sheet")
        self.browser.setAccessibleName(tr("Recovery sheet"))
        self._said = plain_label(name="sheet-said")
        row = QHBoxLayout()
        for name, text, does in (
            ("print-sheet", tr("&Print…"), self._print),
            ("save-pdf", tr("Save as P&DF…"), self._ask_pdf),
            ("save-html", tr("Save as &HTML…"), self._ask_html),
        ):
            each = button(name, text)
            each.clicked.connect(does)
            row.addWidget(each)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.browser, 1)
        layout.addLayout(row)
        layout.addWidget(self._said)

    def show_sheet(self, sheet: Sheet) -> None:
        """This one; nothing is written."""
        self._sheet = sheet
        self._html = sheet_html(sheet)
        self.browser.setHtml(self._html)

    def forget(self) -> None:
        """Take it off the screen."""
        self._sheet, self._html = None, ""
        self.browser.clear()

    def _print(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        dialog = QPrintDialog(printer, self)
        dialog.setObjectName("print-dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._give_to(printer))
        dialog.open()

    def _give_to(self, printer: QPrinter) -> None:
        document_of(self._html).print(printer)
        self._said.setText(tr("Given to the printer."))
        self.kept.emit()

    def _ask_pdf(self) -> None:
        self._ask(tr("PDF (*.pdf)"), "pdf")

    def _ask_html(self) -> None:
        self._ask(tr("HTML (*.html)"), "html")

    def _ask(self, kinds: str, suffix: str) -> None:
        if self._sheet is None:
            return
        dialog = QFileDialog(self, tr("Save the recovery sheet"), "", kinds)
        dialog.setObjectName("save-sheet")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(f"recovery-{self._sheet.name}.{suffix}")
        dialog.fileSelected.connect(self.save)
        dialog.open()

    def save(self, path: str) -> None:
        """Write it to a file of that name, PDF by its suffix or HTML."""
        if self._sheet is None:
            return
        data = self._html.encode("utf-8")
        if path.lower().endswith(".pdf"):
            data = pdf_of(self._html, f"qvm-wyng {self._sheet.name}")
        fault = save_private(path, data)
        if fault:
            said = tr("⚠  It could not be saved to {0}: {1}")
            self._said.setText(said.format(shown(path), shown(fault)))
            return
        said = tr("Saved to {0}; only you can read it.")
        self._said.setText(said.format(shown(path)))
        self.kept.emit()


class _Still(QTextBrowser):
    """Shows a document, follows no link and fetches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)

    def loadResource(self, kind: int, name: QUrl) -> object:
        """Only what the document itself holds."""
        if name.scheme() == "data":
            return super().loadResource(kind, name)
        return None
