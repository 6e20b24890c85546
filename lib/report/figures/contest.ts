import { axis, colour, type Figure, houseLayout, ink, mutedInk, plain } from '../figure';

/** One contender: a quantity of which less is better. */
export interface ContestBar {
  readonly name: string;
  readonly value: number;
  /** As the value is written beside the bar, with its unit. */
  readonly label: string;
  /** Ours are in colour, the others grey. */
  readonly isOurs: boolean;
  /** What is aimed at, in the value's unit: a line across the bar. */
  readonly target?: number;
  /** What it comes to, below the label. */
  readonly verdict?: string;
}

/** Contenders that are measured by one quantity; the first stands on top. */
export interface ContestPanel {
  readonly title: string;
  /** The quantity and its unit. */
  readonly quantity: string;
  readonly bars: readonly ContestBar[];
}

const rowHeight = 44;
/** A panel's title, its axis and the air between, in rows. */
const rowsAbove = 0.7;
const rowsBelow = 1.5;
/** The bars' share of the width; labels and verdicts have the rest, where no target's line crosses them. */
const barsEnd = 0.62;

/** Contenders as horizontal bars, a panel a quantity, each with what is aimed at. */
export function contestBars(panels: readonly ContestPanel[], { title, subtitle }: { title: string; subtitle: string }): Figure {
  const rows = panels.map(({ bars }) => rowsAbove + bars.length + rowsBelow);
  const total = rows.reduce((sum, count) => sum + count, 0);
  const axes: Record<string, unknown> = {};
  const data: Record<string, unknown>[] = [];
  const annotations: Record<string, unknown>[] = [];
  const shapes: Record<string, unknown>[] = [];
  let above = 0;
  for (const [index, { title: heading, quantity, bars }] of panels.entries()) {
    const suffix = index === 0 ? '' : String(index + 1);
    const top = 1 - (above + rowsAbove) / total;
    above += rows[index]!;
    const longest = Math.max(...bars.flatMap(({ value, target = 0 }) => [value, target]), 0);
    axes[`xaxis${suffix}`] = axis(quantity, {
      anchor: `y${suffix}`,
      domain: [0, barsEnd],
      range: [0, 1.04 * longest || 1],
      nticks: 6,
    });
    axes[`yaxis${suffix}`] = axis('', {
      anchor: `x${suffix}`,
      domain: [top - bars.length / total, top],
      showgrid: false,
      tickvals: bars.map((_, row) => row),
      ticktext: bars.map(({ name }) => `${plain(name)}  `),
      range: [bars.length - 0.5, -0.5],
    });
    data.push({
      type: 'bar',
      orientation: 'h',
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
      x: bars.map(({ value }) => value),
      y: bars.map((_, row) => row),
      width: 0.62,
      marker: { color: bars.map(({ isOurs }) => (isOurs ? colour(0) : '#afb8c1')) },
      hovertemplate: bars.map(({ name, label }) => `${plain(name)}: ${plain(label)}<extra></extra>`),
    });
    annotations.push({
      text: `<b>${plain(heading)}</b>`,
      xref: 'paper',
      yref: `y${suffix} domain`,
      x: 0,
      y: 1,
      xanchor: 'left',
      yanchor: 'bottom',
      yshift: 4,
      showarrow: false,
      font: { size: 14 },
    });
    for (const [row, bar] of bars.entries()) {
      annotations.push(textBeside(bar, `y${suffix}`, row));
      if (bar.target !== undefined) shapes.push(targetLine(bar.target, suffix, row));
    }
  }
  return {
    data,
    layout: houseLayout(title, 900, 84 + rowHeight * total, {
      subtitle,
      showlegend: false,
      margin: { t: 76, r: 20, b: 8, l: 64 },
      annotations,
      shapes,
      ...axes,
    }),
  };
}

function textBeside({ label, verdict }: ContestBar, yref: string, row: number): Record<string, unknown> {
  const below = verdict === undefined ? '' : `<br><span style="font-size: 12px; color: ${mutedInk}">${plain(verdict)}</span>`;
  return {
    text: `<b>${plain(label)}</b>${below}`,
    xref: 'paper',
    yref,
    x: barsEnd + 0.015,
    y: row,
    xanchor: 'left',
    yanchor: 'middle',
    align: 'left',
    showarrow: false,
  };
}

function targetLine(value: number, suffix: string, row: number): Record<string, unknown> {
  const line = { color: ink, width: 2.5 };
  return { type: 'line', xref: `x${suffix}`, yref: `y${suffix}`, x0: value, x1: value, y0: row - 0.42, y1: row + 0.42, line };
}
