"""The facts on which the access rules decide, and the consequences of a decision."""
