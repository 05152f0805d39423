"""Runs one request after another, each in a forked process with limits, so that the product is imported once.

A request is a line of JSON on stdin, the answer one on stdout. Little is run here before a fork: no thread is started.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

CPU_SECONDS, WALL_SECONDS = 30, 240
"""A busy hang ends after the first, a wait after the second; the work itself takes a second or two."""
ADDRESS_BYTES, FILE_BYTES = 8 * 2**30, 2**28


def main() -> None:
    """Answer requests until stdin ends."""
    import av
    import cv2

    del av, cv2
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request)
        print(json.dumps(_waited_for(child)), flush=True)  # noqa: T201


def _waited_for(child: int) -> dict[str, Any]:
    """Its exit code (negative: the signal that ended it) and peak memory in MB; killed where it takes too long."""
    end = time.monotonic() + WALL_SECONDS
    late = False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return {
                "code": "out of time" if late else os.waitstatus_to_exitcode(status),
                "megabytes": usage.ru_maxrss // 1024,
                "seconds": round(usage.ru_utime + usage.ru_stime, 2),
            }
        if not late and time.monotonic() > end:
            late = True
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.005)


def _run(request: dict[str, Any]) -> NoReturn:
    os.setpgid(0, 0)
    for limit, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, ADDRESS_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    folder = Path(request["folder"])
    os.chdir(folder)
    for number, (name, mode) in enumerate((("/dev/null", os.O_RDONLY), ("told", os.O_WRONLY), ("said", os.O_WRONLY))):
        os.dup2(os.open(folder.parent / name, mode | os.O_CREAT), number)
    if request["entry"] == "process":
        os.execv(sys.executable, [sys.executable, "-m", "openportrait", *request["args"]])
    if request["entry"] == "command":
        from openportrait.__main__ import main as entry

        sys.exit(entry(args=request["args"]))
    sys.exit(_by_python(request))


def _by_python(request: dict[str, Any]) -> int:
    """The same by the Python API; a refusal is said as the command line says it."""
    import openportrait as op

    given, options = dict(request["paths"]), request["options"]
    output = given.get("output")
    calls: dict[str, Callable[[], Any]] = {
        "animate": lambda: op.animate(given["source"], given["driving"], output, **options),
        "edit": lambda: op.edit(given["source"], op.load_expression(Path(given["expression"])), output, **options),
        "perform": lambda: op.perform(given["source"], op.load_timeline(Path(given["timeline"])), output, **options),
        "retarget": lambda: op.retarget(given["source"], op.RetargetOptions(lip=0.0), output, **options),
        "info": lambda: op.load_template(Path(given["path"])),
    }
    try:
        made = calls[request["command"]]()
    except op.OpenPortraitError as error:
        os.write(2, f"openportrait: error: {error}\n".encode(errors="backslashreplace"))
        return 2 if isinstance(error, op.OptionError) else 1
    os.write(1, f"{getattr(made, 'path', '')}\n".encode(errors="backslashreplace"))
    return 0


if __name__ == "__main__":
    main()
