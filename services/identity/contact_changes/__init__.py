"""Changes of mail address and mobile number by the holder."""
