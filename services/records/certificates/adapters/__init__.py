"""How a certificate looks: its QR codes as pictures, and the page that people print."""
