"""The demonstration: invented people and software, their clients, and the story that they play."""
