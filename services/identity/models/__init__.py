"""What identity's API takes and gives. Values with rules of their own are text here: the domain names their errors."""
