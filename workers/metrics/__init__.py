"""Figures of the processes for Prometheus: counted by batch, never by text, without content.

Ports of the loops are wrapped where the process is put together; the loops know nothing of it.
"""
