"""What every room of identity needs: keyrings, sealed rows, announcements, and the frame of its routes."""
