"""Conversion of the ONNX files to OpenVINO's own format, ``.xml`` and ``.bin`` files for every graph; no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lockon._require import require
from lockon._weights import HASH_KEY, METADATA_KEY, NO_HASH, seal
from lockon.export.deployed import load_model
from lockon.export.header import model_files, new_files, part_path
from lockon.export.parity import Figures, check_parity
from lockon.export.probes import probe


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """The report of `export_openvino`.

    Attributes:
        paths: The files, two per graph.
        parity: Differences from ONNX Runtime.
    """

    paths: tuple[Path, ...]
    parity: Figures


def export_openvino(path: str | Path, directory: str | Path) -> ConversionReport:
    """Convert ``NAME.onnx`` and its other parts, keep the header, compare with ONNX Runtime, then put the files in place.

    Constants are stored as they are in the ONNX files (float16 where those have it), so nothing is rounded a second time.

    Args:
        path: The main file, ``NAME.onnx``.
        directory: Folder of the files, made if missing.

    Raises:
        LockonError: OpenVINO is not installed, as `load_model`, a folder that cannot be written, or differences above the
            tolerances of `lockon.export.parity`.
    """
    openvino = require("openvino")
    path, target = Path(path), Path(directory) / f"{Path(path).stem}.xml"
    reference = load_model(path, "cpu")
    header = json.dumps(reference.header, sort_keys=True)
    with new_files(target) as temporary:
        for part in reference.header["graphs"]:
            model = openvino.Core().read_model(part_path(path, part))
            model.set_rt_info(header, METADATA_KEY)
            model.set_rt_info(NO_HASH, HASH_KEY)
            file = part_path(temporary, part)
            openvino.save_model(model, file, compress_to_fp16=False)
            seal(file, file.with_suffix(".bin"))
        parity = check_parity(load_model(temporary, "openvino"), probe(reference), target.name)
    return ConversionReport(model_files(target), parity)
