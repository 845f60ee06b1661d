# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A text as a QR code, where the python library `qrcode` is installed.

The library only makes the matrix; it is painted here.
"""

from typing import List, Optional

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PyQt6.QtGui import QImage, QPainter

# The free border that readers need, in modules.
QUIET = 4
_DOTS = 6


def matrix_of(text: str) -> Optional[List[List[bool]]]:
    """True is dark; None where the library is missing."""
    try:
        # Optional: dom0 has it only where python3-qrcode is installed.
        import qrcode
    except ImportError:
        return None
    code = qrcode.QRCode(
        error_correction=qrcode.constants.ERROR_CORRECT_M, border=0
    )
    code.add_data(text.encode("utf-8"))
    code.make(fit=True)
    return [[bool(dot) for dot in row] for row in code.get_matrix()]


def painted(matrix: List[List[bool]], dots: int = _DOTS) -> QImage:
    """The matrix in black on white, with its border; `dots` a module."""
    size = (len(matrix) + 2 * QUIET) * dots
    image = QImage(size, size, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                left, top = (x + QUIET) * dots, (y + QUIET) * dots
                painter.fillRect(left, top, dots, dots, Qt.GlobalColor.black)
    painter.end()
    return image


def png_of(image: QImage) -> bytes:
    """The image as the bytes of a PNG file."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    buffer.close()
    return bytes(data.data())
