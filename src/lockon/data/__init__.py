"""Annotated video: `Sequence`, dataset readers, and the training pipeline. Never imports models or torch."""
