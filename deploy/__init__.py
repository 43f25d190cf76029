"""How the five services are run: images, manifests, and the whole on one machine."""
