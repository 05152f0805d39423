"""Hands of the service on a Ray cluster: actors that do jobs, and replicas of Ray Serve that answer with pictures.

The service itself stays one process, which has the folder. No machine of the cluster needs that folder: files are sent
to where they are wanted, and what is made of them comes back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from openportrait.batches.actors import Held, last_line
from openportrait.batches.cluster import Cluster
from openportrait.batches.copies import Copies, pieces
from openportrait.batches.processes import Worker
from openportrait.errors import EngineError, OpenPortraitError, known
from openportrait.media.target import remove
from openportrait.options import ClusterOptions, EngineOptions
from openportrait.pipeline.crew import Lost
from openportrait.serve.asked import engine_values
from openportrait.serve.options import ServeOptions
from openportrait.serve.pictures import ANSWER_SECONDS
from openportrait.serve.portraits import MOST
from openportrait.serve.records import MODULE, Hand, Tell
from openportrait.serve.service import MADE, Hands

MOST_LOST = 5
"""How often a job is begun again elsewhere after its machine was lost."""
_WAIT_SECONDS = 0.5
"""From one look whether an actor runs to the next."""
_TOLD_SECONDS = 1.0
"""From one look at how far a job is to the next."""
_ENDING_SECONDS = 15.0
"""A process ends within this time (`processes.py`), or is ended with its actor."""
_MORE_SECONDS, _FEWER_SECONDS = 5.0, 300.0
"""For so long there must be more (or fewer) requests than replicas before the number of replicas grows (or shrinks)."""
_MARK_DIGITS = 12
"""Hexadecimal ones, by which services on one cluster are told apart."""


class JobActor:
    """An actor on a machine of the cluster: it looks after a process that does jobs of the service, with copies of
    files."""

    def __init__(self, threads: int) -> None:
        self._files = Copies()
        self._worker = Worker(threads, MODULE)
        self._now: Mapping[str, Any] = {}

    def begun(self) -> str:
        """The name of its machine."""
        return socket.gethostname()

    def clear(self) -> None:
        """Remove the files of the job before."""
        for path in self._files.folder.iterdir():
            remove(path)

    def take(self, name: str, piece: bytes) -> None:
        """The next bytes of a file of the job."""
        self._files.take(name, piece)

    def do(self, job: Mapping[str, Any], folder: str) -> tuple[Any, list[str]]:
        """Do a job whose files lie in `folder` on the machine of the service: answer or error, and the files made."""
        here, self._now = str(self._files.folder), {}
        made = self._files.folder / MADE
        made.mkdir()
        try:
            answer = moved(self._worker.ask(moved(job, folder, here), self._tell), here, folder)
        except OpenPortraitError as error:
            return type(known(error))(str(error).replace(here, folder)), []
        return answer, [path.name for path in made.iterdir()]

    def give(self, name: str, place: int) -> bytes:
        """The bytes of a file that was made, from a place on."""
        return self._files.give(f"{MADE}/{name}", place)

    def _tell(self, now: Mapping[str, Any]) -> None:
        self._now = now

    def now(self) -> Mapping[str, Any]:
        """The progress of the job; empty where it has not told any yet."""
        return self._now

    def interrupt(self) -> None:
        """Tell the job to end soon."""
        self._worker.interrupt()

    def end(self) -> None:
        """End its process, whatever it does."""
        self._worker.tell_to_stop()
        self._worker.end()
        self._files.close()


class JobHand(Held):
    """Does jobs of the service by a `JobActor`."""

    _is_interrupted = False

    def ask(self, job: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """Have a job done, and give its answer. Raises the error that it ended with."""
        self._is_interrupted = False
        for _ in range(1 + MOST_LOST):
            with suppress(Lost):
                while not self.ready(_WAIT_SECONDS):
                    self._check()
                return self._done(job, Path(job["source"]).parent, tell)
            self._check()
        raise EngineError(
            f"{job['source']}: its worker on the cluster was lost each time; see whether its machines have enough "
            "memory"
        )

    def _check(self) -> None:
        if self._is_over or self._is_interrupted:
            raise EngineError("its worker was ended")

    def _done(self, job: Mapping[str, Any], folder: Path, tell: Tell) -> dict[str, Any]:
        self.got(self.asked("clear"))
        for name, piece in pieces({path.name: path for path in folder.iterdir() if path.name != MADE}):
            self.got(self.asked("take", name, piece))
        answer, made = self._watched(self.asked("do", job, str(folder)), tell)
        if isinstance(answer, OpenPortraitError):
            raise answer
        for name in made:
            with (folder / MADE / name).open("wb") as file:
                while piece := self.got(self.asked("give", name, file.tell())):
                    file.write(piece)
        found: dict[str, Any] = answer
        return found

    def _watched(self, answer: Any, tell: Tell) -> Any:
        while not self._ray.wait([answer], timeout=_TOLD_SECONDS)[0]:
            with suppress(self._ray.exceptions.RayError):
                now = self._ray.get(self.asked("now"), timeout=_TOLD_SECONDS)
                if now:
                    tell(now)
        return self.got(answer)

    def interrupt(self) -> None:
        """Tell its work to end soon, with an error; said a second time: to end now."""
        if self._is_interrupted:
            self.dismiss()
        self._is_interrupted = True
        with suppress(Lost):
            self.asked("interrupt")

    def tell_to_stop(self) -> None:
        """As `interrupt`, and take no more work."""
        self.retire()
        self.interrupt()

    def end(self) -> None:
        """Wait until it has ended."""
        self.retire()
        if self._is_ready:
            with suppress(EngineError):
                self.got(self.asked("end"), _ENDING_SECONDS)
        self.dismiss()


class Replica:
    """An actor on a machine of the cluster: it looks after a process that answers with pictures, with copies of the
    newest."""

    def __init__(self, engine: Mapping[str, Any]) -> None:
        """`engine`: its options; it is loaded before the first request."""
        self._files = Copies()
        self._worker = Worker(1, MODULE)
        self._worker.ask({"kind": "warm", "source": "", "engine": engine}, lambda now: None)

    async def ask(self, job: Mapping[str, Any], content: bytes) -> tuple[Any, bytes]:
        """What came of a request about a picture: answer or error, and the picture that was made."""
        try:
            return await asyncio.to_thread(self._done, job, content)
        except asyncio.CancelledError:
            self._worker.interrupt()
            raise

    def _done(self, job: Mapping[str, Any], content: bytes) -> tuple[Any, bytes]:
        source = Path(job["source"])
        there, here = str(source.parent), str(self._files.folder)
        picture, made = self._files.folder / source.name, self._files.folder / Path(job.get("output", "none")).name
        # A file that is there keeps its time of change, by which the worker recognizes it.
        if not picture.exists():
            self._files.take(picture.name, content)
        try:
            answer = moved(self._worker.ask(moved(job, there, here), lambda now: None), here, there)
            return answer, made.read_bytes() if made.exists() else b""
        except OpenPortraitError as error:
            return type(known(error))(str(error).replace(here, there)), b""
        finally:
            remove(made)
            self._tidy()

    def _tidy(self) -> None:
        """Those that came last are kept."""
        kept = sorted(self._files.folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST]:
            remove(path)


class PictureHand:
    """Lets the replicas answer with pictures; a process of this machine checks what clients hand in."""

    def __init__(self, replicas: Replicas, here: Hand, turn: threading.Lock) -> None:
        """`here`: a process that all of them share, in turn."""
        self._replicas, self._here, self._here_turn = replicas, here, turn
        self._end_it: Callable[[], None] = lambda: None
        """Ends what it does."""

    def ready(self, seconds: float) -> bool:
        """Always: requests wait where the replicas are."""
        return True

    def ask(self, job: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """The answer of a replica. Raises the error that it ended with."""
        if job["kind"] == "warm":
            self._replicas.begin()  # Replicas load what they need by themselves.
            return {}
        if job["kind"] == "check":
            with self._here_turn:
                self._end_it = self._here.interrupt
                return self._here.ask(job, tell)
        source = Path(job["source"])
        # A replica that was sent the same picture before still has it.
        asked = self._replicas.handle().options(multiplexed_model_id=source.stem).remote(job, source.read_bytes())
        self._end_it = asked.cancel
        try:
            answer, made = asked.result()
        except Exception as error:
            raise EngineError(f"{source}: no machine of the cluster answers ({last_line(error)})") from error
        if isinstance(answer, OpenPortraitError):
            raise answer
        if made:
            Path(job["output"]).write_bytes(made)
        found: dict[str, Any] = answer
        return found

    def interrupt(self) -> None:
        """Tell its work to end soon, with an error."""
        self._end_it()

    def tell_to_stop(self) -> None:
        """As `interrupt`, and take no more work."""
        self.interrupt()
        self._here.tell_to_stop()

    def end(self) -> None:
        """Wait until it has ended."""
        with self._here_turn:
            self._here.end()


class Replicas:
    """Those of this service, by Ray Serve: as many as requests keep busy. A context manager; begun when asked to."""

    def __init__(self, options: ServeOptions, engine: EngineOptions) -> None:
        self._options, self._engine = options, engine_values(engine)
        # The same name at each start: so the replicas that a killed service left are replaced.
        mark = hashlib.sha256(f"{socket.gethostname()}:{options.folder.resolve()}".encode()).hexdigest()
        self._name = f"openportrait-{mark[:_MARK_DIGITS]}"
        self._turn = threading.Lock()
        self._handle: Future[Any] | None = None

    def begin(self) -> None:
        """Start the replicas. Only the one service of its folder calls it."""
        with self._turn:
            if self._handle is None:
                self._handle = Future()
                threading.Thread(target=self._run, args=(self._handle,), daemon=True).start()

    def handle(self) -> Any:
        """What asks them. Raises EngineError where none runs."""
        try:
            assert self._handle is not None, "they were begun"
            return self._handle.result(ANSWER_SECONDS)
        except Exception as error:
            raise EngineError(
                f"no replica runs on the cluster ({last_line(error)}); see whether it has a core left"
            ) from error

    def _run(self, found: Future[Any]) -> None:
        try:
            found.set_result(self._deployed())
        except BaseException as error:  # noqa: BLE001 - told to those who wait for it
            found.set_exception(error)

    def _deployed(self) -> Any:
        from ray import serve

        class Known(Replica):
            """Tells Ray Serve which pictures the replica has, so that the same pictures are sent there again."""

            @serve.multiplexed(max_num_models_per_replica=MOST)  # type: ignore[untyped-decorator]
            async def picture(self, name: str) -> str:
                """Note a picture that the replica has from now on."""
                return name

            async def ask(self, job: Mapping[str, Any], content: bytes) -> tuple[Any, bytes]:
                """As `Replica.ask`."""
                await self.picture(serve.get_multiplexed_model_id())
                return await super().ask(job, content)

        deployment = serve.deployment(
            max_ongoing_requests=1,
            ray_actor_options={"num_cpus": 1},
            autoscaling_config={
                "min_replicas": min(self._options.pictures, self._options.most_pictures),
                "max_replicas": self._options.most_pictures,
                "target_ongoing_requests": 1,
                "upscale_delay_s": _MORE_SECONDS,
                "downscale_delay_s": _FEWER_SECONDS,
            },
        )(Known)
        # Its own lines go to stderr, among those of this program; what users must know comes as errors anyway.
        logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
        serve.start(proxy_location="Disabled")
        return serve.run(deployment.bind(self._engine), name=self._name, route_prefix=None).ask

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            from ray import serve

            serve.delete(self._name)
            if not serve.status().applications:
                serve.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def hands_there(options: ServeOptions, engine: EngineOptions, wanted: ClusterOptions) -> Iterator[Hands]:
    """Hands on a cluster, until the block is left. Raises EngineError where there is none, OptionError for no room."""
    with Cluster(wanted, options.workers) as cluster, Replicas(options, engine) as replicas:
        here, turn = Worker(1, MODULE), threading.Lock()
        actors = cluster.actors(JobActor)
        room = cluster.room if options.workers else max(cluster.room - options.most_pictures, 1)
        yield Hands(
            jobs=[JobHand(cluster.ray, actors) for _ in range(room)],
            pictures=[PictureHand(replicas, here, turn) for _ in range(options.most_pictures)],
        )


def moved(value: Any, old: str, new: str) -> Any:
    """The same with paths of another folder."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, Mapping):
        return {name: moved(one, old, new) for name, one in value.items()}
    return [moved(one, old, new) for one in value] if isinstance(value, list) else value
