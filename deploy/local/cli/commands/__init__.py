"""The commands of `dmp` that use a running installation, for developers, hospitals and operators."""
