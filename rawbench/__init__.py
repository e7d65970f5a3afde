"""rawbench: measure methods that rebuild a camera's raw image from its sRGB and a few bytes of metadata.

The names in ``__init__.pyi`` are the public interface; all are loaded on first use, and none of them imports torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
