"""Pictures: training curves. Matplotlib is imported when one is drawn."""

from badak.drawing.curves import draw_curves as draw_curves
