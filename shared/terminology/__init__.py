"""Code tables as versioned data (data/, with their sources in data/README.md), each read once on first use."""
