"""The API models of the room `relations`. Values with rules of their own are text, which the domain checks."""
