"""Changes of the mail address and mobile number of a holder, by the holder."""
