import type { SplitResult } from '../../experiments';
import { axis, colour, type Figure, houseLayout, mutedInk, shareAxis } from '../figure';

/** What is counted: answers, of which a picture has one, or labels, of which it has one for each class. */
const words = {
  multiclass: { share: 'Share of right answers', probability: 'Probability of the answer', counted: 'Pictures', are: 'are right' },
  multilabel: { share: 'Share of labels that are present', probability: 'Probability of the label', counted: 'Labels', are: 'are present' },
};

/**
 * The share of right answers by their probability, beside what it should be; below, how many answers there are of each. Where a picture may have several
 * classes, the share of labels that are present.
 */
export function reliabilityDiagram(
  { kind = 'multilabel', reliability = [], ece, count }: Pick<SplitResult, 'kind' | 'reliability' | 'ece' | 'count'>,
  { title = 'Reliability diagram' }: { title?: string } = {},
): Figure {
  const { share, probability, counted, are } = words[kind];
  const filled = reliability.filter((bin) => bin.count > 0);
  const centres = filled.map(({ low, high }) => (low + high) / 2);
  const width = filled.map(({ low, high }) => high - low);
  const range = filled.map(({ low, high }) => `${low.toFixed(2)} to ${high.toFixed(2)}`);
  return {
    data: [
      {
        type: 'bar',
        name: share,
        x: centres,
        y: filled.map(({ accuracy }) => accuracy),
        width,
        customdata: range,
        marker: { color: colour(0), line: { color: '#ffffff', width: 1 } },
        hovertemplate: `probability %{customdata}: %{y:.3f} ${are}<extra></extra>`,
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
        name: counted,
        yaxis: 'y2',
        x: centres,
        y: filled.map((bin) => bin.count),
        width,
        customdata: range,
        showlegend: false,
        marker: { color: '#8c959f', line: { color: '#ffffff', width: 1 } },
        hovertemplate: `probability %{customdata}: %{y} ${counted.toLowerCase()}<extra></extra>`,
      },
    ],
    layout: houseLayout(title, 700, 560, {
      subtitle: `Expected calibration error ${ece === undefined ? 'unknown' : ece.toFixed(3)}, ${count} pictures.`,
      xaxis: shareAxis(probability, { anchor: 'y2' }),
      yaxis: shareAxis(share, { domain: [0.32, 1] }),
      yaxis2: axis(counted, { domain: [0, 0.22], rangemode: 'tozero', nticks: 4 }),
      margin: { t: 80, r: 24, b: 96, l: 64 },
    }),
  };
}
