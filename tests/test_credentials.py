"""Signed results, as C2PA's own reader judges them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization

import openportrait
from openportrait import credentials
from openportrait.certificates import ISSUER, SUBJECT, local_certificate
from openportrait.cli import main
from openportrait.credentials import FORMATS, Signer, read_credentials
from openportrait.errors import EngineError
from openportrait.media import open_clip, open_writer, write_image
from openportrait.media.provenance import SOURCE_TYPE, said, synthetic
from openportrait.options import SigningOptions
from tests.conftest import EXAMPLES

SHADES = (30, 90, 150)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("OPENPORTRAIT_CACHE", str(folder))
    yield folder


def signed(path: Path, *inputs: Path) -> Path:
    """A grey clip or picture, signed with the local certificate."""
    sign = partial(Signer(SigningOptions(sign=True)).sign, job={"engine": "mesh"}, inputs=inputs)
    greys = [np.full((48, 64, 3), shade, np.uint8) for shade in SHADES]
    if path.suffix in (".jpg", ".png", ".tif"):
        write_image(path, greys[0], description=synthetic("mesh"), sign=sign)
    else:
        with open_writer(path, rate=Fraction(25), description=synthetic("mesh"), sign=sign) as writer:
            for grey in greys:
                writer.write(grey)
    return path


def judged(path: Path) -> tuple[str, dict[str, Any]]:
    """The state of a file's newest statement, and the statement, by C2PA's own reader."""
    with c2pa.Reader(FORMATS[path.suffix], path.open("rb")) as reader:
        store = json.loads(reader.json())
    return store["validation_state"], store["manifests"][store["active_manifest"]]


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".gif", ".webp", ".jpg", ".png", ".tif"])
def test_every_format_that_can_carries_a_statement_that_holds(suffix: str, portrait: Path, tmp_path: Path) -> None:
    path = signed(tmp_path / f"a{suffix}", portrait)
    state, manifest = judged(path)
    assert state == "Valid"
    assert manifest["signature_info"]["common_name"] == SUBJECT
    assert [each["title"] for each in manifest["ingredients"]] == [portrait.name]
    assert SOURCE_TYPE in json.dumps(manifest)
    assert said(path).source_type == SOURCE_TYPE
    with open_clip(path) as clip:
        assert sum(1 for _ in clip) == (1 if suffix in (".jpg", ".png", ".tif") else len(SHADES))
    assert not [each for each in tmp_path.iterdir() if each != path]


def test_a_job_tells_its_inputs_and_options_and_no_folder(portrait: Path, tmp_path: Path) -> None:
    driving = EXAMPLES / "driving" / "nod.motion"
    result = openportrait.animate(
        *(portrait, driving, tmp_path / "a.mp4"),
        engine="mesh",
        max_size=200,
        max_crop=256,
        multiplier=0.5,
        sign=True,
        side_by_side=True,
    )
    assert result.side_by_side is not None
    for path in (result.path, result.side_by_side):
        state, manifest = judged(path)
        (job,) = [each["data"] for each in manifest["assertions"] if each["label"] == "org.openportrait.job"]
        assert state == "Valid"
        assert job["inputs"] == [
            {"name": each.name, "sha256": hashlib.sha256(each.read_bytes()).hexdigest()} for each in (portrait, driving)
        ]
        assert job["engine"] == "mesh"
        assert job["options"]["multiplier"] == 0.5 and "region" not in job["options"]
        assert bytes(portrait.parent) not in path.read_bytes() and bytes(tmp_path) not in path.read_bytes()


def test_one_flag_leaves_all_of_it_out(portrait: Path, tmp_path: Path) -> None:
    surprise = EXAMPLES / "driving" / "surprise.jpg"
    made = openportrait.animate(portrait, surprise, tmp_path / "a.png", engine="mesh", sign=True, provenance=False)
    assert said(made.path) == said(portrait)
    assert read_credentials(made.path) is None


def test_verify_tells_the_signer_and_what_it_was_made_from(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = signed(tmp_path / "a.mp4", portrait)
    assert main(["verify", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"signed by: {SUBJECT} ({ISSUER})" in out
    assert "signature: holds" in out
    assert f"made from: {portrait.name}  {hashlib.sha256(portrait.read_bytes()).hexdigest()}" in out
    assert main(["verify", "--json", str(path)]) == 0
    told = json.loads(capsys.readouterr().out)["credentials"]
    assert told["holds"] and not told["trusted"] and told["source_type"] == SOURCE_TYPE


def test_a_file_that_was_changed_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = signed(tmp_path / "a.jpg")
    content = bytearray(path.read_bytes())
    content[-10] ^= 0x55
    path.write_bytes(content)
    assert main(["verify", str(path)]) == 1
    out, err = capsys.readouterr()
    assert "signature: does not hold" in out
    assert err.startswith(f"openportrait: error: {path}: was changed after it was signed (assertion.dataHash.mismatch")
    assert err.count("\n") == 1


def test_a_certificate_of_ones_own_signs(cache: Path, portrait: Path, tmp_path: Path) -> None:
    local_certificate()
    chain, key = (cache / "certificate").rename(tmp_path / "own") / "chain.pem", tmp_path / "own" / "key.pem"
    options = SigningOptions(sign=True, certificate=chain, certificate_key=key)
    write_image(
        tmp_path / "a.png",
        np.zeros((8, 8, 3), np.uint8),
        sign=partial(Signer(options).sign, job={}, inputs=[]),
    )
    assert judged(tmp_path / "a.png")[0] == "Valid"
    assert not (cache / "certificate").exists(), "none was made"
    assert oct(key.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"certificate": "own/chain.pem"}, "--certificate and --certificate-key belong together"),
        ({"certificate": "none.pem", "certificate_key": "own/key.pem"}, "none.pem: there is no such file"),
        ({"certificate": "own/key.pem", "certificate_key": "own/key.pem"}, "holds no certificate; give a chain in PEM"),
        ({"certificate": "own/chain.pem", "certificate_key": "own/chain.pem"}, "holds no private key"),
        ({"certificate": "own/chain.pem", "certificate_key": "other/key.pem"}, "is not the key of"),
        ({"certificate": "own/chain.pem", "certificate_key": "locked.pem"}, "has a password"),
        ({"certificate": "root.pem", "certificate_key": "own/key.pem"}, "is not the key of"),
        ({"output": "a.mkv"}, "a.mkv: .mkv carries no content credentials"),
        ({"output": "shots/%03d.png"}, "numbered pictures carry no content credentials"),
    ],
)
def test_what_cannot_sign_is_told_before_the_work(
    given: dict[str, str],
    said: str,
    cache: Path,
    portrait: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("own", "other"):
        local_certificate()
        (cache / "certificate").rename(tmp_path / name)
    first, second = (tmp_path / "own" / "chain.pem").read_text().split("-----BEGIN", 2)[1:]
    (tmp_path / "root.pem").write_text(f"-----BEGIN{second}-----BEGIN{first}")
    key = serialization.load_pem_private_key((tmp_path / "own" / "key.pem").read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    (tmp_path / "locked.pem").write_bytes(key.private_bytes(*form, locked))
    before = sorted(tmp_path.iterdir())
    flags = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]
    command = ["animate", "-s", str(portrait), "-d", str(EXAMPLES / "driving" / "nod.motion"), "--sign", *flags]
    assert main(command) in (1, 2)
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(credentials, "find_spec", lambda name: None)
    for call in (lambda: Signer(SigningOptions(sign=True)), lambda: read_credentials(path)):
        with pytest.raises(EngineError, match=r"pip install .*\[provenance\]"):
            call()
