"""The pages of the room `accounts`: devices, password, and where the code of a sign-in comes from."""
