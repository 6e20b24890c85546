import { axis, colour, type Figure, houseLayout, ink, mutedInk, plain, shadedMatrix, shareAxis, shorten } from '../figure';

/** A picture's name and its probability of each class. */
export interface PredictionBars {
  readonly name: string;
  readonly probabilities: Readonly<Record<string, number>>;
}

/** Between the bars of two pictures, of what there is for one. */
const gap = 0.22;

/**
 * Probabilities of each picture as bars, with the decision threshold as a line, or each class' own across its bars; the first picture stands on top.
 *
 * @param thresholds one for each class, as the decision rule of a card may have them; all classes have `threshold` without
 */
export function probabilityBars(
  predictions: readonly PredictionBars[],
  { threshold = 0.5, thresholds, title = 'Predictions' }: { threshold?: number; thresholds?: readonly number[]; title?: string } = {},
): Figure {
  const classes = Object.keys(predictions[0]?.probabilities ?? {});
  const rows = predictions.map((_, index) => index);
  const data = classes.map((name, index) => ({
    type: 'bar',
    orientation: 'h',
    name: plain(name),
    x: predictions.map((prediction) => prediction.probabilities[name] ?? 0),
    y: rows,
    customdata: predictions.map((prediction) => plain(prediction.name)),
    marker: { color: colour(index) },
    texttemplate: '%{x:.2f}',
    textposition: 'outside',
    cliponaxis: false,
    hovertemplate: `%{customdata}: %{x:.4f}<extra>${plain(name)}</extra>`,
  }));
  return {
    data,
    layout: houseLayout(title, 760, 150 + predictions.length * (18 * classes.length + 16), {
      subtitle: `Probability of each class; ${thresholds ? 'black: the threshold of each' : `dashed: the threshold ${threshold}`}.`,
      barmode: 'group',
      bargap: gap,
      xaxis: shareAxis('Probability', { range: [0, 1.08] }),
      yaxis: axis('', {
        showgrid: false,
        tickvals: rows,
        ticktext: predictions.map((prediction) => plain(shorten(prediction.name, 32))),
        range: [predictions.length - 0.5, -0.5],
      }),
      margin: { t: 80, r: 32, b: 84, l: 64 },
      shapes: thresholds
        ? rows.flatMap((row) => thresholds.map((own, index) => thresholdLine(own, row, index, thresholds.length)))
        : [
            {
              type: 'line',
              yref: 'paper',
              x0: threshold,
              x1: threshold,
              y0: 0,
              y1: 1,
              line: { color: mutedInk, width: 1.5, dash: 'dash' },
            },
          ],
    }),
  };
}

/** Across the bar of one class in a picture's row. */
function thresholdLine(threshold: number, row: number, index: number, classes: number): Record<string, unknown> {
  const height = (1 - gap) / classes;
  const top = row - (1 - gap) / 2 + index * height;
  return { type: 'line', x0: threshold, x1: threshold, y0: top, y1: top + height, line: { color: ink, width: 2 } };
}

/** Probabilities of each picture, shaded, where there are more classes than colours that one can tell apart; the first picture stands on top. */
export function probabilityMatrix(predictions: readonly PredictionBars[], { title = 'Predictions' }: { title?: string } = {}): Figure {
  const classes = Object.keys(predictions[0]?.probabilities ?? {});
  const rows = predictions.map(({ probabilities }) => classes.map((name) => probabilities[name] ?? 0));
  return {
    data: [
      shadedMatrix('Probability', 1, {
        x: classes.map(plain),
        y: predictions.map(({ name }) => plain(shorten(name, 32))),
        z: rows,
        text: rows.map((row) => row.map((probability) => (probability < 0.005 ? '' : probability.toFixed(2)))),
        texttemplate: '%{text}',
        textfont: { size: 13 },
        hovertemplate: '%{y}: %{x} %{z:.4f}<extra></extra>',
      }),
    ],
    layout: houseLayout(title, Math.min(900, Math.max(700, 76 * classes.length + 240)), 220 + 40 * predictions.length, {
      subtitle: 'Probability of each class; less than 0.005 is not written.',
      xaxis: axis('', { showgrid: false, type: 'category', tickangle: -40 }),
      yaxis: axis('', { showgrid: false, type: 'category', autorange: 'reversed' }),
    }),
  };
}
