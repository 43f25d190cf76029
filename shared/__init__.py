"""What the five services have in common: contracts, formats, rules of access and plumbing. It knows no service."""
