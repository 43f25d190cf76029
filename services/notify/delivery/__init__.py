"""How messages leave: the delivery loop, its gateways, retries, addresses and the frame of mails."""
