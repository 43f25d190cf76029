"""The use cases of the room `emergencies`, one in each file."""
