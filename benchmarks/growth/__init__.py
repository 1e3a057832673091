"""How figures grow with the messages that are stored: `measurement` runs other benchmarks at several sizes, `chart` draws them."""
