"""Code tables, as versioned data (data/, with their sources in data/README.md), read once when first asked for."""
