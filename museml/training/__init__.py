"""What the recipes share: fitting, splitting, measuring and calibrating."""
