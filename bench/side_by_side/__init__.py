# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark beside borg and restic; `bench/run.py` starts it."""
