"""The facts on which the access rules decide, and what follows from a decision."""
