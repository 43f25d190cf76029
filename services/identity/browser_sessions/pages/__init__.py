"""The pages of the room `browser_sessions`: signing in and out, and what the cookies of a session hold."""
