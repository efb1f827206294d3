"""`lockon bench oracle`: how well trackers estimate boxes when the place is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lockon.cli._analysis import (
    Convention,
    Data,
    Devices,
    Overwrite,
    Presets,
    Save,
    Seed,
    Sequences,
    Settings,
    Threads,
    Trackers,
    Weights,
    Workers,
)
from lockon.cli.bench import Refine, RefinerWeights


def oracle(  # noqa: PLR0917 - a command line
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; what is finished there is skipped.")],
    trackers: Trackers = None,
    data: Data = None,
    sequences: Sequences = None,
    when: Annotated[
        Literal["before", "after"],
        typer.Option("--when", help="Whose centre: of the frame that is searched, or of the one before (the published scripts)."),
    ] = "before",
    refine: Refine = None,
    refiner_weights: RefinerWeights = None,
    weights: Weights = None,
    preset: Presets = None,
    device: Devices = None,
    settings: Settings = None,
    convention: Convention = None,
    workers: Workers = 1,
    threads: Threads = 1,
    seed: Seed = 0,
    save: Save = None,
    overwrite: Overwrite = False,
) -> None:
    """Run trackers as they are and with the true centre given, and compare: what is lost by the box, what by the place.

    With the oracle every search begins around the true centre, with the tracker's own last size. A refiner among the trackers runs alone,
    around its own last box; --refine runs each of the others a second time, with a refiner behind it.

    [bold]Examples[/bold]

      lockon bench oracle --trackers lockon-s refine-s --data pool:/data/val --out runs/oracle

      lockon bench oracle --trackers lockon-s --refine refine-s --data OTB100:/data/OTB100 --out runs/oracle --workers 2 --save oracle.md

      lockon bench oracle --trackers refine-s --weights refine-s=refine-s.onnx --data pool:/data/val --out runs/after --when after
    """
    from lockon.analysis.oracle import oracle_json, oracle_markdown, oracle_rows
    from lockon.bench.machine import machine
    from lockon.bench.protocols.plan import Protocol
    from lockon.cli._analysis import check_save, end, run_all, write_table
    from lockon.cli._trackers import load_sequences, tracker_specs, with_and_without
    from lockon.cli.bench import check_trackers, split_names

    check_save(save)
    given = (split_names(trackers), weights or [], preset or [], device or [], settings or [])
    specs = with_and_without(tracker_specs(*given, refiners=True), refine, refiner_weights)
    protocols = (Protocol(), Protocol(name="oracle", when=when))
    check_trackers(specs, protocols[1])
    chosen, origin = load_sequences(data or [], split_names(sequences))
    outcomes = []
    for protocol in protocols:
        outcomes += run_all(
            specs, chosen, out, origin, again=f"finished sequences are kept in {out}, the same command goes on from there",
            protocol=protocol, workers=workers, threads=threads, seed=seed, overwrite=overwrite,
        )  # fmt: skip
    rows = oracle_rows(out, trackers=[spec.label for spec in specs], convention=convention)
    text = oracle_markdown(rows)
    typer.echo(text, nl=False)
    end(outcomes, write_table(save, text, {"data": origin, "when": when, "machine": machine(), **oracle_json(rows)}))
