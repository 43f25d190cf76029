"""What the routes take and give. Values with rules of their own are text here: the domain names their errors."""
