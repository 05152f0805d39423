"""What is behind the person in a result, and results that carry transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openportrait.errors import MediaError, OpenPortraitError, OptionError
from openportrait.media import open_clip, read_image, write_image
from openportrait.options import OutputOptions
from openportrait.pipeline import animate, edit
from openportrait.pipeline.background import Background
from openportrait.records import FaceEdit, Frame, Image


@pytest.fixture(scope="module")
def cut(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait turned, without its background."""
    path = tmp_path_factory.mktemp("cut") / "cut.png"
    edit(portrait, FaceEdit(yaw_degrees=10), path, engine="mesh", background="transparent")
    return path


def corner(image: Image) -> Image:
    return image[:40, -40:]


def test_a_transparent_result_shows_the_person_alone(cut: Path) -> None:
    frame = read_image(cut)
    assert frame.alpha is not None
    assert not corner(frame.alpha).any()
    assert (frame.alpha[250:350, 230:290] == 255).all()
    assert 0.2 < (frame.alpha > 127).mean() < 0.7


def test_the_alpha_of_a_cut_out_portrait_goes_with_the_head(cut: Path, tmp_path: Path) -> None:
    before = read_image(cut)
    edit(cut, FaceEdit(move_x=-0.15), tmp_path / "moved.png", engine="mesh")
    edit(cut, FaceEdit(), tmp_path / "still.png", engine="mesh")
    after, still = read_image(tmp_path / "moved.png"), read_image(tmp_path / "still.png")
    assert before.alpha is not None and after.alpha is not None and still.alpha is not None

    def middle(alpha: Image) -> float:
        head = alpha[100:250] > 127
        return float(np.nonzero(head)[1].mean())

    assert middle(after.alpha) > middle(before.alpha) + 8
    np.testing.assert_array_equal(after.alpha[-5:], before.alpha[-5:])
    assert np.abs(still.alpha.astype(int) - before.alpha).max() <= 1
    on_black = [frame.image * (frame.alpha[..., None] / 255.0) for frame in (before, still) if frame.alpha is not None]
    assert np.abs(on_black[1] - on_black[0]).max() < 1.6


@pytest.mark.parametrize("name", ["clip.mov", "clip.webm", "clip.webp"])
def test_clips_carry_the_matte(cut: Path, short_talk: Path, tmp_path: Path, name: str) -> None:
    animate(cut, short_talk, tmp_path / name, engine="mesh", background="transparent", audio="none")
    with open_clip(tmp_path / name) as clip:
        frames = list(clip)
    assert len(frames) == 12
    for frame in frames:
        assert frame.alpha is not None
        assert corner(frame.alpha).max() < 8
        assert frame.alpha[250:350, 230:290].min() > 245


def test_a_transparent_result_without_a_name_gets_a_format_that_carries_it(portrait: Path, tmp_path: Path) -> None:
    result = edit(portrait, FaceEdit(smile=1), tmp_path, engine="mesh", background="transparent")
    assert result.path.suffix == ".png"
    assert read_image(result.path).alpha is not None


@pytest.mark.parametrize("name", ["x.jpg", "x.mp4", "x.gif", "x.bmp", "x.mkv"])
def test_what_cannot_carry_it_is_refused_before_the_work(portrait: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match=r"carries no transparency; use .*\.png"):
        edit(portrait, FaceEdit(smile=1), tmp_path / name, engine="mesh", background="transparent")
    assert not list(tmp_path.iterdir())


def test_a_colour_lies_behind(portrait: Path, tmp_path: Path) -> None:
    edit(portrait, FaceEdit(yaw_degrees=15), tmp_path / "green.png", engine="mesh", background="#00b140")
    frame = read_image(tmp_path / "green.png")
    assert frame.alpha is None
    assert (corner(frame.image) == (0, 177, 64)).all()
    own = read_image(portrait).image
    assert np.abs(frame.image[-60:-20, 240:280].astype(int) - own[-60:-20, 240:280]).max() <= 1


def test_a_picture_lies_behind_scaled_to_cover(tmp_path: Path) -> None:
    picture = np.zeros((40, 90, 3), np.uint8)
    picture[:, :30], picture[:, 30:60], picture[:, 60:] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    write_image(tmp_path / "flag.png", picture)
    background = Background(OutputOptions(background=str(tmp_path / "flag.png")))
    image = np.full((80, 60, 3), 120, np.uint8)
    alpha = np.zeros((80, 60), np.uint8)
    alpha[:40] = 255
    laid, left = background.behind(image, alpha)
    assert left is None
    assert (laid[:40] == 120).all()
    np.testing.assert_allclose(laid[60, 30], (0, 250, 0), atol=3)
    assert (laid[40:, 3:-3, 1] > 200).all()


@pytest.mark.parametrize("wrong", ["purpel", "#12345", "nothing.png", ""])
def test_what_is_no_background_is_told_in_one_line(wrong: str) -> None:
    with pytest.raises(OpenPortraitError) as caught:
        Background(OutputOptions(background=wrong))
    assert "\n" not in str(caught.value)
    assert wrong in str(caught.value)
    if "." not in wrong:
        assert isinstance(caught.value, OptionError)


def test_a_picture_behind_is_not_overwritten(portrait: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "wall.png", np.full((50, 50, 3), 90, np.uint8))
    kept = (tmp_path / "wall.png").read_bytes()
    with pytest.raises(MediaError, match=r"input"):
        edit(portrait, FaceEdit(smile=1), tmp_path / "wall.png", engine="mesh", background=str(tmp_path / "wall.png"))
    assert (tmp_path / "wall.png").read_bytes() == kept


def test_an_engine_that_does_not_move_the_alpha_gets_that_of_its_picture(portrait: Path) -> None:
    image = read_image(portrait).image
    clear = Background(OutputOptions(background="transparent"))
    _, alpha = clear.behind(image, None)
    assert alpha is not None
    np.testing.assert_array_equal(alpha, clear.cut_out(Frame(image)).alpha)
    kept = Background(OutputOptions())
    assert kept.behind(image, None) == (image, None)
