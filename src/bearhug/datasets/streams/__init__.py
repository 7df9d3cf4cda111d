"""What a stream is made of: sources that give rows, steps over them, mixtures of several, and who reads which part."""
