"""The deciding core: pure, without clock, thread or network. Time is an argument."""
