"""What comes and leaves: requests as identity encrypted them, and the texts of messages."""
