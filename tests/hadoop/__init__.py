"""HDFS and YARN on this machine, for tests."""
