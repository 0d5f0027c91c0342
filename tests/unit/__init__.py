"""Pure parts, each alone; nothing here needs a server, a model or a clock."""
