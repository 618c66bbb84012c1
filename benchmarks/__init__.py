"""Measurements of what redtop promises, each as one command that prints the machine it ran on."""
