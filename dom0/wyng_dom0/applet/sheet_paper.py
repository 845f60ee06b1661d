# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery sheet on paper and in files.

Nothing is written unless the user named the file; then only its owner may
read it, from before its first byte.
"""

from PyQt6.QtCore import (
    QBuffer,
    QByteArray,
    QFileDevice,
    QIODevice,
    QMarginsF,
    QSaveFile,
)
from PyQt6.QtGui import QPageSize, QPdfWriter, QTextDocument

_OWNER_ONLY = (
    QFileDevice.Permission.ReadOwner | QFileDevice.Permission.WriteOwner
)


def document_of(html: str) -> QTextDocument:
    """The sheet as a document; it loads nothing from anywhere."""
    document = QTextDocument()
    document.setHtml(html)
    return document


def pdf_of(html: str, title: str) -> bytes:
    """The sheet as the bytes of a PDF file on A4."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    # The document has margins of its own.
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    document_of(html).print(writer)
    # The writer ends the file when it goes.
    del writer
    buffer.close()
    return bytes(data.data())


def save_private(path: str, data: bytes) -> str:
    """Write a file whole, for its owner's eyes; what failed, or ""."""
    file = QSaveFile(path)
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        return file.errorString()
    file.setPermissions(_OWNER_ONLY)
    if file.write(data) != len(data) or not file.commit():
        return file.errorString()
    return ""
