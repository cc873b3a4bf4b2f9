"""Networks and layers made of layers: who calls whom, with what, and which gradient goes where."""
