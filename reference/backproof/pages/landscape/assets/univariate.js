// The equations of reference/backproof/models/univariate.py, in float64 as there, under the same names.

const sum = (values) => values.reduce((total, value) => total + value, 0);

const forward = (x, w, b) => x.map((x_j) => w * x_j + b);                          // y_hat (1, m)

function backward(x, y, y_hat, m) {
  const dy_hat = y_hat.map((y_hat_j, j) => 2 * (y_hat_j - y[j]) / m);              // (1, m)
  return { dy_hat, w: sum(dy_hat.map((dy_hat_j, j) => dy_hat_j * x[j])), b: sum(dy_hat) };
}

const loss = (y_hat, y) => sum(y_hat.map((y_hat_j, j) => (y_hat_j - y[j]) ** 2)) / y.length;

// Every point of `steps` steps from (w, b), up to one whose loss is out of all bounds.
function descend(x, y, w, b, learning_rate, steps) {
  const path = [];
  for (let step = 0; step <= steps; step++) {
    const y_hat = forward(x, w, b);
    const d = backward(x, y, y_hat, x.length);
    const point = { step, w, b, y_hat, loss: loss(y_hat, y), dy_hat: d.dy_hat, dw: d.w, db: d.b };
    if (!(point.loss <= 1e12 * Math.max(path[0]?.loss ?? point.loss, 1))) break;
    path.push(point);
    w -= learning_rate * d.w;
    b -= learning_rate * d.b;
  }
  return path;
}
