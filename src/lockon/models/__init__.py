"""Networks: stateless torch modules with `encode(image) -> Template` and `(template, search) -> Prediction`."""
