"""A folder of numbered pictures as an output: only what an earlier result wrote there is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from openportrait.bounds import whole
from openportrait.errors import MediaError
from openportrait.files import read_plain
from openportrait.media.files import FileId, file_id
from openportrait.media.target import Target, hidden_in, is_temporary, remove

INDEX = ".openportrait.json"
"""A file in each folder that a sequence was written to; it lists what was written (docs/SEQUENCES.md)."""
_KIND, _VERSION = "sequence", 1
_MOST_INDEX_BYTES = 2**26
"""Of an index file."""
_PATTERN = re.compile(r"(?P<before>[^%]*)%0?\d{0,2}d(?P<after>[^%]*\.png)", re.IGNORECASE | re.ASCII)


class Mark(NamedTuple):
    """Marks the state of a file when it was written; a change of the file changes the mark."""

    name: str
    size: int
    modified_ns: int


def is_pattern(name: str) -> bool:
    """Whether a file name stands for numbered ones, such as %05d.png."""
    return _PATTERN.fullmatch(name) is not None


class SequenceTarget(Target):
    """A folder whose pictures are renamed into it at the end, all or none.

    The temporary folder lies in the folder itself where that is there already, else beside it. Earlier results
    of the same pattern give way, so that none of their pictures stands among the new ones. Raises MediaError
    where the folder holds anything else, unless `overwrite`: then files of the names that are written give way,
    but never an input.
    """

    pattern: str
    """A name with %d for the number, such as %05d.png."""

    def __init__(self, folder: Path, pattern: str, inputs: frozenset[FileId], *, overwrite: bool) -> None:
        self.pattern = pattern
        self._overwrite = overwrite
        found = _PATTERN.fullmatch(pattern)
        assert found is not None, "is_pattern was asked"
        before, after = (re.escape(_same(part)) for part in (found["before"], found["after"]))
        self._numbered = re.compile(rf"{before}[ \d]*\d{after}", re.ASCII)
        super().__init__(folder, inputs)

    def _check(self, standing: os.stat_result | None) -> None:
        if standing is not None and not stat.S_ISDIR(standing.st_mode):
            raise MediaError(f"{self.path}: is a file, and a folder is needed; choose another name or add a suffix")
        first = self._place / (self.pattern % 0)
        with contextlib.suppress(FileNotFoundError):
            first.lstat()  # raises where no file can have this name
        if standing is not None:
            self._given_way(None)

    def _folder_of_temporary(self) -> Path:
        return self._place if self._place.exists() else self._place.parent

    def _make_temporary(self) -> None:
        self.temporary.mkdir()

    def _given_way(self, written: Collection[str] | None) -> list[str]:
        """The files of the folder that give way to those that are `written`; None: the names are not yet known.

        Raises MediaError for a file that may not.
        """
        own, names = _read_index(self._place), []
        with os.scandir(self._place) as entries:
            for entry in entries:
                if entry.name == INDEX and own is not None:
                    continue
                fits = entry.name == INDEX or self._numbered.fullmatch(_same(entry.name)) is not None
                if is_temporary(entry.name) or not (fits or _counts(entry)):
                    continue
                in_the_way = fits if written is None else entry.name in written
                if in_the_way:
                    self._spare_inputs_and_folders(entry)
                is_own = _mark(entry) in (own or ())
                if not is_own and (in_the_way or written is None) and not self._overwrite:
                    raise MediaError(
                        f"{self.path}: holds {entry.name}, which no earlier result wrote there; choose a new or empty "
                        "folder, or give --overwrite to replace files of the names that are written"
                    )
                if in_the_way or (is_own and fits):
                    names.append(entry.name)
        return names

    def _spare_inputs_and_folders(self, entry: os.DirEntry[str]) -> None:
        if file_id(Path(entry.path)) in self._inputs:
            raise MediaError(
                f"{self.path / entry.name}: is an input, and the output would replace it; choose another folder"
            )
        if entry.is_dir(follow_symlinks=False):
            raise MediaError(f"{self.path / entry.name}: is a folder where a picture would go; choose another folder")

    def _commit(self) -> None:
        new = sorted(entry.name for entry in os.scandir(self.temporary))
        marks = set(_marks(self.temporary))
        if not self._place.exists():
            _write_index(self.temporary, marks)
            self.temporary.rename(self._place)
            return
        older = self._given_way(new)
        own = _read_index(self._place) or set()
        aside = self.temporary / "replaced"
        aside.mkdir()
        # If this process is killed during the renames, the index lists old and new files, all of them as ours.
        _write_index(self._place, own | marks)
        try:
            _rename_all(
                [(self._place / name, aside / name) for name in older]
                + [(self.temporary / name, self._place / name) for name in new]
            )
        except BaseException:
            with contextlib.suppress(OSError):
                _write_index(self._place, own)
            raise
        with contextlib.suppress(OSError):  # entries of the index without a file do no harm
            _write_index(self._place, (own | marks) & set(_marks(self._place)))
        remove(self.temporary)


def _rename_all(moves: list[tuple[Path, Path]]) -> None:
    """All of them, or on an error none."""
    done: list[tuple[Path, Path]] = []
    try:
        for before, after in moves:
            before.rename(after)
            done.append((before, after))
    except BaseException:
        for before, after in reversed(done):
            with contextlib.suppress(OSError):
                after.rename(before)
        raise


def _counts(entry: os.DirEntry[str]) -> bool:
    """Whether an entry makes a folder one that is in use: hidden files and folders do not."""
    return not entry.name.startswith(".") and not entry.is_dir(follow_symlinks=False)


def _same(name: str) -> str:
    """What names have in common that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _mark(entry: os.DirEntry[str]) -> Mark | None:
    """None for what is no plain file."""
    found = entry.stat(follow_symlinks=False)
    return Mark(entry.name, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _marks(folder: Path) -> Iterator[Mark]:
    with os.scandir(folder) as entries:
        yield from filter(None, map(_mark, entries))


def _read_index(folder: Path) -> set[Mark] | None:
    """What earlier results wrote into `folder`; None where the file that should say it is no index.

    Its names are only compared with those that the folder holds, never opened.
    """
    path = folder / INDEX
    if not os.path.lexists(path):
        return set()
    try:
        content = json.loads(read_plain(path, _MOST_INDEX_BYTES, "a file that openportrait wrote"))
        if content["openportrait"] != _KIND or content["version"] != _VERSION:
            return None
        return {
            Mark(str(name), whole(size, 0, 2**63, "size"), whole(modified, 0, 2**63, "time"))
            for name, size, modified in content["files"]
        }
    except (MediaError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _write_index(folder: Path, marks: set[Mark]) -> None:
    """Raises OSError."""
    hidden = hidden_in(folder, INDEX)
    try:
        hidden.write_text(json.dumps({"openportrait": _KIND, "version": _VERSION, "files": sorted(marks)}))
        hidden.replace(folder / INDEX)
    finally:
        hidden.unlink(missing_ok=True)
