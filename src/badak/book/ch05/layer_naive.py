"""`layer_naive` of chapter 5: multiplication and addition as layers (ch. 5.4)."""

import typing as _t


class MulLayer:
    """x · y, of which each side passes dout times the other."""

    def __init__(self) -> None:
        self.x: _t.Any = None
        self.y: _t.Any = None

    def forward(self, x: _t.Any, y: _t.Any) -> _t.Any:
        """Give x · y."""
        self.x, self.y = x, y
        return x * y

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx and dy."""
        return dout * self.y, dout * self.x


class AddLayer:
    """x + y, which passes dout to both sides."""

    def forward(self, x: _t.Any, y: _t.Any) -> _t.Any:
        """Give x + y."""
        return x + y

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx and dy."""
        return dout * 1, dout * 1
