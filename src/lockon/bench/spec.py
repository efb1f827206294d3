"""`TrackerSpec`: a tracker to be made in a worker process. `CompanionSpec`: a refiner behind it, or a learner beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

from lockon.config import as_json
from lockon.errors import LockonError
from lockon.session import Tracker

COMPANIONS = ("online", "refiner")  # fields of a `TrackerSpec` that name what works with the tracker


@dataclass(frozen=True, slots=True)
class CompanionSpec:
    """A refiner to be put behind a tracker, or an online tracker whose learner is put beside it.

    Attributes:
        name: One of `lockon.load_refiner` or `lockon.load`.
        weights: Argument of that.
        preset: Argument of that.
        files: Weight files, whose hash tells configurations apart and whose bytes belong to the model's size.
    """

    name: str
    weights: Path | None = None
    preset: str = "default"
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackerSpec:
    """A tracker to be made in a worker process; has to be picklable.

    Attributes:
        label: Its name in tables and folders.
        name: Its name for `make`, which is one of `lockon.load` or MODULE:FACTORY.
        weights: Argument of `lockon.load`.
        preset: Argument of `lockon.load`.
        device: Argument of `lockon.load`. Several, "cuda:0,cuda:1", are spread over the workers.
        overrides: Arguments of `lockon.load`.
        files: Weight files, whose hash tells configurations apart and whose bytes are the model's size.
        source: Files of code outside the package, whose hash tells configurations apart.
        refiner: To be put behind it, on the same device; None for none. Its parameters are overrides that begin with ``refine.`` or
            ``refiner.``, as for `lockon.load`.
        online: Whose learner is to be put beside it, on the same device; None for none. Parameters are overrides that begin with
            ``online.`` or ``fusion.``, as for `lockon.load`.
    """

    label: str
    name: str
    weights: Path | None = None
    preset: str = "default"
    device: str = "auto"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    source: tuple[Path, ...] = ()
    refiner: CompanionSpec | None = None
    online: CompanionSpec | None = None

    def configuration(self, seed: int) -> dict[str, Any]:
        """Return the JSON values that decide the results. Of a device its kind is one of them and its number is not."""
        configuration: dict[str, Any] = {
            "name": self.name,
            "preset": self.preset,
            "device": ",".join(sorted({device.partition(":")[0] for device in self.devices()})),
            "overrides": as_json(self.overrides),
            "weights": {path.name: sha256(path) for path in self.files},
            "seed": seed,
        }
        if self.source:
            configuration["source"] = {path.name: sha256(path) for path in self.source}
        for key, companion in self.companions().items():
            hashes = {path.name: sha256(path) for path in companion.files}
            configuration[key] = {"name": companion.name, "preset": companion.preset, "weights": hashes}
        return configuration

    def companions(self) -> dict[str, CompanionSpec]:
        """Return what works with the tracker, by the names in `COMPANIONS`."""
        return {key: companion for key in COMPANIONS if (companion := getattr(self, key)) is not None}

    def with_companion(self, key: str, companion: CompanionSpec) -> TrackerSpec:
        """Return the tracker with a companion, `key` of `COMPANIONS`."""
        return replace(self, online=companion) if key == "online" else replace(self, refiner=companion)

    def size(self) -> int:
        """Return the bytes of the weight files, those of the companions among them."""
        others = (path for companion in self.companions().values() for path in companion.files)
        return sum(path.stat().st_size for path in (*self.files, *others))

    def devices(self) -> list[str]:
        """Return the devices, at least one."""
        return [device.strip() for device in self.device.split(",") if device.strip()] or ["auto"]

    def on_worker(self, number: int) -> TrackerSpec:
        """Return the tracker on the device that worker `number`, from 0, uses."""
        devices = self.devices()
        return replace(self, device=devices[number % len(devices)])


Make = Callable[[TrackerSpec], Tracker]


def config_of(tracker: object) -> object | None:
    """Return the tracker's parameters, where they are a dataclass under the name `config`; anybody's tracker may have them so.

    A tracker of several parts has those of all of them under the name `parameters`.
    """
    found = (getattr(tracker, name, None) for name in ("parameters", "config"))
    return next((config for config in found if is_dataclass(config) and not isinstance(config, type)), None)


def sha256(path: Path) -> str:
    """Return the hexadecimal digest of a file.

    Raises:
        LockonError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise LockonError(f"cannot read {path}: {error.strerror}; check the path of the weights") from None
    return digest.hexdigest()


__all__ = ["COMPANIONS", "CompanionSpec", "Make", "TrackerSpec", "config_of", "sha256"]
