"""Rejected events back to the topic: those that are valid by now, or whose value a person has repaired.

`web-traffic redrive` is the command. However often it is killed and started again, an event goes back once:
`protocol` says how.
"""
