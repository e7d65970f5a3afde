"""Training of learned methods: one loop, one data pipeline, for every method that offers a `Task`.

`train` is what ``rawbench train METHOD --config FILE`` calls. Torch is imported only when something computes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
