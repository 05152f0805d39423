from __future__ import annotations

import signal
import subprocess
import sys

import pytest

STEPS = """
import os, signal
from openportrait import leaving
leaving.answer_signals()
with leaving.undivided():
    os.kill(os.getpid(), signal.{name})
    os.write(1, b"whole\\n")
{then}
os.write(1, b"and on\\n")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_waits_for_the_end_of_what_is_undivided_and_is_answered_then(name: str) -> None:
    program = STEPS.format(name=name, then="leaving.answer_now()")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (128 + signal.Signals[name], "whole\n")
    assert done.stderr == "openportrait: stopped; nothing was written\n"


def test_work_that_ends_with_it_is_not_undone() -> None:
    program = STEPS.format(name="SIGINT", then="")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\nand on\n", "")
