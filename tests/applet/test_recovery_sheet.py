# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery sheet: what stands on it, on paper, in files, in its QR code."""

import base64
import re
import stat
import sys
from dataclasses import replace
from datetime import datetime, timezone
from html import unescape
from pathlib import Path
from shlex import split

import pytest
import zxingcpp
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QAbstractButton, QDialog
from pytestqt.qtbot import QtBot

from wyng_dom0.applet.qr_code import matrix_of, painted
from wyng_dom0.applet.recovery_sheet import (
    Sheet,
    instructions,
    payload,
    sheet_html,
)
from wyng_dom0.applet.sheet_paper import document_of, pdf_of, save_private
from wyng_dom0.applet.sheet_view import SheetView

SHEET = Sheet(
    "laptop",
    "qubes-ssh://sys-net:me@backup.example:2222/srv/laptop",
    "0123456789abcdef0123456789abcdef",
    "42-abcd-efgh",
    (
        "7k3m-q0zd harbor",
        "8k3m-q0zd outwit",
        "9k3m-q0zd ankle",
        "0k3m-q0zd citrus",
    ),
    datetime(2026, 11, 26, 12, 30, tzinfo=timezone.utc),
    ("slot 0: QUJD", "slot 1: REVG"),
)
HOSTILE = ["<b>x</b>", '"><img src=http://x/y>', "a\nb", "\u202etxt", "&lt;"]


def decoded(image: QImage) -> str:
    """What a reader of QR codes reads in a picture."""
    grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
    bits = grey.constBits()
    assert bits is not None
    bits.setsize(grey.sizeInBytes())
    whole = bytes(bits)
    step, width, height = grey.bytesPerLine(), grey.width(), grey.height()
    rows = b"".join(whole[y * step :][:width] for y in range(height))
    view = memoryview(rows).cast("B", (height, width))
    (found,) = zxingcpp.read_barcodes(view)
    return str(found.text)


def picture_in(html: str) -> QImage:
    found = re.search('src="data:image/png;base64,([^"]+)"', html)
    assert found is not None
    return QImage.fromData(base64.b64decode(found[1]))


def test_sheet_has_all_that_restoring_needs(qapp: object) -> None:
    text = document_of(sheet_html(SHEET)).toPlainText()
    for needed in (
        *(SHEET.name, SHEET.url, SHEET.archive_id, SHEET.head_code),
        *(*SHEET.code, *SHEET.slots, "2026-11-26 12:30 +0000", "Secret"),
        *(f"--from={SHEET.url} list", f"--from={SHEET.url} arch-init"),
    ):
        assert needed in text, needed
    assert len(instructions(SHEET)) == 12


def test_commands_can_be_typed_whatever_the_path_holds(qapp: object) -> None:
    odd = replace(SHEET, url="internal:/mnt/my disk/$(x);'q'")
    for _, command in instructions(odd):
        if command:
            assert f"--from={odd.url}" in split(command)


def test_qr_code_says_the_same(qapp: object) -> None:
    html = sheet_html(SHEET)
    said = decoded(picture_in(html))
    assert said == payload(SHEET)
    for part in (SHEET.url, SHEET.archive_id, " ".join(SHEET.code)):
        assert part in said
    matrix = matrix_of(said)
    assert matrix is not None and decoded(painted(matrix, 3)) == said


def test_sheet_without_a_code_says_that_it_is_no_secret(qapp: object) -> None:
    text = document_of(sheet_html(replace(SHEET, code=()))).toPlainText()
    assert "no secret" in text and "Recovery code" not in text


def test_without_the_library_the_sheet_says_so(
    qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "qrcode", None)
    html = sheet_html(SHEET)
    assert "python3-qrcode is not installed" in html and "<img" not in html
    assert SHEET.code[3] in html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(qapp: object, text: str) -> None:
    html = sheet_html(replace(SHEET, name=text, url=text, slots=(text,)))
    assert html.count("<img") == 1 and "<b>x" not in html
    assert "\u202e" not in html and "\u202e" not in unescape(html)
    shown = document_of(html).toPlainText()
    assert ("<b>x</b>" in shown) is (text == "<b>x</b>")
    # Readers of the code are given what it is.
    assert text in payload(replace(SHEET, name=text))


def test_pdf_is_one_page_and_a_pdf(qapp: object) -> None:
    pdf = pdf_of(sheet_html(SHEET), "sheet")
    assert pdf.startswith(b"%PDF-") and b"%%EOF" in pdf[-16:]
    assert pdf.count(b"/Type /Page\n") == 1


def test_saved_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    path.write_text("old")
    path.chmod(0o666)
    assert save_private(str(path), b"new") == ""
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["sheet.html"]


def test_file_that_cant_be_written_is_said(tmp_path: Path) -> None:
    assert save_private(str(tmp_path / "none" / "sheet"), b"x") != ""


def test_nothing_is_written_until_a_file_is_named(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    view = SheetView()
    qtbot.addWidget(view)
    view.show_sheet(SHEET)
    view.grab()
    assert list(tmp_path.iterdir()) == []
    with qtbot.waitSignal(view.kept):
        view.save(str(tmp_path / "a.html"))
    with qtbot.waitSignal(view.kept):
        view.save(str(tmp_path / "a.pdf"))
    assert (tmp_path / "a.html").read_text() == sheet_html(SHEET)
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    view.save("/nowhere/a.pdf")
    assert "could not be saved" in view.findChild(object, "sheet-said").text()
    view.forget()
    assert view.browser.toPlainText() == ""
    view.save(str(tmp_path / "b.html"))
    assert not (tmp_path / "b.html").exists()


@pytest.mark.parametrize(
    "name, opens",
    [
        ("print-sheet", "print-dialog"),
        ("save-pdf", "save-sheet"),
        ("save-html", "save-sheet"),
    ],
)
def test_every_button_opens_a_dialog_and_waits_for_none(
    qtbot: QtBot, name: str, opens: str
) -> None:
    view = SheetView()
    qtbot.addWidget(view)
    view.show_sheet(SHEET)
    view.show()
    button = view.findChild(QAbstractButton, name)
    assert isinstance(button, QAbstractButton)
    button.click()
    dialog = view.findChild(QDialog, opens)
    assert isinstance(dialog, QDialog) and dialog.isVisible()
    dialog.reject()
