"""The trained networks: lists, finds, downloads and reads them safely.

Importing this package touches no disk and loads no library. Nothing is downloaded unless
`download` is called. No code inside a weight file is ever run.
"""

from openportrait.weights.folder import HOW_TO_GET, FileStatus, WeightsFolder, list_files, locate, path, verify
from openportrait.weights.hub import DownloadProgress, download
from openportrait.weights.manifest import LANDMARK, NETWORKS, PUBLISHED, Network, Release, WeightFile

__all__ = [
    "HOW_TO_GET",
    "LANDMARK",
    "NETWORKS",
    "PUBLISHED",
    "DownloadProgress",
    "FileStatus",
    "Network",
    "Release",
    "WeightFile",
    "WeightsFolder",
    "download",
    "list_files",
    "locate",
    "path",
    "verify",
]
