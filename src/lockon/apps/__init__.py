"""Adapters that run lockon's trackers inside other programs."""
