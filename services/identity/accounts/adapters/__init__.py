"""The parts of the room `accounts` that hash passwords, and its parameters."""
