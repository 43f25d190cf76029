"""Steps of the room `clinical_facts`, which run in a transaction of their caller."""
