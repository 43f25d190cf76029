"""The directory of professionals and structures, and the kinds of actors that may have an account."""
