"""The files of imports: their lines, read and prepared in batches."""
