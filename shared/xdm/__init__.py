"""XDM archives (IHE ITI-32, as MSSanté sends them): the ZIP, and the metadata of its documents in ebRIM 3.0."""
