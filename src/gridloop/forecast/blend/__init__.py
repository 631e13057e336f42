"""Blend: several answers made one: averaged, weighted online, moved by the newest error, or the next best stands in."""
