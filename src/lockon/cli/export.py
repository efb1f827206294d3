"""`lockon export`: trained weights to ONNX files that run without torch, or to OpenVINO's format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lockon.cli._terminal import echo

if TYPE_CHECKING:
    from lockon.export.onnx import ExportReport
    from lockon.export.parity import Figures


SUFFIXES = {"onnx": (".onnx",), "openvino": (".xml", ".bin")}  # of the files of each format


def export(
    name: Annotated[str, typer.Argument(help="network to export, for example lockon-s")],
    *,
    weights: Annotated[
        Path | None,
        typer.Option(help="trained .safetensors, or an exported .onnx for --format openvino (default: the name's own)"),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for the files")] = Path(),
    target: Annotated[Literal["onnx", "openvino"], typer.Option("--format", help="onnx, or openvino (.xml and .bin)")] = "onnx",
    fp32: Annotated[
        bool | None,
        typer.Option("--fp32/--fp16", help="float32 weights: twice the size, no rounding (default: of trackers that learn online)"),
    ] = None,
    tracker: Annotated[Path | None, typer.Option(help="JSON file of inference parameters and calibration for the header")] = None,
) -> None:
    """Write NAME.onnx and its other parts, such as NAME.template.onnx, checked against torch before they are put in place.

    Large weights are stored as float16 (half the size); the network still computes in float32. Those of trackers that learn online are
    stored as they are, because what is learnt from rounded features drifts away from what would be learnt in torch.

    [bold]Examples[/bold]

      lockon export lockon-s --weights runs/first/best.safetensors --out deployed

      lockon export lockon-s --weights runs/first/best.safetensors --out deployed --format openvino

      lockon export lockon-s --out deployed --format openvino

      lockon export siamban-r50 --weights siamban-r50.safetensors --out deployed

      lockon export dimp50 --weights dimp50.safetensors --out deployed
    """
    from lockon._files import refuse_overwriting
    from lockon.errors import LockonError
    from lockon.export.header import part_path
    from lockon.export.ports import PARTS

    weights = _own_weights(name, target) if weights is None else weights
    written = [part_path(out / f"{name}{suffix}", part) for part in PARTS for suffix in SUFFIXES[target]]
    refuse_overwriting([("--out", file) for file in written], [weights, *([tracker] if tracker is not None else [])])
    if weights.suffix == ".onnx":
        if target == "onnx" or fp32 is not None or tracker is not None:
            raise LockonError(
                f"{weights} is exported already; give .safetensors weights, or --format openvino without --fp32, --fp16 and --tracker"
            )
        _to_openvino(name, weights, out)
    elif target == "onnx":
        report = _to_onnx(name, weights, out, fp32=fp32, tracker=tracker)
        _list(*report.paths.values())
    else:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            _to_openvino(name, _to_onnx(name, weights, Path(folder), fp32=fp32, tracker=tracker).paths["search"], out)


def _own_weights(name: str, target: str) -> Path:
    """Return the weights of a name in the package.

    Raises:
        LockonError: It has none, or they are in that format already.
    """
    from lockon.errors import LockonError
    from lockon.zoo.networks import embedded_path

    embedded = embedded_path(name)
    if embedded is None:
        raise LockonError(f"{name} has no weights in the package; give --weights FILE.safetensors, from `lockon convert` or `lockon train`")
    if target == "onnx":
        raise LockonError(
            f"nothing to export: {name}'s own weights are ONNX already; give --weights FILE.safetensors, or --format openvino"
        )
    return embedded


def _to_onnx(name: str, weights: Path, out: Path, *, fp32: bool | None, tracker: Path | None) -> ExportReport:
    from lockon._require import require

    for package in ("torch", "safetensors", "onnx", "onnxscript"):
        require(package, "export")
    from lockon.export.graphs import learns_online
    from lockon.export.onnx import export_onnx
    from lockon.zoo.networks import load_network

    module, header = load_network(name, weights)
    if tracker is not None:
        from lockon._documents import read_json_object

        header["tracker"] = read_json_object(tracker, "give the tracker's parameters as one JSON object")
    # What a training run does not record: {} is the tracker's own defaults.
    header = {"tracker": {}, "data": {}, "metrics": {}, "git_revision": "unknown", **header}
    report = export_onnx(module, out, name, header, half_storage=not (learns_online(module) if fp32 is None else fp32))
    echo(f"weights {weights}: pair {report.header['pair']}")
    if report.parity is not None:
        echo(f"ONNX Runtime against torch: {_figures(report.parity)}")
    if report.rounding is not None:
        echo(f"float16 storage against float32: {_figures(report.rounding)}")
    echo(f"(the same outputs move from one test crop to another by: {_figures(report.signal)})")
    return report


def _to_openvino(name: str, path: Path, out: Path) -> None:
    from lockon._require import require
    from lockon.errors import LockonError
    from lockon.export.header import check_main, read_header

    require("openvino")
    check_main(path, (".onnx",))
    found = read_header(path)["architecture"]
    if found != name:
        raise LockonError(f"{path} holds weights of {found!r}, not of {name!r}; export it by that name")
    from lockon.export.openvino_ir import export_openvino

    report = export_openvino(path, out)
    echo(f"OpenVINO float32 against ONNX Runtime: {_figures(report.parity)}")
    _list(*report.paths)


def _list(*paths: Path) -> None:
    """Print the files that were written, with their sizes."""
    for path in paths:
        echo(f"{path}  {path.stat().st_size / 1e6:.2f} MB")


def _figures(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.1e}{' px' if name == 'boxes' else ''}" for name, value in figures.items())
