"""What gridloop promises about speed, measured beside the tools it is compared with; start with README.md."""
