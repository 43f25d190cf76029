"""The use cases of the room `clinical_facts`, one in each file."""
