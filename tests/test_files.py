from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from openportrait import files
from openportrait.errors import MediaError


def test_a_plain_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert files.read_plain(path, 5, "a note") == b"12345"
    with pytest.raises(MediaError, match="larger than 4 bytes; give a note"):
        files.read_plain(path, 4, "a note")


def test_nothing_but_a_plain_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    for path, told in (
        (tmp_path / "pipe", "is a pipe and no plain file; give a note"),
        (tmp_path / "socket", "is a socket and no plain file"),
        (Path("/dev/zero"), "is a device and no plain file"),
        (tmp_path, "is a folder; give a note"),
        (tmp_path / "loop", "cannot be opened"),
        (tmp_path / "none", "no such file; check the path"),
        (tmp_path / ("n" * 300), "cannot be opened"),
        (tmp_path / "nul\0", "cannot be opened"),
    ):
        with pytest.raises(MediaError, match=told):
            files.open_plain(path, "a note")
