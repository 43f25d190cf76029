"""The lowest layer of notify: code that every room uses and that imports no room."""
