"""The delivery of messages: the delivery loop, its gateways, retries, addresses and the frame of mails."""
