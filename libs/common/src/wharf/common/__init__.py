"""What more than one service of Wharf needs. It imports no service."""
