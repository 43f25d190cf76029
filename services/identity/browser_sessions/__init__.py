"""Sessions of people in a browser: cookies instead of tokens in a script, and acting in the record of another."""
