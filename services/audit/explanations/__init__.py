"""Why something was permitted or refused, in the reader's words."""
