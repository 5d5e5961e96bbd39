"""Who made a bundle or an update: an Ed25519 signature of its description.

A description (``bundle.json``, ``update.json``) holds the digest of every file, so that a signature
of it speaks for all of them. Keys and signatures are files as minisign writes and reads them, which
can so be used in place of this; secret keys have no password (minisign -W).

Source: https://jedisct1.github.io/minisign/, "Format" and RFC 8032; needs the extra ``sign``.
"""

import base64
import hashlib
import os
import time
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edgepatent_runtime import whole
from edgepatent_runtime.bundle import INFO, SIGNATURE, Bundle
from edgepatent_runtime.errors import BundleError, InputError

_COMMENT, _TRUSTED = "untrusted comment: ", "trusted comment: "
# Ed25519 of the content itself, and of its BLAKE2b, which is what minisign writes today.
_PLAIN, _HASHED = b"Ed", b"ED"
_NO_PASSWORD, _CHECKSUM = b"\0\0", b"B2"


class _Signature(NamedTuple):
    """By which key, the 64 bytes, and the comment, which is signed together with them."""

    algorithm: bytes
    key: bytes
    content: bytes
    trusted: str
    both: bytes


def make_keys(secret: Path, public: Path) -> str:
    """Write a new pair of keys, the secret one for its owner's eyes only; its id.

    Raises `InputError` where a file is there already, `OSError` where one cannot be written.
    """
    for path in (secret, public):
        if path.exists():
            raise InputError(f"{path} is there already: a key that is overwritten is lost")
    key = Ed25519PrivateKey.generate()
    shown = key.public_key().public_bytes_raw()
    number = hashlib.sha256(shown).digest()[:8]
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # Salt, limits and checksum are of a password, and there is none.
        body = _PLAIN + _NO_PASSWORD + _CHECKSUM + bytes(32 + 8 + 8)
        body += number + key.private_bytes_raw() + shown + bytes(32)
        file.write(_text(f"edgepatent secret key {_name(number)}", body))
    whole.write(public, _text(f"edgepatent public key {_name(number)}", _PLAIN + number + shown))
    public.chmod(0o644)
    return _name(number)


def sign(bundle: Bundle, secret: Path) -> str:
    """Sign ``bundle``, all of whose files must be as listed; the id of the key.

    Raises `BundleError` where a file is not, `InputError` where ``secret`` is no secret key.
    """
    bundle.verify()
    signed = of(bundle.description(), INFO, secret)
    whole.write(bundle.folder / SIGNATURE, signed)
    (bundle.folder / SIGNATURE).chmod(0o644)
    return _name(_secret(secret)[0])


def verify(bundle: Bundle, public: Path) -> str:
    """Check that ``bundle`` was signed by ``public`` and has not changed since; the key's id.

    Raises `BundleError` where it was not, `InputError` where ``public`` is no public key.
    """
    name = require(bundle.description(), bundle.signature(), public, bundle.folder)
    bundle.verify()
    return name


def of(content: bytes, name: str, secret: Path) -> bytes:
    """A signature of ``content``, the file ``name``. Raises `InputError` for no secret key."""
    number, key = _secret(secret)
    signed = key.sign(_hashed(content))
    trusted = f"timestamp:{int(time.time())}\tfile:{name}\thashed"
    both = key.sign(signed + trusted.encode())
    said = _text(f"signature by edgepatent key {_name(number)}", _HASHED + number + signed)
    return said + f"{_TRUSTED}{trusted}\n".encode() + base64.b64encode(both) + b"\n"


def require(content: bytes, signature: bytes | None, public: Path, what: Path) -> str:
    """Check that ``content`` was signed by ``public``; the key's id. ``what`` is how to call it.

    Raises `BundleError` where it was not, `InputError` where ``public`` is no public key.
    """
    number, key = _public(public)
    if signature is None:
        raise BundleError(f"{what} is not signed")
    found = _parse(signature)
    if found is None:
        raise BundleError(f"the signature of {what} is none")
    if found.key != number:
        raise BundleError(f"{what} is signed by key {_name(found.key)}, not by {_name(number)}")
    try:
        key.verify(found.content, _hashed(content) if found.algorithm == _HASHED else content)
        key.verify(found.both, found.content + found.trusted.encode())
    except InvalidSignature:
        raise BundleError(
            f"{what} is not what key {_name(number)} has signed: do not use it"
        ) from None
    return _name(number)


def _name(number: bytes) -> str:
    """What a key is called: as minisign prints it."""
    return f"{int.from_bytes(number, 'little'):016X}"


def _hashed(content: bytes) -> bytes:
    return hashlib.blake2b(content).digest()


def _text(comment: str, content: bytes) -> bytes:
    return f"{_COMMENT}{comment}\n{base64.b64encode(content).decode()}\n".encode()


def _secret(path: Path) -> tuple[bytes, Ed25519PrivateKey]:
    """The number and the key in a file. Raises `InputError`."""
    content = _read(path, 158, "secret key")
    algorithm, password, number = content[:2], content[2:4], content[54:62]
    if password != _NO_PASSWORD:
        raise InputError(
            f"{path} is protected by a password: make a key with edgepatent bundle key, or with "
            "minisign -G -W"
        )
    key = Ed25519PrivateKey.from_private_bytes(content[62:94])
    if algorithm != _PLAIN or key.public_key().public_bytes_raw() != content[94:126]:
        raise InputError(f"{path} is no secret key")
    return number, key


def _public(path: Path) -> tuple[bytes, Ed25519PublicKey]:
    """The number and the key in a file. Raises `InputError`."""
    content = _read(path, 42, "public key")
    if content[:2] != _PLAIN:
        raise InputError(f"{path} is no public key")
    return content[2:10], Ed25519PublicKey.from_public_bytes(content[10:])


def _read(path: Path, length: int, kind: str) -> bytes:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    content = _decoded(lines[1], length) if len(lines) == 2 else None
    if content is None or not lines[0].startswith(_COMMENT.encode()):
        raise InputError(f"{path} is no {kind}")
    return content


def _decoded(line: bytes, length: int) -> bytes | None:
    """``length`` bytes, written as base64; None for anything else."""
    try:
        content = base64.b64decode(line, validate=True)
    except ValueError:
        return None
    return content if len(content) == length else None


def _parse(data: bytes) -> _Signature | None:
    """What a file of a signature says; None for anything else."""
    lines = data.split(b"\n")
    if len(lines) != 5 or lines[4] or not lines[0].startswith(_COMMENT.encode()):
        return None
    signed, both = _decoded(lines[1], 74), _decoded(lines[3], 64)
    try:
        trusted = lines[2].decode()
    except ValueError:
        return None
    if signed is None or both is None or not trusted.startswith(_TRUSTED):
        return None
    if signed[:2] not in (_PLAIN, _HASHED):
        return None
    trusted = trusted.removeprefix(_TRUSTED)
    return _Signature(signed[:2], signed[2:10], signed[10:], trusted, both)
