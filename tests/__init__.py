"""Tests, laid out as the source is."""

import os

# Workers of a parallel run share the processor, and so do the processes that they start; libraries read this once.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
