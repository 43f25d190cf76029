select "position", filled from fill_key_uses($1)
