"""Annotated video: `VideoSequence`, dataset readers, and the training pipeline. Never imports models or torch."""
