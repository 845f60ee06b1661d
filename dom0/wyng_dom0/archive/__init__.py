# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an archive says of volumes and sessions. Codecs only; no I/O."""
