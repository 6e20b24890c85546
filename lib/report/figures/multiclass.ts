import type { SplitResult } from '../../experiments';
import { mostConfused } from '../../metrics';
import { axis, blues, colour, type Figure, houseLayout, mutedInk, plain, shareAxis } from '../figure';

/** What the figures of a multi-class result need of it. */
type ClassResult = Pick<SplitResult, 'confusion' | 'reliability' | 'perClass' | 'ece' | 'count'>;

const cellSize = 56;

/** Every class against every other: counts, shaded by the share of each row; the diagonal is right. */
export function confusionMatrix(
  { confusion = [], perClass }: ClassResult,
  { title = 'Confusion matrix' }: { title?: string } = {},
): Figure {
  const names = perClass.map(({ name }) => plain(name));
  const shares = confusion.map((row, index) => row.map((count) => (count === 0 ? 0 : count / perClass[index]!.support)));
  const side = Math.min(600, Math.max(400, cellSize * names.length));
  return {
    data: [
      {
        type: 'heatmap',
        x: names,
        y: names,
        z: shares,
        // Zeros are most of the matrix, and say nothing.
        text: confusion.map((row) => row.map((count) => (count === 0 ? '' : String(count)))),
        customdata: confusion,
        texttemplate: '%{text}',
        textfont: { size: 13 },
        colorscale: blues,
        zmin: 0,
        zmax: 1,
        xgap: 2,
        ygap: 2,
        colorbar: { title: { text: 'Share of the row' }, thickness: 14, outlinewidth: 0, tickformat: '.0%' },
        hovertemplate: '%{y} called %{x}: %{customdata} pictures, %{z:.1%}<extra></extra>',
      },
    ],
    layout: houseLayout(title, side + 300, side + 200, {
      subtitle: 'Pictures, shaded by the share of the row: the diagonal is right.',
      xaxis: axis('Answered', { showgrid: false, type: 'category', tickangle: -40 }),
      yaxis: axis('Actual', { showgrid: false, type: 'category', autorange: 'reversed' }),
    }),
  };
}

/** The share of right answers by their probability, beside what it should be; below, how many answers there are of each. */
export function reliabilityDiagram(
  { reliability = [], ece, count }: ClassResult,
  { title = 'Reliability diagram' }: { title?: string } = {},
): Figure {
  const filled = reliability.filter((bin) => bin.count > 0);
  const centres = filled.map(({ low, high }) => (low + high) / 2);
  const width = filled.map(({ low, high }) => high - low);
  const range = filled.map(({ low, high }) => `${low.toFixed(2)} to ${high.toFixed(2)}`);
  return {
    data: [
      {
        type: 'bar',
        name: 'Share of right answers',
        x: centres,
        y: filled.map(({ accuracy }) => accuracy),
        width,
        customdata: range,
        marker: { color: colour(0), line: { color: '#ffffff', width: 1 } },
        hovertemplate: 'probability %{customdata}: %{y:.3f} are right<extra></extra>',
      },
      {
        type: 'scatter',
        mode: 'markers',
        name: 'Mean probability',
        x: filled.map(({ confidence }) => confidence),
        y: filled.map(({ confidence }) => confidence),
        marker: { color: colour(1), size: 7 },
        hovertemplate: 'mean probability %{x:.3f}<extra></extra>',
      },
      {
        type: 'scatter',
        mode: 'lines',
        name: 'Perfectly calibrated',
        x: [0, 1],
        y: [0, 1],
        line: { color: mutedInk, width: 1, dash: 'dash' },
        hoverinfo: 'skip',
      },
      {
        type: 'bar',
        name: 'Pictures',
        yaxis: 'y2',
        x: centres,
        y: filled.map((bin) => bin.count),
        width,
        customdata: range,
        showlegend: false,
        marker: { color: '#8c959f', line: { color: '#ffffff', width: 1 } },
        hovertemplate: 'probability %{customdata}: %{y} pictures<extra></extra>',
      },
    ],
    layout: houseLayout(title, 700, 560, {
      subtitle: `Expected calibration error ${ece === undefined ? 'unknown' : ece.toFixed(3)}, ${count} pictures.`,
      xaxis: shareAxis('Probability of the answer', { anchor: 'y2' }),
      yaxis: shareAxis('Share of right answers', { domain: [0.32, 1] }),
      yaxis2: axis('Pictures', { domain: [0, 0.22], rangemode: 'tozero', nticks: 4 }),
      margin: { t: 80, r: 24, b: 96, l: 64 },
    }),
  };
}

/** The mistakes that were made most often, the most frequent on top. */
export function confusedPairs(
  { confusion = [], perClass }: ClassResult,
  { title = 'Most confused pairs', atMost = 10 }: { title?: string; atMost?: number } = {},
): Figure {
  const pairs = mostConfused({ confusion, perClass }, { atMost });
  return {
    data: [
      {
        type: 'bar',
        orientation: 'h',
        x: pairs.map(({ pictures }) => pictures),
        y: pairs.map((_, row) => row),
        customdata: pairs.map(({ share }) => share),
        marker: { color: colour(1) },
        text: pairs.map(({ pictures, share }) => `${pictures} (${(100 * share).toFixed(1)} %)`),
        textposition: 'outside',
        cliponaxis: false,
        hovertemplate: '%{x} pictures, %{customdata:.1%} of the class<extra></extra>',
      },
    ],
    layout: houseLayout(title, 720, 150 + 34 * Math.max(1, pairs.length), {
      subtitle:
        pairs.length === 0
          ? 'No picture was taken for another class.'
          : 'Actual class → answer; in brackets, of the pictures of the actual class.',
      xaxis: axis('Pictures', { rangemode: 'tozero' }),
      yaxis: axis('', {
        showgrid: false,
        tickvals: pairs.map((_, row) => row),
        ticktext: pairs.map(({ actual, answered }) => `${plain(actual)} → ${plain(answered)}`),
        range: [Math.max(1, pairs.length) - 0.5, -0.5],
      }),
      margin: { t: 80, r: 72, b: 56, l: 64 },
    }),
  };
}
