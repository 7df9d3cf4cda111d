"""What tokenizers of some classes can do beyond the others: bases of those classes, one file a subject."""
