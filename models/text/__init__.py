"""From a string to token ids: cleaning, language, tokenisation. Imports nothing by itself."""
