"""Flink and Spark on this machine, behind Beam's job servers, with Beam's workers beside them."""
