"""Files of examples, in whatever format, as a stream: no file is ever held in memory."""
