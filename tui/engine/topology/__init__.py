"""What stands where: every server looked at, the picture put together, and what is wrong with it."""
