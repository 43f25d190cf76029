"""The pages of the room `documents`: the documents of a record, and one of them."""
