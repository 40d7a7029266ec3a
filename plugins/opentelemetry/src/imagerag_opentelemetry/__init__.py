"""Traces and metrics of imagerag: see the README."""
