"""The conformance kit: the contract of a method in executable form.

In a test suite::

    from rawbench.testing import CodecConformance

    class TestMine(CodecConformance):
        method = "mine"                     # or "mine:option=value", or the Codec subclass itself

and on the command line ``rawbench check mine``. Both run the same checks (``rawbench.testing.checks``) on the same
evidence (``rawbench.testing.evidence``), which is gathered in processes of their own, so that a method that hangs,
dies or eats memory fails with a sentence and takes nothing down. ``check_dataset`` and ``check_metric`` hold those two
to theirs, in this process.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
