"""The engine and the networks that find faces: loaded once, used by every job."""

from __future__ import annotations

from dataclasses import dataclass

from openportrait.engines import load
from openportrait.engines.base import Engine
from openportrait.faces import FaceFinder, FaceNetworks
from openportrait.options import EngineOptions, FaceOptions


@dataclass(frozen=True, eq=False)
class Tools:
    """An engine and the face networks; they serve any number of jobs."""

    engine: Engine
    networks: FaceNetworks

    @classmethod
    def load(cls, options: EngineOptions) -> Tools:
        """Those that the options name. Raises EngineError or WeightsError."""
        return cls(load(options), FaceNetworks())

    def finder(self, options: FaceOptions) -> FaceFinder:
        """The face finder for the options of a job."""
        return FaceFinder(options.detection_threshold, networks=self.networks, refine=self.engine.refine)
