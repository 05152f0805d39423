"""A Ray cluster of several nodes on this machine, which all tests of this folder share: it takes seconds to start."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import openportrait
from tests.batch.conftest import Batch as Batch
from tests.batch.conftest import face_image as face_image
from tests.batch.conftest import files as files
from tests.batch.conftest import run as run
from tests.batch.conftest import start as start
from tests.conftest import missing

WORKERS = 2
STORE_BYTES = 80 * 2**20
"""Of a node's object store; Ray takes no less. Nothing large goes through it."""


def on_this_machine() -> dict[str, Any]:
    """What a node is started with. Given no ports, it waits only 15 s for its helpers to find some."""
    names = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        ports = {name: free.getsockname()[1] for name, free in zip(names, sockets, strict=True)}
    return {"node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES, **ports}


def patiently(begin: Callable[[], Any]) -> Any:
    """A node that does not begin within 30 s is given up by Ray; a busy machine may need a second try."""
    for _ in range(2):
        try:
            return begin()
        except Exception as error:
            if "timed out" not in str(error):
                raise
    return begin()


@dataclass
class Nodes:
    """The cluster. Its head has no cores, so that every worker is on a node that may be killed."""

    ray: Any
    others: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.ray.address)

    def fill(self) -> None:
        """Two machines of a core each."""
        while len(self.others) < WORKERS:
            self.others.append(patiently(lambda: self.ray.add_node(num_cpus=1, **on_this_machine())))

    def kill_one(self) -> None:
        """As where its power is cut."""
        self.ray.remove_node(self.others.pop(), allow_graceful=False)


CRASHES = """
import os, sys
if "openportrait.batches.worker" in sys.orig_argv:
    import openportrait.pipeline as pipeline
    whole = pipeline.animate
    def animate(source, *args, **options):
        path = str(source.path)
        if "crash" in path and not os.path.exists(path + ".crashed"):
            if "once" in path:
                open(path + ".crashed", "w").close()
            os.abort()
        return whole(source, *args, **options)
    pipeline.animate = animate
"""
"""Loaded by each Python of these tests: a worker crashes on certain sources, always or once."""


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of all processes that these tests start."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(CRASHES)
    paths = [str(folder), str(Path(openportrait.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Otherwise Ray takes the address of the network's card for 127.0.0.1.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


@pytest.fixture(scope="package")
def nodes(environment: None) -> Iterator[Nodes]:
    """A head and two nodes of a core each."""
    if find_spec("ray") is None:
        missing("ray")
    # A path of pytest would be too long for its sockets.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        from ray._private import utils
        from ray.cluster_utils import Cluster

        # The address of the cluster is noted there, in a folder that is made with the first node.
        patch.setenv("RAY_TMPDIR", folder)
        # Its nodes then begin without what serves a dashboard: that takes long to import, and they wait 15 s for it.
        patch.setattr(utils, "get_dashboard_dependency_error", lambda: ImportError("no dashboard here"))
        head = {
            "num_cpus": 0,
            "temp_dir": str(Path(folder) / "ray"),
            "include_dashboard": False,
            "include_log_monitor": False,
            "no_monitor": True,
            **on_this_machine(),
        }
        cluster = Nodes(patiently(lambda: Cluster(initialize_head=True, head_node_args=head)))
        try:
            cluster.fill()
            yield cluster
        finally:
            cluster.ray.shutdown()


@pytest.fixture(params=["local", "cluster"])
def backend(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of a batch that say where it is done."""
    request.getfixturevalue("environment")
    if request.param == "local":
        return {"workers": 1}
    return {"workers": 1, "cluster": request.getfixturevalue("nodes").address}
