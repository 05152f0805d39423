from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openportrait.batches.lists import MOST_YAML_BYTES, pair_folders, read_jobs
from openportrait.batches.records import BatchJob
from openportrait.errors import MediaError, OpenPortraitError, OptionError

CSV = """source,driving,driving,output,region,max-size,stitching,multiplier,face

a.png,b.mp4,lip=c.mp4@offset=1.5,,"eyes,lip",512,off,3e-1,0
"ä, b.png",b.mp4,,x.webm,,,,,
"""
JSONL = """
{"source": "a.png", "driving": ["b.mp4", "lip=c.mp4@offset=1.5"], "region": "eyes,lip", "max_size": 512, \
"stitching": false, "multiplier": 0.3, "face": 0}
{"source": "\\u00e4, b.png", "driving": "b.mp4", "output": "x.webm"}
"""
YAML = """
- source: a.png
  driving: [b.mp4, "lip=c.mp4@offset=1.5"]
  region: eyes,lip
  max-size: 512
  stitching: off
  multiplier: 3e-1
  face: 0
- {source: "ä, b.png", driving: b.mp4, output: x.webm}
"""


def read(folder: Path, name: str, content: str | bytes) -> list[BatchJob]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_jobs(path)


@pytest.mark.parametrize(
    ("name", "content", "lines"), [("j.csv", CSV, (3, 4)), ("j.jsonl", JSONL, (2, 3)), ("j.yaml", YAML, (2, 9))]
)
def test_each_format_holds_the_same_jobs(tmp_path: Path, name: str, content: str, lines: tuple[int, int]) -> None:
    first, second = read(tmp_path, name, content)
    assert [str(one.path) for one in first.drivings] == ["b.mp4", "c.mp4"]
    assert (first.drivings[1].region, first.drivings[1].offset_seconds) == ("lip", 1.5)
    assert first.options == {"region": "eyes,lip", "max_size": 512, "stitching": False, "multiplier": 0.3, "face": "0"}
    assert (str(second.source), str(second.output), second.options) == ("ä, b.png", "x.webm", {})
    assert [job.where for job in (first, second)] == [f"{tmp_path / name}, line {line}" for line in lines]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("j.csv", "source,driving,regoin\na.png,b.mp4,lip\n", "line 2: there is no option regoin; did you mean"),
        ("j.csv", "source,driving,multiplier\na.png,b.mp4,7\n", "line 2: --multiplier is 7; give a number from 0 to 5"),
        ("j.csv", "source,driving,workers\na.png,b.mp4,3\n", "line 2: workers is of the whole batch; give --workers"),
        ("j.csv", "source,driving\na.png,b.mp4\nb.png,\n", "line 3: has no driving"),
        ("j.csv", "source,driving\na.png,b.mp4,c,d\n", "line 2 has 4 cells for 2 columns"),
        ("j.csv", "source,clip\na.png,b.mp4\n", "no column driving"),
        ("j.csv", "source,driving,region,region\na.png,b.mp4,lip,eyes\n", "'region' is there twice"),
        ("j.csv", 'source,driving\na.png,"b', "line 2 is not CSV"),
        ("j.csv", b"source,driving\n\xff,b\n", "is not UTF-8"),
        ("j.csv", "", "holds no job"),
        ("j.jsonl", '{"source": "a.png", "driving": 3}', "line 1: driving is 3"),
        ("j.jsonl", '\n{"source": ["a"], "driving": "b"}', "line 2: source is a list; give a path"),
        ("j.jsonl", "[1]", "line 1 is a list; an object is due"),
        ("j.jsonl", '{"source": "a", "source": "b", "driving": "c"}', "line 1: 'source' is stated twice"),
        ("j.jsonl", "[" * 100_000, "line 1: it is nested too deep"),
        ("j.jsonl", '{"source": "a\\u0000", "driving": "c"}', "give a path"),
        ("j.jsonl", '{"source": "a", "driving": "lip=b@offset=later"}', "line 1: --driving"),
        ("j.yaml", "- source: a\n  driving: b\n  source: c\n", "line 1 states a name twice"),
        ("j.yaml", "source: a\ndriving: b\n", "is no list"),
        ("j.yaml", "- &a [x, x]\n- [*a, *a]\n", "line 2 repeats another by *"),
        ("j.yaml", "- !!python/object/apply:os.system ['touch made']\n", "is not YAML"),
        ("j.yaml", "- {source: 2001-99-99, driving: b}\n", "month must be"),
        ("j.yaml", "[" * 10_000, "nested too deep"),
        ("j.yaml", "- " + "x" * MOST_YAML_BYTES, "is larger than 1 MB"),
        ("j.txt", "a", "is no list of jobs by its suffix"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_is_one_line_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises((OptionError, MediaError)) as refused:
        read(tmp_path, name, content)
    assert said in str(refused.value)
    assert str(tmp_path / name) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["j.csv", "j.jsonl", "j.yaml"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), cut=st.integers(0, 200), text=st.text(max_size=60))
def test_no_list_is_more_than_refused(tmp_path: Path, name: str, content: bytes, cut: int, text: str) -> None:
    whole = {"j.csv": CSV, "j.jsonl": JSONL, "j.yaml": YAML}[name].encode()
    values = {"source": text or "a", "driving": text or "b", "region": text}
    for hostile in (content, whole[:cut] + content + whole[cut:], json.dumps(values).encode()):
        try:
            read(tmp_path, name, hostile)
        except OpenPortraitError as error:
            assert len(str(error)) < 1000


def test_two_folders_make_each_pair_or_those_of_one_name(tmp_path: Path) -> None:
    for name in ("s/a.png", "s/b.jpg", "d/b.mp4", "d/b.motion", "d/c.mp4", "d/.hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    cross = pair_folders(tmp_path / "s", tmp_path / "d", "cross")
    assert len(cross) == 6
    named = pair_folders(tmp_path / "s", tmp_path / "d", "name")
    pairs = [(job.source_path.name, job.drivings[0].path.name) for job in named]
    assert pairs == [("b.jpg", "b.motion"), ("b.jpg", "b.mp4")]
    with pytest.raises(OptionError, match="make no job"):
        pair_folders(tmp_path / "s", tmp_path, "cross")
    with pytest.raises(MediaError, match="is no folder"):
        pair_folders(tmp_path / "none", tmp_path, "cross")
