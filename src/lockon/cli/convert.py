"""`lockon convert`: a published checkpoint to a weight file of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockon.cli._options import Settings
from lockon.cli._terminal import echo
from lockon.cli._texts import parse_overrides


def convert(
    name: Annotated[str, typer.Argument(help="network that the checkpoint is of, for example siamban-r50")],
    checkpoint: Annotated[Path, typer.Argument(help="official file: .pth, .pt, .tar, .pth.tar, .model or .safetensors")],
    out: Annotated[Path, typer.Argument(help=".safetensors file to write")],
    *,
    settings: Settings = None,
) -> None:
    """Convert weights of PySOT, SiamBAN, SiamCAR, RBO, SiamMask, OSTrack, TransT, Alpha-Refine, ATOM or DiMP. Nothing in it is executed.

    [bold]Examples[/bold]

      lockon convert siammask-r50 model.pth siammask-r50.safetensors

      lockon convert siamban-r50 model.pth siamban-r50.safetensors

      lockon convert ostrack256 OSTrack_ep0300.pth.tar ostrack256.safetensors

      lockon convert alpha-refine-r34 SEcmnet_ep0040-c.pth.tar alpha-refine-r34.safetensors

      lockon convert siamrpnpp-r50 otb_model.pth siamrpnpp-r50.safetensors --set weighted=false
    """
    from lockon._files import refuse_overwriting
    from lockon._require import require
    from lockon.errors import LockonError
    from lockon.zoo.registry import network_card

    licence = network_card(name).licence
    if out.suffix != ".safetensors":
        raise LockonError(
            f"{out} given as output, expected a name that ends in .safetensors, for example {out.with_suffix('.safetensors')}"
        )
    refuse_overwriting([("the output", out)], [checkpoint])
    for package in ("torch", "safetensors"):
        require(package, "torch")
    from lockon.bench.run import sha256
    from lockon.train.provenance import git_revision
    from lockon.zoo.convert import from_official, official_parameters, official_settings, save
    from lockon.zoo.external_weights import read_external

    official = read_external(checkpoint)
    overrides = {**official_settings(name, official), **parse_overrides(settings or [])}
    weights = from_official(name, official, **overrides)
    source = {"converted_from": checkpoint.name, "sha256": sha256(checkpoint)}
    header = {"data": source, "git_revision": git_revision(), "tracker": official_parameters(name)}
    save(name, weights, out, header=header, **overrides)
    echo(f"{out}  {len(weights)} tensors, {out.stat().st_size / 1e6:.1f} MB")
    echo(f"licence and source of these weights: {licence or 'not known to lockon; see where the file comes from'}", err=True)
