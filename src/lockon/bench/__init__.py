"""Evaluation: protocols, metrics, stored results, reports."""
