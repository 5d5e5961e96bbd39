"""``edgepatent bundle key|sign|verify``: the real command, and forgers."""

import base64
import shutil
import stat
import subprocess
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
    for forged in (b"", good[:-9], good + good, b"\xff" * 90, good.replace(b"trusted", b"")):
        (bundle.folder / SIGNATURE).write_bytes(forged)
        with pytest.raises(BundleError):
            signature.verify(bundle, keys[1])
    for line, place in ((1, 20), (2, 18), (3, 0)):
        lines = good.splitlines()
        content = bytearray(lines[line] if line == 2 else base64.b64decode(lines[line]))
        content[place] ^= 1
        lines[line] = bytes(content) if line == 2 else base64.b64encode(content)
        (bundle.folder / SIGNATURE).write_bytes(b"\n".join(lines) + b"\n")
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


# What minisign 0.11 wrote: minisign -G -W, then -S -W over CONTENT, without and with -l.
CONTENT = b'{"a":1}'
SECRET = (
    b"untrusted comment: minisign encrypted secret key\n"
    b"RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAzA"
    b"jlPxCQGnf+DmovlmBpTBC3cT6LTyEiY6OTaUqGWgvAc1YHxZefzJz+WP3cXjrA0JTgRftO2hx9"
    b"eaZHLHja+C3kzCpFfydVAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
)
PUBLIC = (
    b"untrusted comment: minisign public key 771A90103FE508CC\n"
    b"RWTMCOU/EJAad5z+WP3cXjrA0JTgRftO2hx9eaZHLHja+C3kzCpFfydV\n"
)
HASHED = b"""untrusted comment: signature from minisign secret key
RUTMCOU/EJAad9crFyjV4ZdKv5241A0d+irzeLBZXAaGGXMpMJAnsshkm1uYibRUgQ4c10uNppduaFTJkfpjCVnm4BP+clfkRAM=
trusted comment: timestamp:1795957845\tfile:f.json\thashed
DmOqAx86Dsbl/e1YTw1D/5RskjTJrELDrdGjiJ46JIvXbqU7wL6CWaZsK6oSfep2lPXb1uDK+zMCOtJt1ArQBQ==
"""
PLAIN = b"""untrusted comment: signature from minisign secret key
RWTMCOU/EJAad2YJyyDKMlJ+O2StHfIjcB079NDdQCx3PsrWS1rhhklYcjhxhLBAfbKnJjNPmK642JUg+Nj2kyCKWBvH1cRHog0=
trusted comment: timestamp:1795957845\tfile:f.json
vAlEfxB6GyClEJv7alas71snrLf9VK/2JrfrFc6PWL8LX33TOm1+nbNu0ZOI/Vjo6YKV2DRhRs0K82pEKzbKBw==
"""


def test_keys_and_signatures_of_minisign_are_read(tmp_path):
    public, secret = tmp_path / "m.pub", tmp_path / "m.key"
    public.write_bytes(PUBLIC)
    secret.write_bytes(SECRET)
    for signed in (HASHED, PLAIN, signature.of(CONTENT, "a.json", secret)):
        name = signature.require(CONTENT, signed, public, tmp_path)
        assert name == "771A90103FE508CC"
        with pytest.raises(BundleError, match="is not what key"):
            signature.require(CONTENT + b" ", signed, public, tmp_path)


@pytest.mark.skipif(shutil.which("minisign") is None, reason="no minisign: apt-get install it")
def test_minisign_reads_keys_and_signatures_of_ours(bundle, keys):
    signature.sign(bundle, keys[0])
    message, signed = bundle.folder / INFO, bundle.folder / SIGNATURE
    ask = ["minisign", "-V", "-m", message, "-x", signed, "-p", keys[1]]
    subprocess.run(ask, check=True, capture_output=True)
    give = ["minisign", "-S", "-W", "-m", message, "-x", signed, "-s", keys[0]]
    subprocess.run(give, check=True, capture_output=True)
    signature.verify(bundle, keys[1])


def test_a_key_with_a_password_is_named(bundle, tmp_path):
    head, key = SECRET.splitlines()
    content = bytearray(base64.b64decode(key))
    content[2:4] = b"Sc"
    (tmp_path / "m.key").write_bytes(head + b"\n" + base64.b64encode(content) + b"\n")
    with pytest.raises(InputError, match="protected by a password"):
        signature.sign(bundle, tmp_path / "m.key")
