"""Tensor counterparts of `lockon.ops`, where gradients are needed."""
