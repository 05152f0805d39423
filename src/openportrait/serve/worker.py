"""A process that does what the service is asked for: `python -m openportrait.serve.worker`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from openportrait import leaving
from openportrait.batches.worker import ANIMATE, Bench, animated, main
from openportrait.drivings import Driving
from openportrait.errors import MediaError, TemplateError
from openportrait.limits import TooMuch, UploadLimits, check_upload
from openportrait.options import EngineOptions, FaceEdit, FaceOptions, Options
from openportrait.trim import WHOLE, Trim

NICENESS = 5
"""Processes that do jobs raise their niceness by this, so that those that answer at once come first."""


def done_behind(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Animate at low priority."""
    _step_back()
    return animated(bench, job)


def template(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the motion of `source` and write it to `output`."""
    from openportrait.pipeline.flow import Watch
    from openportrait.templates import save_template

    _step_back()
    options = Options.of(**job["options"])
    shelf = bench.shelf(options.engine)
    driving = shelf.measured(Driving(Path(job["source"])), options, Watch(bench.tell, leaving.asked))
    save_template(Path(job["output"]), driving.template)
    made = driving.template
    return {
        "path": job["output"],
        "frames": len(made.motions),
        "rate": str(made.rate),
        "engine": made.engine,
        "warnings": [*shelf.tools.engine.notices, *driving.warnings],
    }


def check(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the `files` that are `asked` for in a job may be used: `status`, 0 where they may, and `line`."""
    return _refused(job, _parts(job["asked"]))


def _parts(asked: Mapping[str, Any]) -> dict[str, Trim]:
    """What a job uses of clips and sounds, by the names of their files."""
    from openportrait.pipeline.driving import options_of

    options = Options.of(**asked["options"])
    if "drivings" not in asked:  # a template of its one file
        return {asked["source"]: options.trim.driving}
    parts = {given["file"]: options_of(Driving(**given), options).trim.driving for given in asked["drivings"]}
    return {asked["source"]: options.trim.source, **parts}


def _refused(job: Mapping[str, Any], parts: Mapping[str, Trim]) -> dict[str, Any]:
    limits = UploadLimits(**job["limits"])
    for path in map(Path, job["files"]):
        try:
            check_upload(path, limits, parts.get(path.name, WHOLE))
        except TooMuch as error:
            return {"status": 413, "line": str(error)}
        except (MediaError, TemplateError) as error:
            return {"status": 415, "line": str(error)}
    return {"status": 0, "line": ""}


def edit(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Edit the picture `source` by sliders into `output`; as `check` where it may not be used."""
    from openportrait import pipeline
    from openportrait.pipeline.flow import Watch
    from openportrait.pipeline.source import is_still

    refused = _refused(job, {})
    if refused["status"]:
        return refused
    path, options = Path(job["source"]), pipeline.editing_options(**job["options"])
    if not is_still(path, options):
        return {"status": 415, "line": f"{path} is a clip; give a picture"}
    shelf = bench.shelf(options.engine)
    opened = shelf.opened(path, options, Watch())
    result = pipeline.edit(opened, FaceEdit(**job["edit"]), job["output"], tools=shelf.tools, **job["options"])
    return {"status": 0, "warnings": list(result.warnings)}


def faces(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """The faces of `source`; as `check` where it may not be used."""
    from openportrait.pipeline.preview import list_faces

    refused = _refused(job, {})
    if refused["status"]:
        return refused
    options = Options.of(**job["options"])
    found = list_faces(Path(job["source"]), bench.shelf(options.engine).tools.finder(options.faces))
    return {"status": 0, "width": found.width, "height": found.height, "faces": found.rows()}


def warm(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Load the engine, the face networks and all that a request imports, so that the first one need not wait for it."""
    import numpy as np

    import openportrait.pipeline.preview
    import openportrait.templates  # noqa: F401

    finder = bench.shelf(EngineOptions(**job["engine"])).tools.finder(FaceOptions())
    finder.find(np.zeros((256, 256, 3), np.uint8))
    return {}


@cache
def _step_back() -> None:
    """Once in a process."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)


if __name__ == "__main__":
    main({ANIMATE: done_behind, "template": template, "check": check, "edit": edit, "faces": faces, "warm": warm})
