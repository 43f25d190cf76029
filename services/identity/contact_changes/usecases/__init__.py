"""The use cases of the room `contact_changes`, one in each file."""
