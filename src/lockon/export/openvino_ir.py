"""Conversion of the ONNX files to OpenVINO's own format, ``.xml`` and ``.bin`` files for every graph; no torch."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lockon._require import require
from lockon.errors import LockonError
from lockon.export.header import METADATA_KEY, part_path
from lockon.export.parity import ParityDifference, check_parity
from lockon.export.runtime import OnnxModel, OpenVinoModel


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """The report of `export_openvino`.

    Attributes:
        paths: The files, two per graph.
        parity: Differences from ONNX Runtime.
    """

    paths: tuple[Path, ...]
    parity: ParityDifference


def export_openvino(path: str | Path, directory: str | Path) -> ConversionReport:
    """Convert ``NAME.onnx`` and its other parts, keep the header, compare with ONNX Runtime, then put the files in place.

    Constants are stored as they are in the ONNX files (float16 where those have it), so nothing is rounded a second time.

    Args:
        path: The search graph's file, ``NAME.onnx``.
        directory: Folder of the files, made if missing.

    Raises:
        LockonError: OpenVINO is not installed, as `OnnxModel`, a folder that cannot be written, or differences above the
            tolerances of `lockon.export.parity`.
    """
    openvino = require("openvino")
    path, directory = Path(path), Path(directory)
    reference = OnnxModel(path)
    header = json.dumps(reference.header, sort_keys=True)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=directory) as folder:
            search = Path(folder) / f"{path.stem}.xml"
            parts = sorted(reference.header["graphs"], key="search".__eq__)  # last the search graph, by whose path a model is known
            for part in parts:
                model = openvino.Core().read_model(part_path(path, part))
                model.set_rt_info(header, METADATA_KEY)
                openvino.save_model(model, part_path(search, part), compress_to_fp16=False)
            parity = check_parity(OpenVinoModel(search), reference, search.name)
            written = [file for xml in (part_path(search, part) for part in parts) for file in (xml.with_suffix(".bin"), xml)]
            for file in written:
                os.replace(file, directory / file.name)
    except OSError as error:
        raise LockonError(f"cannot write into {directory} ({error.strerror}); choose a folder that can be written") from None
    return ConversionReport(tuple(directory / file.name for file in written), parity)
