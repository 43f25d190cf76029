"""Code that the five services share: contracts, formats, access rules and plumbing. It imports no service."""
