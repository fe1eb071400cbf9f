"""Models with names: weights in fp16 (NAME.safetensors), facts (NAME.json) and the same as text (NAME.md)."""
