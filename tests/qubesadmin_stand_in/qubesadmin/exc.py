# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that a client sees: qubesadmin/exc.py."""

from typing import Any


class QubesException(Exception):
    """A sentence with arguments put into it (exc.QubesException)."""

    def __init__(self, message: str, *args: Any) -> None:
        super().__init__(message % args if args else message)


class QubesVMNotFoundError(QubesException, KeyError):
    def __str__(self) -> str:
        return QubesException.__str__(self)


class QubesVMError(QubesException):
    pass


class QubesVMNotHaltedError(QubesVMError):
    pass


class QubesVMAlreadyExistsError(QubesException):
    pass


class QubesVMNotRunningError(QubesVMError):
    pass


class QubesValueError(QubesException, ValueError):
    pass


class QubesPropertyValueError(QubesValueError):
    pass


class QubesNoSuchPropertyError(QubesException, AttributeError):
    pass


class QubesLabelNotFoundError(QubesException, KeyError):
    def __str__(self) -> str:
        return QubesException.__str__(self)


class QubesFeatureNotFoundError(QubesException, KeyError):
    def __str__(self) -> str:
        return QubesException.__str__(self)


class QubesTagNotFoundError(QubesException, KeyError):
    def __str__(self) -> str:
        return QubesException.__str__(self)


class QubesVolumeRevisionNotFoundError(QubesException, KeyError):
    def __str__(self) -> str:
        return QubesException.__str__(self)


class StoragePoolException(QubesException):
    pass


class QubesPoolNotFoundError(QubesException):
    pass


class QubesDaemonCommunicationError(QubesException):
    pass


class QubesDaemonAccessError(QubesDaemonCommunicationError):
    """Nothing was answered: no such method, or it was refused."""


class QubesDaemonNoResponseError(QubesDaemonAccessError):
    pass


class QubesPropertyAccessError(QubesDaemonAccessError, AttributeError):
    def __init__(self, prop: str) -> None:
        super().__init__("Failed to access '%s' property", prop)
