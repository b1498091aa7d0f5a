"""What ``make docs`` makes pages from that are not written by hand."""
