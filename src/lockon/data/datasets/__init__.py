"""Readers of benchmark layouts: each translates its conventions to `lockon.data.sequence.VideoSequence`."""
