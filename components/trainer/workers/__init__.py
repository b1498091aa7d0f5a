"""One model trained by several processes: who they are, and who starts and watches them."""
