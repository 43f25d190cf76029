"""What a clinical fact is and how it is read out of a CDA: pure functions and values without I/O."""
