"""The opening of records: by the person alone, with help, or for a represented person; and activation codes."""
