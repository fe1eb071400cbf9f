"""What the five LightningModules share, from the corpus up to the generator."""
