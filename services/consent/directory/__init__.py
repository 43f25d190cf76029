"""The public directory as the patient side searches it: professionals and structures by name, place and profession."""
