"""``rawbench new``: small installable projects to start a plugin from."""
