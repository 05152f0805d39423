"""Many jobs: lists of them, processes that do them, and a ledger by which a batch goes on where it was stopped.

Read in this order: `lists.py`, `places.py`, `ledger.py`, `run.py`; then where jobs are done: `backends.py`, `local.py`,
`cluster.py`, `actors.py`; then one job: `processes.py`, `worker.py`, `shelf.py`, and `renderers.py` for
those whose segments go to several machines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from openportrait.batches.records import BatchJob, BatchProgress, Outcome
from openportrait.files import AnyPath
from openportrait.options import MOST_RETRIES, MOST_WORKERS, RETRIES

__all__ = ["BatchJob", "BatchProgress", "Outcome", "batch"]


def batch(
    jobs: AnyPath | Iterable[BatchJob],
    *,
    output: AnyPath | None = None,
    workers: int | None = None,
    ledger: AnyPath | None = None,
    retries: int = RETRIES,
    progress: Callable[[BatchProgress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    **options: Any,
) -> Generator[Outcome, None, None]:
    """Do many jobs in several processes, or on a Ray cluster; what came of each is handed out as it ends, failures too.

    `jobs`: records, or the path of a list. `output`: the folder of results that name none, default `animations/`,
    where they are called `SOURCE--DRIVING--TAG`. `workers`: processes, default one a core, or what a cluster has
    room for. `ledger`: a file by which the same call goes on where an earlier one was stopped; None: all jobs are done.
    `retries`: how often a job that failed is begun again. `progress` is called with a `BatchProgress` some times a
    second; `cancel` is asked as often, True stops all jobs. `options` are those of every job, by the flat names of
    `openportrait.options`, and those of its `ClusterOptions`: `cluster="auto"`, `worker_gpus=0.5`.
    Raises OptionError or MediaError before any work where the list is wrong, and Cancelled. An iteration that is left
    half way stops its workers when the iterator is closed.
    """
    from openportrait.arguments import named, named_in_errors
    from openportrait.batches.backends import backend_of
    from openportrait.batches.ledger import Ledger
    from openportrait.batches.lists import read_jobs
    from openportrait.batches.places import plan
    from openportrait.batches.run import run
    from openportrait.bounds import whole
    from openportrait.errors import OptionError, reword
    from openportrait.options import ClusterOptions, specs
    from openportrait.pipeline.output import DEFAULT_FOLDER

    def outcomes() -> Generator[Outcome, None, None]:
        path = None if ledger is None else Path(ledger)
        with named_in_errors(), backend_of(where, workers) as backend, Ledger(path) as kept:
            for outcome in run(tasks, kept, backend, retries=again, progress=progress, cancel=cancel):
                if outcome.error is not None:
                    reword(outcome.error, named)
                yield outcome

    try:
        workers = None if workers is None else whole(workers, 1, MOST_WORKERS, "workers")
        again = whole(retries, 0, MOST_RETRIES, "retries")
    except ValueError as error:
        raise OptionError(str(error)) from error
    of_cluster = {spec.name: options.pop(spec.name) for spec in specs(ClusterOptions) if spec.name in options}
    with named_in_errors():
        where = ClusterOptions(**of_cluster)
        listed = read_jobs(Path(jobs)) if isinstance(jobs, (str, os.PathLike)) else jobs
        tasks = plan(listed, DEFAULT_FOLDER if output is None else Path(output), options)
    return outcomes()
