"""The summary sheet of a record: the facts that its reader may see, proposed or confirmed, in each of its formats."""
