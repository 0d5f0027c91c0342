"""The batch former on a virtual clock: what-if without a single device.

arrivals   texts with a length and a time: recorded, or drawn
policies   who goes together: Textmill's own batcher, and what others do
run        dispatchers, devices and a heap of events
capacity   how many devices a load needs
"""
