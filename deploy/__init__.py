"""The deployment of the five services: generated contracts and pages, and the whole system on one machine."""
