"""The pages of the room `relations`: representatives, carers, people to call, and invitations."""
