"""Runs one request after another, each in a forked process with limits, so that the product is imported once.

A request is a line of JSON on stdin, the answer one on stdout. Little is run here before a fork: no thread is started.
`forked` begins such a server.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

CPU_SECONDS, WALL_SECONDS = 30, 240
"""A busy hang ends after the first, a wait after the second; the work itself takes a second or two."""
ADDRESS_BYTES, FILE_BYTES = 8 * 2**30, 2**28

Forked = Callable[..., dict[str, Any]]
"""`forked(entry, folder, out, err, args=..., env=..., ...)`: how the run ended."""


@contextmanager
def forked(root: Path) -> Iterator[Forked]:
    """A server for the checkout at `root`, and how it is asked.

    `entry`: "command" for the command line's `main`, "process" for one that is not forked, "python" for the API.
    `folder`: where it runs. `out`, `err`: files for what it prints. `env`: its environment, where it is another.
    """
    line = [sys.executable, "-m", "tests.forked"]
    # Its children work in folders of their own, and the checkout is tried, whatever is installed.
    own = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def ask(entry: str, folder: Path, out: Path, err: Path, **request: Any) -> dict[str, Any]:
            assert server.stdin is not None
            assert server.stdout is not None
            request |= {"entry": entry, "folder": str(folder), "out": str(out), "err": str(err)}
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            answer: dict[str, Any] = json.loads(server.stdout.readline())
            return answer

        yield ask
        server.stdin.close()


def main() -> None:
    """Answer requests until stdin ends."""
    import openportrait.cli.animate
    import openportrait.engines.mesh.engine

    del openportrait
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
    if "env" in request:
        os.environ.clear()
        os.environ.update(request["env"])
    os.chdir(request["folder"])
    fresh = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (name, mode) in enumerate(
        ((os.devnull, os.O_RDONLY), (request["out"], fresh), (request["err"], fresh))
    ):
        os.dup2(os.open(name, mode, 0o600), number)
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
