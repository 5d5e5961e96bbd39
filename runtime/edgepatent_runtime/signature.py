"""Who made a bundle: an Ed25519 signature of its description, by a key that people exchange.

``bundle.json`` holds the digest of every file, so that a signature of it speaks for all of them.
The files are small texts, as those of minisign: one line that says what it is and of which key,
one line of base64.

Source: RFC 8032, https://www.rfc-editor.org/rfc/rfc8032; needs the extra ``sign``.
"""

import base64
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edgepatent_runtime import whole
from edgepatent_runtime.bundle import SIGNATURE, Bundle
from edgepatent_runtime.errors import BundleError, InputError

# So that no signature made for another purpose with the same key can be passed off as one of ours.
_PURPOSE = b"edgepatent bundle, format 1\n"
_SECRET, _PUBLIC, _SIGNED = "edgepatent secret key", "edgepatent public key", "edgepatent signature"


class _File(NamedTuple):
    """The id of the key that a file is or was made by, and its bytes."""

    key: str
    content: bytes


def make_keys(secret: Path, public: Path) -> str:
    """Write a new pair of keys, the secret one for its owner's eyes only; its id.

    Raises `InputError` where a file is there already, `OSError` where one cannot be written.
    """
    for path in (secret, public):
        if path.exists():
            raise InputError(f"{path} is there already: a key that is overwritten is lost")
    key = Ed25519PrivateKey.generate()
    shown = key.public_key().public_bytes_raw()
    name = key_id(shown)
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_text(_SECRET, name, key.private_bytes_raw()))
    whole.write(public, _text(_PUBLIC, name, shown))
    public.chmod(0o644)
    return name


def sign(bundle: Bundle, secret: Path) -> str:
    """Sign ``bundle``, all of whose files must be as listed; the id of the key.

    Raises `BundleError` where a file is not, `InputError` where ``secret`` is no secret key.
    """
    bundle.verify()
    content = _read(secret, _SECRET, 32).content
    key = Ed25519PrivateKey.from_private_bytes(content)
    name = key_id(key.public_key().public_bytes_raw())
    signed = key.sign(_PURPOSE + bundle.description())
    whole.write(bundle.folder / SIGNATURE, _text(_SIGNED, name, signed))
    (bundle.folder / SIGNATURE).chmod(0o644)
    return name


def verify(bundle: Bundle, public: Path) -> str:
    """Check that ``bundle`` was signed by ``public`` and has not changed since; the key's id.

    Raises `BundleError` where it was not, `InputError` where ``public`` is no public key.
    """
    key = _read(public, _PUBLIC, 32)
    data = bundle.signature()
    if data is None:
        raise BundleError(f"{bundle.folder} is not signed")
    signed = _parse(data, _SIGNED, 64)
    if signed is None:
        raise BundleError(f"{bundle.folder / SIGNATURE} is no signature")
    name = key_id(key.content)
    if signed.key != name:
        raise BundleError(f"{bundle.folder} is signed by key {signed.key}, not by {name}")
    try:
        shown = Ed25519PublicKey.from_public_bytes(key.content)
        shown.verify(signed.content, _PURPOSE + bundle.description())
    except InvalidSignature:
        raise BundleError(
            f"{bundle.folder} is not what key {name} has signed: do not use it"
        ) from None
    bundle.verify()
    return name


def key_id(public: bytes) -> str:
    """What a public key (32 bytes) is called: the beginning of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16].upper()


def _text(kind: str, key: str, content: bytes) -> bytes:
    return f"{kind} {key}\n{base64.b64encode(content).decode()}\n".encode()


def _read(path: Path, kind: str, length: int) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    found = _parse(data, kind, length)
    if found is None:
        raise InputError(f"{path} is no {kind.removeprefix('edgepatent ')}")
    return found


def _parse(data: bytes, kind: str, length: int) -> _File | None:
    """What a file of ours says; None for anything else."""
    try:
        first, second = data.decode("ascii").splitlines()
        said, _, key = first.rpartition(" ")
        content = base64.b64decode(second, validate=True)
    except ValueError:
        return None
    if said != kind or len(content) != length or len(key) != 16 or not key.isalnum():
        return None
    return _File(key, content)
