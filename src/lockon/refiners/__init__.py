"""Refiners: a second look at the box that a tracker gives, around any tracker."""
