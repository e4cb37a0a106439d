"""Write files and directories atomically, and check them by size and sha256."""
