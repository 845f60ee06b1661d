# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery sheet as HTML, which is also what is printed.

Pure but for the painting of the QR code. Every text is escaped: names come
from users and archives. With a recovery code on it the sheet is a secret.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from html import escape
from shlex import quote
from typing import List, Sequence, Tuple

from wyng_dom0.applet.qr_code import matrix_of, painted, png_of
from wyng_dom0.applet.wording import shown, tr

_QR_PIXELS = 240


@dataclass(frozen=True)
class Sheet:
    """What stands on it. `code` are the lines of the recovery code, () for
    none; `slots` those of the engine's own sheet."""

    name: str
    url: str
    archive_id: str
    head_code: str
    code: Tuple[str, ...]
    printed: datetime
    slots: Tuple[str, ...] = ()


def payload(sheet: Sheet) -> str:
    """What the QR code says: lines of a word and its value."""
    lines = [
        "qvm-wyng recovery sheet",
        f"name {sheet.name}",
        f"url {sheet.url}",
        f"id {sheet.archive_id}",
        f"head {sheet.head_code}",
    ]
    lines += [f"code {' '.join(sheet.code)}"] if sheet.code else []
    return "\n".join(lines)


def sheet_html(sheet: Sheet) -> str:
    """The whole sheet; one file that needs no other."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html><head><meta charset="utf-8">',
            f"<title>{_text(_title(sheet))}</title></head>",
            '<body style="font-family: sans-serif; color: #000000;'
            ' background-color: #ffffff">',
            f"<h2>{_text(_title(sheet))}</h2>",
            f"<p>{_text(_warning(sheet))}</p>",
            _facts(sheet),
            f"<h3>{_text(tr('To restore on a machine that knows nothing'))}"
            "</h3>",
            "<ol>",
            *(_item(*each) for each in instructions(sheet)),
            "</ol>",
            *_slots(sheet),
            "</body></html>",
        ]
    )


def instructions(sheet: Sheet) -> List[Tuple[str, str]]:
    """What to do, in its order: what it is, and what is typed for it."""
    # As a shell takes it, whatever the path holds.
    url = quote(f"--from={sheet.url}")
    return _opening(url) + _restoring(sheet, url)


def _opening(url: str) -> List[Tuple[str, str]]:
    return [
        (
            tr(
                "Install qvm-wyng: the package qvm-wyng-dom0 and, in the qube"
                " that has the disk, qvm-wyng-vm."
            ),
            "",
        ),
        (
            tr(
                "Make the place reachable: mount its disk, start its qube, or"
                " set up its SSH key."
            ),
            "",
        ),
        (
            tr(
                "In the window (qubes-wyng-manager) choose “Open an archive”"
                " and type the URL above. Or in a terminal:"
            ),
            f"qvm-wyng {url} list",
        ),
        (
            tr(
                "Type the passphrase when you are asked. The recovery code is"
                " typed in its place, its four lines as one."
            ),
            "",
        ),
        (
            tr(
                "Compare the head code that is shown with the one above: the"
                " number before the first “-” must not be smaller. A smaller"
                " one means that you were given an old copy."
            ),
            "",
        ),
    ]


def _restoring(sheet: Sheet, url: str) -> List[Tuple[str, str]]:
    return [
        (
            tr("See what there is of one volume:"),
            f"qvm-wyng {url} list VOLUME",
        ),
        (
            tr("Restore its newest session, or add --session=…:"),
            f"qvm-wyng {url} --save-to=FILE receive VOLUME",
        ),
        (
            tr("On Qubes OS make a qube again, with its settings:"),
            f"qvm-wyng {url} receive QUBE",
        ),
        (
            tr("To go on backing up to the same archive:"),
            f"qvm-wyng --archive={sheet.name} {url} arch-init",
        ),
        (
            tr(
                "Should the archive say that it has no key slot: type the"
                " lines below that begin with “slot” into a file, and add"
                " --slots-from=FILE."
            ),
            "",
        ),
        (
            tr(
                "Keep this sheet apart from the machine, and not with the"
                " disk of the backups: who has both can read everything."
                " Without passphrase and recovery code nobody can restore"
                " anything, the makers of the program included."
            ),
            "",
        ),
        (
            tr(
                "Make a new sheet after a restore, and when the archive has"
                " moved. Try all this once while all is well."
            ),
            "",
        ),
    ]


def _title(sheet: Sheet) -> str:
    return tr("Recovery sheet of the archive {0}").format(shown(sheet.name))


def _warning(sheet: Sheet) -> str:
    when = f"{sheet.printed:%Y-%m-%d %H:%M %z}"
    if sheet.code:
        return tr(
            "Made on {0}. Secret: the recovery code opens the backups as the"
            " passphrase does."
        ).format(when)
    return tr("Made on {0}. It holds no secret.").format(when)


def _facts(sheet: Sheet) -> str:
    rows: List[Tuple[str, Sequence[str]]] = [
        (tr("Name"), [sheet.name]),
        (tr("URL"), [sheet.url]),
        (tr("Id"), [sheet.archive_id]),
        (tr("Head code"), [sheet.head_code or tr("none yet")]),
    ]
    if sheet.code:
        numbered = [f"{n}  {line}" for n, line in enumerate(sheet.code, 1)]
        rows.append((tr("Recovery code"), numbered))
    lines = [
        f'<td valign="top"><b>{_text(name)}</b></td><td valign="top"><code>'
        + "<br>".join(_text(value) for value in values)
        + "</code></td>"
        for name, values in rows
    ]
    beside = f'<td rowspan="{len(rows)}" valign="top" align="right">'
    lines[0] += f"{beside}{_qr(sheet)}</td>"
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table width="100%" cellpadding="3">{body}</table>'


def _qr(sheet: Sheet) -> str:
    matrix = matrix_of(payload(sheet))
    if matrix is None:
        said = tr("No QR code: python3-qrcode is not installed.")
        return f"<i>{_text(said)}</i>"
    png = base64.b64encode(png_of(painted(matrix))).decode("ascii")
    return (
        f'<img alt="QR" width="{_QR_PIXELS}" height="{_QR_PIXELS}"'
        f' src="data:image/png;base64,{png}">'
    )


def _item(text: str, command: str) -> str:
    typed = f"<br><code>{_text(command)}</code>" if command else ""
    return f"<li>{_text(text)}{typed}</li>"


def _slots(sheet: Sheet) -> List[str]:
    if not sheet.slots:
        return []
    said = tr(
        "The key slots, should the archive's own be lost. They are no secret."
    )
    lines = "<br>".join(_text(line) for line in sheet.slots)
    return [
        f"<p>{_text(said)}</p>",
        f"<p><small><code>{lines}</code></small></p>",
    ]


def _text(text: str) -> str:
    return escape(shown(text))
