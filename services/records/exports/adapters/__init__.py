"""The pages, the sealed parts and the verification of copies."""
