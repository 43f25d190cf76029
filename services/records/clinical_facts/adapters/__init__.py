"""What surrounds the rules of facts: the process in which documents are read."""
