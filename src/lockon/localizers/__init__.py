"""Localizers: `Prediction` + `Crop` + last box to one box and score per target."""
