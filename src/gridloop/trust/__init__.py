"""What can be proved afterwards: the audit chain and signed commands."""
