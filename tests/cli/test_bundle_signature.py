"""``edgepatent bundle key|sign|verify``: the real command, and forgers."""

import base64
import shutil
import stat
from pathlib import Path

import pytest

from edgepatent_runtime import signature
from edgepatent_runtime.bundle import CARD, INFO, SIGNATURE, Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import BundleError, InputError


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    secret, public = tmp_path / "me.key", tmp_path / "me.pub"
    signature.make_keys(secret, public)
    return secret, public


@pytest.fixture
def bundle(tiny_bundle: Bundle, tmp_path: Path) -> Bundle:
    shutil.copytree(tiny_bundle.folder, tmp_path / "bundle")
    return Bundle(tmp_path / "bundle")


def test_sign_and_verify_from_the_command_line(edgepatent, bundle, tmp_path):
    assert "me.key is secret" in edgepatent("bundle", "key", tmp_path / "me").stdout
    edgepatent("bundle", "sign", bundle.folder, "--key", tmp_path / "me.key")
    told = edgepatent("bundle", "verify", bundle.folder, "--key", tmp_path / "me.pub").stdout
    assert "is what key" in told
    edgepatent("bundle", "key", tmp_path / "other")
    refused = edgepatent(
        "bundle", "verify", bundle.folder, "--key", tmp_path / "other.pub", status=1
    )
    assert "is signed by key" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_secret_key_is_its_owner_s(keys):
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    with pytest.raises(InputError, match="is there already"):
        signature.make_keys(*keys)


def test_any_change_is_found(bundle, keys):
    signature.sign(bundle, keys[0])
    signature.verify(bundle, keys[1])
    info = (bundle.folder / INFO).read_bytes()
    (bundle.folder / INFO).write_bytes(info.replace(b"tiny-0", b"tiny-1"))
    with pytest.raises(BundleError, match="is not what key"):
        signature.verify(Bundle(bundle.folder), keys[1])
    (bundle.folder / INFO).write_bytes(info)
    name = next(iter(bundle.files))
    (bundle.folder / name).write_bytes(b"forged")
    with pytest.raises(BundleError, match="damaged"):
        signature.verify(Bundle(bundle.folder), keys[1])


def test_nothing_else_is_a_signature_or_a_key(bundle, keys):
    with pytest.raises(BundleError, match="is not signed"):
        signature.verify(bundle, keys[1])
    signature.sign(bundle, keys[0])
    good = (bundle.folder / SIGNATURE).read_bytes()
    for forged in (b"", good[:-9], good + good, b"\xff" * 90, good.replace(b"signature", b"key")):
        (bundle.folder / SIGNATURE).write_bytes(forged)
        with pytest.raises(BundleError):
            signature.verify(bundle, keys[1])
    head, content = good.splitlines()
    other = bytearray(base64.b64decode(content))
    other[0] ^= 1
    (bundle.folder / SIGNATURE).write_bytes(head + b"\n" + base64.b64encode(other) + b"\n")
    with pytest.raises(BundleError, match="is not what key"):
        signature.verify(bundle, keys[1])
    with pytest.raises(InputError, match="no public key"):
        signature.verify(bundle, keys[0])
    with pytest.raises(InputError, match="no secret key"):
        signature.sign(bundle, keys[1])


def test_an_index_takes_the_signature_along(bundle, keys, tmp_path):
    signature.sign(bundle, keys[0])
    with Collection.create(tmp_path / "index", bundle) as collection:
        signature.verify(collection.bundle, keys[1])


def test_a_bundle_without_a_signature_is_used_as_before(bundle):
    assert bundle.signature() is None
    assert CARD not in bundle.files
