"""Sends rejected events back to the topic: those that are valid by now, or whose value a person has repaired.

`web-traffic redrive` is the command. An event goes back once, however often the command is killed and started again:
`protocol` explains how.
"""
