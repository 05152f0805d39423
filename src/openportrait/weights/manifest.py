"""The published weight files and the networks in them (SPEC §8), and what is wrong with a file that is none of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WeightFile:
    """One file of a release."""

    name: str
    path: str
    """Below the folder of the release, with forward slashes."""
    bytes: int
    sha256: str
    licence: str
    safetensors_sha256: str = ""
    """Of the same tensors published as `NAME.safetensors`; empty where there is no such copy."""


@dataclass(frozen=True)
class Release:
    """A set of files on the Hugging Face hub."""

    repositories: tuple[str, ...]
    """The present name first, then former ones, which mirrors may still have."""
    safetensors_repositories: tuple[str, ...]
    """Repositories of the same tensors as safetensors."""
    files: tuple[WeightFile, ...]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Network:
    """How the weights of one network are told from those of another."""

    name: str
    file: str
    """Name of the file that holds it."""
    key: str
    """A parameter that in this shape only this network has."""
    shape: tuple[int, ...]
    numbers: int
    """How many values all its parameters have together, BatchNorm's counters left out."""


PUBLISHED = Release(
    repositories=("KlingTeam/LivePortrait", "KwaiVGI/LivePortrait"),
    safetensors_repositories=("Kijai/LivePortrait_safetensors",),
    files=(
        WeightFile(
            "appearance_feature_extractor",
            "liveportrait/base_models/appearance_feature_extractor.pth",
            3387959,
            "5279bb8654293dbdf327030b397f107237dd9212fb11dd75b83dfb635211ceb5",
            "MIT",
            "38bef5de50a92bf1fc66e8c511051a19dfacdf80c37f8713425ec15dc9ca7d34",
        ),
        WeightFile(
            "motion_extractor",
            "liveportrait/base_models/motion_extractor.pth",
            112545506,
            "251e6a94ad667a1d0c69526d292677165110ef7f0cf0f6d199f0e414e8aa0ca5",
            "MIT",
            "3568cd410e29d046771acb55ecfdfe4c7c197d345bd8b7f95942ef63130b6c9e",
        ),
        WeightFile(
            "spade_generator",
            "liveportrait/base_models/spade_generator.pth",
            221813590,
            "4780afc7909a9f84e24c01d73b31a555ef651521a1fe3b2429bd04534d992aee",
            "MIT",
            "ca04fbec765745e9eae836d2d7522c274647b277ce5f25104fa1705b75222212",
        ),
        WeightFile(
            "warping_module",
            "liveportrait/base_models/warping_module.pth",
            182180086,
            "2f61a6f265fe344f14132364859a78bdbbc2068577170693da57fb96d636e282",
            "MIT",
            "f7b7834bd6039b4088f72e5161e60ad366f68a3763df8a3eac0bc0f9d46fdbbf",
        ),
        WeightFile(
            "stitching_retargeting_module",
            "liveportrait/retargeting_models/stitching_retargeting_module.pth",
            2393098,
            "3652d5a3f95099141a56986aaddec92fadf0a73c87a20fac9a2c07c32b28b611",
            "MIT",
            "60725cf3523ae413880da28ed583c9e84c5c25695a0cef1b77210ea31cc424ea",
        ),
        WeightFile(
            "landmark",
            "liveportrait/landmark.onnx",
            114666491,
            "31d22a5041326c31f19b78886939a634a5aedcaa5ab8b9b951a1167595d147db",
            "MIT",
        ),
    ),
)
"""The released weights for people. Detectors for non-commercial use only are not among them, nor needed."""

LANDMARK = "landmark"
STITCHING = "stitching_retargeting_module"

NETWORKS = {
    network.name: network
    for network in (
        Network(
            "appearance_feature_extractor",
            "appearance_feature_extractor",
            "first.conv.weight",
            (64, 3, 3, 3),
            837_888,
        ),
        Network(
            "motion_extractor",
            "motion_extractor",
            "detector.downsample_layers.0.0.weight",
            (96, 3, 4, 4),
            28_118_728,
        ),
        Network(
            "warping_module",
            "warping_module",
            "dense_motion_network.hourglass.encoder.down_blocks.0.conv.weight",
            (64, 110, 3, 3, 3),
            45_536_585,
        ),
        Network("spade_generator", "spade_generator", "fc.weight", (512, 256, 3, 3), 55_438_348),
        Network("retarget_shoulder", STITCHING, "mlp.0.weight", (128, 126), 45_249),
        Network("retarget_mouth", STITCHING, "mlp.0.weight", (128, 65), 37_311),
        Network("retarget_eye", STITCHING, "mlp.0.weight", (256, 66), 144_703),
    )
}
"""By the names of their checkpoints; `retarget_shoulder` is the stitching network."""


# Whether a file is one of these


_LFS = b"version https://git-lfs"


def sha256(path: Path) -> str:
    """Hexadecimal hash of a file's content. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def expected_sha256(path: Path, file: WeightFile) -> str:
    """The published hash of the form in which the file lies here."""
    return file.safetensors_sha256 if path.suffix == ".safetensors" else file.sha256


def damage(path: Path) -> str:
    """Why the file cannot hold weights, with the remedy; empty where nothing is seen. Reads 64 bytes."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}); check its permissions"
    if head.startswith(_LFS):
        return (
            f"{path} is a Git LFS pointer, not the weights; run `git lfs pull` there or `openportrait weights download`"
        )
    if not head:
        return f"{path} is empty; delete it and run `openportrait weights download`"
    if head.lstrip()[:1] == b"<":
        return f"{path} is a web page, not the weights; delete it and run `openportrait weights download`"
    return ""
