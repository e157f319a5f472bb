"""How good a trained network is: figures with intervals on people it has not seen, drawings, one page with all."""
