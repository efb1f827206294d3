"""Deployment: torch to ONNX, and the torch-free runtimes."""
