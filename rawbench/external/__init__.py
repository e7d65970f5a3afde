"""Methods that are programs of their own: what they are told (config), given (exchange) and how they are called."""
