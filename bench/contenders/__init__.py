"""What people would pick instead of this project, each a program that fills the same table."""
