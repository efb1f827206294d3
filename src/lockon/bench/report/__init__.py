"""Stored results to metrics: one score per tracker and per sequence, under a named protocol and convention."""

from lockon.bench.report.evaluation import Options, evaluate, evaluate_all, evaluate_each, stored_protocols
from lockon.bench.report.model import Axis, Coverage, Metric, Report, SequenceScore, TrackerScore
from lockon.bench.report.one_pass import KEYS

__all__ = [
    "KEYS",
    "Axis",
    "Coverage",
    "Metric",
    "Options",
    "Report",
    "SequenceScore",
    "TrackerScore",
    "evaluate",
    "evaluate_all",
    "evaluate_each",
    "stored_protocols",
]
