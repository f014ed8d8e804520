"""
Sealing what has to be stored and read again: encrypted and signed (Fernet: AES-128, HMAC).

Whoever reads the database without the secret key reads nothing of it.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from wallet.core.keys import Keys

_PURPOSE = "seals"


class BrokenSealError(ValueError):
    """Raised when what was sealed cannot be opened: its key is gone, or it was changed."""


def seal(data: bytes, *, keys: Keys) -> bytes:
    """Seal *data* with the key that signs."""
    return _fernet(keys).encrypt(data)


def unseal(sealed: bytes, *, keys: Keys) -> bytes:
    """
    Open what any of *keys* has sealed.

    Raises:
        BrokenSealError: None of them has.
    """
    try:
        return _fernet(keys).decrypt(sealed)
    except InvalidToken:
        raise BrokenSealError from None


def reseal(sealed: bytes, *, keys: Keys) -> bytes:
    """
    Seal again, with the key that signs, what any of *keys* has sealed.

    Raises:
        BrokenSealError: None of them has.
    """
    return seal(unseal(sealed, keys=keys), keys=keys)


def _fernet(keys: Keys) -> MultiFernet:
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(key)) for key in keys.for_purpose(_PURPOSE)]
    )
