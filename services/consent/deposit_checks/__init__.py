"""The decision whether a deposited document may enter the record."""
