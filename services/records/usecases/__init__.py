"""What records does, one file each."""
