"""What messages leave by: mail servers, and folders for SMS and letters."""
