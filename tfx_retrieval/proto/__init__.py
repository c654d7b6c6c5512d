"""Python bindings of the messages in the repository's `proto/` folder.

Made with grpcio-tools 1.48.2, whose output loads on protobuf 3.20 (TFX 1.16) through 6.
"""
