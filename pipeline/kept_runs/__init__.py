"""What earlier runs left behind: taking old ones away, and a person out of all of them."""
